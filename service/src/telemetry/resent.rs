//! Whether a message whose sequence is known came again, or is another one: a copy of the device speaks.

use std::collections::BTreeSet;

use domain::TimestampMs;
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect};
use serde_json::Value;

use super::{commit::Incoming, numbers::Numbers, rows::Readings};

/// A repeated sequence is compared with what is stored as long as retention surely kept it.
const COMPARE_WITHIN_MS: i64 = 24 * 3_600_000;

/// Whether `message` may be the one that was stored under its sequence. What it reports now need not be what
/// was stored of it: a report of a component that was unknown at the time was refused, and one of a component
/// that is detached is refused now. So each of its reports that is stored is compared; where none is, nothing
/// else of the device may be stored under the sequence since a day before `last`.
pub(super) async fn may_be_stored(
    transaction: &DatabaseTransaction,
    message: &Incoming,
    last: TimestampMs,
) -> Result<bool, DbErr> {
    use entity::report::{Column, Entity};
    let since = last.plus_ms(-COMPARE_WITHIN_MS);
    let mut numbers = Numbers::of(message);
    let parts: Vec<_> = message
        .reports
        .iter()
        .map(|part| (numbers.number(part), part))
        .filter(|(_, part)| part.at >= since)
        .collect();
    let times = || parts.iter().map(|(_, part)| part.at.0);
    let (Some(first), Some(newest)) = (times().min(), times().max()) else {
        return Ok(true);
    };
    let stored_as: BTreeSet<i64> = parts.iter().map(|(number, _)| *number).collect();
    let rows = Entity::find()
        .filter(Column::Sequence.is_in(stored_as))
        .filter(Column::ComponentId.is_in(parts.iter().map(|(_, part)| part.component_id)))
        .filter(Column::AtMs.between(first, newest))
        .all(transaction)
        .await?;
    for row in &rows {
        let part = parts.iter().find(|(number, part)| {
            let (component, at) = (part.component_id, part.at.0);
            (component, at, *number) == (row.component_id, row.at_ms, row.sequence)
        });
        let Some((_, part)) = part else {
            return Ok(false);
        };
        let readings = serde_json::to_value(Readings(part));
        let readings = readings.map_err(|error| DbErr::Json(error.to_string()))?;
        if row.status != part.status || !same_readings(&row.readings, &readings) {
            return Ok(false);
        }
    }
    if !rows.is_empty() {
        return Ok(true);
    }
    let components: Vec<i64> = entity::component::Entity::find()
        .select_only()
        .column(entity::component::Column::Id)
        .filter(entity::component::Column::DeviceId.eq(message.device.id))
        .into_tuple()
        .all(transaction)
        .await?;
    let sequence = i64::try_from(message.sequence.0).unwrap_or(i64::MAX);
    let another = Entity::find()
        .filter(Column::Sequence.eq(sequence))
        .filter(Column::ComponentId.is_in(components))
        .filter(Column::AtMs.gte(since.0))
        .one(transaction)
        .await?;
    Ok(another.is_none())
}

/// Numbers compare as numbers: PostgreSQL gives `25` for `25.0`.
fn same_readings(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same_readings(value, other)))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}
