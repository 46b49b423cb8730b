//! Catalog and components as a client of the REST interface and a device on the wire see them.

use domain::{event::RefusalReason, role::SiteRole};
use reqwest::{Client, Method};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use service::devices::NewDevice;
use testkit::{
    app::App,
    device::{Answer, Device, Identity, computer, now},
    until,
};

async fn ask(app: &App, client: &Client, method: Method, path: &str, body: Value) -> (u16, Value) {
    let mut request = client.request(method, app.url(path));
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

fn board(serial: &str, components: &[&str]) -> NewDevice {
    NewDevice {
        kind: domain::device::DeviceKind::Board,
        hardware_version: "4B".to_owned(),
        components: components
            .iter()
            .map(|c| c.parse().expect("a type"))
            .collect(),
        ..computer(serial)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_read_by_everybody_and_changed_by_administrators() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app
        .person(&admin, "kim@example.org", SiteRole::Member)
        .await;
    let (boss, member, stranger) = (
        app.browser(Some(&admin)),
        app.browser(Some(&kim)),
        app.browser(None),
    );
    let none = Value::Null;
    let gas = json!({ "component_type": "gas", "display_name": "가스 센서", "category": "sensor",
        "telemetry_category": "gas", "component_metadata":
        { "icon": "gauge", "values": [{ "name": "ppm", "unit": "ppm" }], "maker": "MQ-135" } });

    assert_eq!(
        ask(
            &app,
            &stranger,
            Method::GET,
            "/api/components",
            none.clone()
        )
        .await
        .0,
        401
    );
    assert_eq!(
        ask(&app, &member, Method::POST, "/api/components", gas.clone())
            .await
            .0,
        403
    );
    let (status, made) = ask(&app, &boss, Method::POST, "/api/components", gas.clone()).await;
    assert_eq!(
        (status, &made["display_name_en"]),
        (201, &json!("가스 센서"))
    );
    // What others have noted stays, beside what is known.
    assert_eq!(made["component_metadata"]["maker"], "MQ-135");
    assert_eq!(made["component_metadata"]["values"][0]["label_en"], "ppm");
    let (status, again) = ask(&app, &boss, Method::POST, "/api/components", gas.clone()).await;
    assert_eq!((status, &again["detail"]), (409, &json!("type_known: gas")));
    let mut other = gas.clone();
    other["component_type"] = json!("gas_ppm");
    let (status, clash) = ask(&app, &boss, Method::POST, "/api/components", other).await;
    assert_eq!(
        (status, &clash["detail"]),
        (409, &json!("state_key_taken: gas_ppm (gas)"))
    );
    let change = json!({ "display_name": "공기질", "category": "sensor" });
    let (status, changed) = ask(&app, &boss, Method::PUT, "/api/components/gas", change).await;
    assert_eq!((status, &changed["display_name"]), (200, &json!("공기질")));
    let wrong = json!({ "display_name": "공기질", "category": "thing" });
    assert_eq!(
        ask(&app, &boss, Method::PUT, "/api/components/gas", wrong)
            .await
            .0,
        422
    );

    let (_, list) = ask(&app, &member, Method::GET, "/api/components", none.clone()).await;
    let types: Vec<_> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|t| &t["component_type"])
        .collect();
    for kind in ["led", "dht22", "cpu", "gas"] {
        assert!(types.contains(&&json!(kind)), "{kind} in {types:?}");
    }
    let (status, _) = ask(
        &app,
        &boss,
        Method::DELETE,
        "/api/components/gas",
        none.clone(),
    )
    .await;
    assert_eq!(status, 204);
    let (status, _) = ask(
        &app,
        &boss,
        Method::POST,
        "/api/components/gas/restore",
        none.clone(),
    )
    .await;
    assert_eq!(status, 200);

    let lite = json!({ "name": "Lite", "description": "without a case" });
    let (status, lite) = ask(&app, &boss, Method::POST, "/api/hardware-variants", lite).await;
    assert_eq!(status, 201);
    let path = format!("/api/hardware-variants/{}", lite["id"]);
    let words = json!({ "name": "Lite", "description": "in a box" });
    let (status, lite) = ask(&app, &boss, Method::PUT, &path, words).await;
    assert_eq!((status, &lite["description"]), (200, &json!("in a box")));

    let rule = json!({ "hardware_version": "4B", "hardware_variant": "Lite", "component_type": "gas",
        "pin_number": 21, "pin_mode": "IN" });
    let (status, made) = ask(
        &app,
        &boss,
        Method::POST,
        "/api/device-configs",
        rule.clone(),
    )
    .await;
    assert_eq!(status, 201, "{made}");
    let (status, rules) = ask(
        &app,
        &member,
        Method::GET,
        "/api/device-configs/4B",
        none.clone(),
    )
    .await;
    assert_eq!(status, 200);
    assert!(rules.as_array().expect("rules").contains(&made));
    let path = format!("/api/device-configs/{}", made["id"]);
    let mut moved = rule;
    moved["pin_number"] = json!(20);
    let (status, moved) = ask(&app, &boss, Method::PUT, &path, moved).await;
    assert_eq!((status, &moved["pin_number"]), (200, &json!(20)));
    assert_eq!(
        ask(&app, &member, Method::DELETE, &path, none.clone())
            .await
            .0,
        403
    );
    assert_eq!(
        ask(&app, &boss, Method::DELETE, &path, none.clone())
            .await
            .0,
        204
    );
    let (status, _) = ask(
        &app,
        &boss,
        Method::GET,
        "/api/device-configs/nothing",
        none,
    )
    .await;
    assert_eq!(status, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_of_the_catalog_comes_back_as_it_was() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app.person(&admin, "kim@example.org", SiteRole::Member);
    let (boss, member) = (app.browser(Some(&admin)), app.browser(Some(&kim.await)));
    let call = async |client: &Client, method: Method, path: &str| {
        ask(&app, client, method, path, Value::Null).await
    };
    let made = async |path: &str, body: Value| ask(&app, &boss, Method::POST, path, body).await.1;
    let (get, delete, post) = (Method::GET, Method::DELETE, Method::POST);
    let model = json!({ "version": "Zero", "name": "Pi Zero", "kind": "board", "header": "j8" });
    made("/api/hardware-versions", model).await;
    let lite = json!({ "name": "Lite", "description": "in a box" });
    let variant = made("/api/hardware-variants", lite).await["id"].to_string();
    let rule = json!({ "hardware_version": "Zero", "hardware_variant": "Lite", "component_type": "led",
        "pin_number": 21, "pin_mode": "OUT" });
    let rule = made("/api/device-configs", rule).await["id"].to_string();
    let rule = format!("/api/device-configs/{rule}");
    let variant = format!("/api/hardware-variants/{variant}");
    for (path, listed) in [
        (rule.as_str(), "/api/device-configs/Zero"),
        (variant.as_str(), "/api/hardware-variants"),
        ("/api/hardware-versions/Zero", "/api/hardware-versions"),
    ] {
        let before = call(&member, get.clone(), listed).await;
        let back = format!("{path}/restore");
        assert_eq!(call(&boss, delete.clone(), path).await.0, 204);
        assert_ne!(call(&member, get.clone(), listed).await, before);
        assert_eq!(call(&member, post.clone(), &back).await.0, 403);
        let (status, restored) = call(&boss, post.clone(), &back).await;
        assert_eq!(status, 200, "{path}: {restored}");
        let all = before.1.as_array().expect("a list");
        assert!(all.contains(&restored), "{restored} is not as in {all:?}");
        assert_eq!(call(&member, get.clone(), listed).await, before);
    }
    for unknown in [
        "device-configs/999",
        "hardware-variants/999",
        "hardware-versions/Z",
    ] {
        let path = format!("/api/{unknown}/restore");
        assert_eq!(call(&boss, post.clone(), &path).await.0, 404);
    }
    // A rule comes back to what is there.
    for path in [&rule, &variant] {
        assert_eq!(call(&boss, delete.clone(), path).await.0, 204);
    }
    let (status, refused) = call(&boss, post, &format!("{rule}/restore")).await;
    assert_eq!(
        (status, &refused["detail"]),
        (422, &json!("unknown_hardware"))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_are_attached_told_to_the_device_and_let_through_by_the_rules() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let services = app.services();
    let browser = app.browser(Some(&admin));
    let wish = board("ATT-1", &["cpu"]);
    let identity = Identity::enrol(services, &admin.actor, Some(&admin.actor), wish)
        .await
        .expect("a board");
    let path = format!("/api/components/devices/{}/components", identity.id);
    let mut device = Device::online(&identity, app.mqtt(), 1).await;

    let led = json!({ "component_type": "led", "name": "현관 등" });
    let (status, led) = ask(&app, &browser, Method::POST, &path, led).await;
    assert_eq!(
        (status, &led["component_key"], &led["pin_number"]),
        (201, &json!("led"), &json!(17))
    );
    let owner = heard(&mut device, "/owner", |told| {
        told["components"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    });
    assert_eq!(owner.await["components"][1]["pin_number"], 17);
    let told = heard(&mut device, "/component/changed", |_| true);
    assert_eq!(told.await["arguments"]["component_key"], "led");

    // The device asks for the same by its own token; another's is not its business.
    let token = device_token(&app, &identity).await;
    let stranger = app.browser(None);
    let by_device = async |path: &str| {
        let answer = stranger.get(app.url(path)).bearer_auth(&token).send().await;
        let answer = answer.expect("an answer");
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap_or(Value::Null),
        )
    };
    let (status, own) = by_device(&path).await;
    assert_eq!((status, own.as_array().map(Vec::len)), (200, Some(2)));
    let elsewhere = format!(
        "/api/components/devices/{}/components",
        uuid::Uuid::new_v4()
    );
    assert_eq!(by_device(&elsewhere).await.0, 403);

    let topic = identity.topic("led").to_string();
    let send = async |device: &Device, sequence| {
        let report = identity.report(sequence, &[("level", 1.0)]);
        device
            .publish(&topic, identity.sealed(&topic, report))
            .await
    };
    assert_eq!(send(&device, 10).await, Answer::Accepted);
    let taken = json!({ "component_type": "pump", "pin_number": 17 });
    let (status, taken) = ask(&app, &browser, Method::POST, &path, taken).await;
    assert_eq!((status, &taken["detail"]), (409, &json!("pin_taken: led")));

    // What comes back does so where its wire is, or not at all.
    let of_led = format!("{path}/{}", led["id"]);
    let back = format!("{of_led}/restore");
    let (status, _) = ask(&app, &browser, Method::DELETE, &of_led, Value::Null).await;
    assert_eq!(status, 204);
    let relay = json!({ "component_type": "relay", "pin_number": 17 });
    let (status, relay) = ask(&app, &browser, Method::POST, &path, relay).await;
    assert_eq!(status, 201, "{relay}");
    let (status, taken) = ask(&app, &browser, Method::POST, &back, Value::Null).await;
    assert_eq!(
        (status, &taken["detail"]),
        (409, &json!("pin_taken: relay"))
    );
    let of_relay = format!("{path}/{}", relay["id"]);
    let (status, _) = ask(&app, &browser, Method::DELETE, &of_relay, Value::Null).await;
    assert_eq!(status, 204);
    let (status, again) = ask(&app, &browser, Method::POST, &back, Value::Null).await;
    assert_eq!((status, &again["pin_number"]), (200, &json!(17)), "{again}");

    // A rule that something is wired by is not deleted.
    let (_, rules) = ask(
        &app,
        &browser,
        Method::GET,
        "/api/device-configs/4B",
        Value::Null,
    )
    .await;
    let rule = rules
        .as_array()
        .expect("rules")
        .iter()
        .find(|rule| {
            rule["component_type"] == "led"
                && rule["pin_number"] == 17
                && rule["hardware_variant"] == "Standard"
        })
        .expect("the rule of the led");
    let of_rule = format!("/api/device-configs/{}", rule["id"]);
    let (status, used) = ask(&app, &browser, Method::DELETE, &of_rule, Value::Null).await;
    assert_eq!((status, &used["detail"]), (409, &json!("in_use: ATT-1")));
    // Where it is gone all the same, what the component reports is refused.
    entity::pin_rule::Entity::update_many()
        .col_expr(entity::pin_rule::Column::DeletedMs, Expr::value(1_i64))
        .filter(entity::pin_rule::Column::Id.eq(rule["id"].as_i64().expect("an id")))
        .exec(&services.db.write)
        .await
        .expect("the rule is gone");
    let changed = domain::live::LiveEvent::Device {
        device: identity.id,
    };
    services.bus.publish(vec![changed]).await;
    let refused = until("the report is refused", async || {
        let viewer = admin
            .actor
            .require_viewer(services, identity.id)
            .await
            .ok()?;
        let report = identity.report(11, &[("level", 2.0)]);
        device
            .publish(&topic, identity.sealed(&topic, report))
            .await;
        let detail = service::devices::detail(services, &viewer).await.ok()?;
        let reasons = detail.refusals?;
        reasons
            .iter()
            .find(|refused| refused.reason == RefusalReason::ComponentNotAllowed)
            .cloned()
    });
    assert!(refused.await.count >= 1);
    let (_, all) = ask(&app, &browser, Method::GET, &path, Value::Null).await;
    assert_eq!(all[1]["health"], "not_allowed");

    let one = format!("{path}/{}", led["id"]);
    assert_eq!(
        ask(&app, &browser, Method::DELETE, &one, Value::Null)
            .await
            .0,
        204
    );
    let report = identity.report(12, &[("level", 3.0)]);
    let answer = device
        .publish(&topic, identity.sealed(&topic, report))
        .await;
    assert_ne!(answer, Answer::Accepted);
    app.stop().await;
}

/// The first message to a topic with this end that fits; others go by.
async fn heard(device: &mut Device, end: &str, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = device.next().await;
        let body = serde_json::from_slice(&message.payload).unwrap_or(Value::Null);
        if message.topic.ends_with(end.as_bytes()) && fits(&body) {
            return body;
        }
    }
}

async fn device_token(app: &App, identity: &Identity) -> String {
    let now = now();
    let body = json!({ "device_uuid": identity.id, "timestamp": now, "sequence": 1 });
    let Value::Object(body) = body else {
        unreachable!("an object")
    };
    let answer = app
        .browser(None)
        .post(app.url("/auth/device"))
        .header("content-type", "application/json")
        .body(identity.sealed("auth/device", body))
        .send()
        .await
        .expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}
