//! The latest values of devices as conditions: read out of the state that every commit writes anyway, so that
//! reports cost nothing more.

use domain::filter::Reading;
use entity::device_live;
use sea_orm::{
    Condition, DbBackend, EntityTrait, ExprTrait as _, QueryFilter, QuerySelect, QueryTrait, Value,
    sea_query::Expr,
};

/// The devices whose state has such a value under `key`.
pub(super) fn condition(backend: DbBackend, key: &str, reading: &Reading) -> Expr {
    let such = match backend {
        DbBackend::Sqlite => Condition::all().add(on_sqlite(key, reading)),
        _ => Condition::all().add(on_postgres(key, reading)),
    };
    let devices = device_live::Entity::find()
        .select_only()
        .column(device_live::Column::DeviceId)
        .filter(such)
        .into_query();
    Expr::col((entity::device::Entity, entity::device::Column::Id)).in_subquery(devices)
}

/// `state` holds `{"key": [value, measured]}`.
fn on_sqlite(key: &str, reading: &Reading) -> Condition {
    let path = || Value::from(format!("$.\"{key}\"[0]"));
    let number = |order: &str, number: f64| {
        let text = format!(
            "json_type(device_live.state, ?) IN ('integer', 'real') \
             AND json_extract(device_live.state, ?) {order} ?"
        );
        Expr::cust_with_values(text, [path(), path(), number.into()])
    };
    let text = |text: &str| {
        let statement = "json_type(device_live.state, ?) = 'text' \
             AND lower(json_extract(device_live.state, ?)) = lower(?)";
        Expr::cust_with_values(statement, [path(), path(), text.into()])
    };
    let truth = |truth: bool| {
        let statement = "json_type(device_live.state, ?) = ?";
        Expr::cust_with_values(statement, [path(), truth.to_string().into()])
    };
    match reading {
        Reading::Any => Condition::all().add(Expr::cust_with_values(
            "json_type(device_live.state, ?) IS NOT NULL",
            [path()],
        )),
        Reading::Compares(order, than) => Condition::all().add(number(order.as_str(), *than)),
        Reading::Equals(any) => equals(any, &number, &text, &truth),
    }
}

fn on_postgres(key: &str, reading: &Reading) -> Condition {
    let number = |order: &str, number: f64| {
        let text = format!(
            "CASE jsonb_typeof(device_live.state -> $1 -> 0) WHEN 'number' \
             THEN (device_live.state -> $1 ->> 0)::double precision {order} $2 ELSE false END"
        );
        Expr::cust_with_values(text, [Value::from(key), number.into()])
    };
    let of_type = |kind: &str, text: &str| {
        let statement = "jsonb_typeof(device_live.state -> $1 -> 0) = $2 \
             AND lower(device_live.state -> $1 ->> 0) = lower($3)";
        Expr::cust_with_values(statement, [Value::from(key), kind.into(), text.into()])
    };
    let text = |text: &str| of_type("string", text);
    let truth = |truth: bool| of_type("boolean", &truth.to_string());
    match reading {
        Reading::Any => Condition::all().add(Expr::cust_with_values(
            "device_live.state -> $1 IS NOT NULL",
            [Value::from(key)],
        )),
        Reading::Compares(order, than) => Condition::all().add(number(order.as_str(), *than)),
        Reading::Equals(any) => equals(any, &number, &text, &truth),
    }
}

fn equals(
    any: &[String],
    number: &dyn Fn(&str, f64) -> Expr,
    text: &dyn Fn(&str) -> Expr,
    truth: &dyn Fn(bool) -> Expr,
) -> Condition {
    let mut some = Condition::any();
    for written in any {
        some = some.add(text(written));
        if let Ok(wanted) = written.parse::<f64>()
            && wanted.is_finite()
        {
            some = some.add(number("=", wanted));
        }
        if let Ok(wanted) = written.to_ascii_lowercase().parse() {
            some = some.add(truth(wanted));
        }
    }
    some
}
