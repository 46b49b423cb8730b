//! What one device, and one app, may take of the site: their neighbours are not to notice them.

use domain::event::RefusalReason;
use protocol::{MAX_STATE_ENTRIES, Topic};
use reqwest::{StatusCode, header::HeaderValue};
use rumqttc::mqttbytes::v5::PubAckReason;
use serde_json::{Value, json};
use service::devices;
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
    installation::Installation,
};

async fn claimed(app: &App, admin: &Person, serial: &str) -> Identity {
    let actor = &admin.actor;
    Identity::enrol(app.services(), actor, Some(actor), computer(serial))
        .await
        .expect("an enrolled device")
}

/// How often something of this device was refused for being too large.
async fn too_large(app: &App, admin: &Person, device: &Identity) -> u64 {
    let services = app.services();
    let viewer = admin.actor.require_viewer(services, device.id).await;
    let detail = devices::detail(services, &viewer.expect("a viewer")).await;
    let refusals = detail.expect("its page").refusals.unwrap_or_default();
    let mut of = refusals.into_iter();
    of.find(|counted| counted.reason == RefusalReason::PayloadTooLarge)
        .map_or(0, |counted| counted.count)
}

/// Publishes a report of the processor with these values.
async fn report(device: &Device, identity: &Identity, sequence: u64, values: Value) -> Answer {
    let topic = identity.topic("cpu").to_string();
    let mut body = identity.report(sequence, &[]);
    body.insert("values".to_owned(), values);
    let payload = identity.sealed(&topic, body);
    device.publish(&topic, payload).await
}

fn numbers(from: usize, count: usize) -> Value {
    let names = (from..from + count).map(|n| (format!("k{n}"), json!(1.5)));
    names.collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_cannot_grow_its_state_without_end_and_others_are_not_slowed() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let (greedy, usual) = (
        claimed(&app, &admin, "B-1").await,
        claimed(&app, &admin, "B-2").await,
    );
    let on_greedy = Device::online(&greedy, app.mqtt(), 1).await;
    let on_usual = Device::online(&usual, app.mqtt(), 1).await;
    let first = report(&on_greedy, &greedy, 2, json!({ "average": 1.5 })).await;
    assert_eq!(first, Answer::Accepted);
    let format = Answer::Refused(PubAckReason::PayloadFormatInvalid);
    let (mut accepted, mut refused) = (0, 0);
    for n in 0..20 {
        let values = numbers(n * 100, 100);
        match report(&on_greedy, &greedy, 3 + n as u64, values).await {
            Answer::Accepted => accepted += 1,
            answer => {
                assert_eq!(answer, format);
                refused += 1;
            }
        }
        let sequence = 2 + n as u64;
        let answer = on_usual.report("cpu", sequence, &[("average", 2.5)]).await;
        assert_eq!(answer, Answer::Accepted);
    }
    assert_eq!(accepted, MAX_STATE_ENTRIES / 100);
    assert_eq!(too_large(&app, &admin, &greedy).await, refused);
    assert_eq!(too_large(&app, &admin, &usual).await, 0);

    // One text as well.
    let long = json!({ "average": "x".repeat(4 * 1024 + 1) });
    assert_eq!(report(&on_greedy, &greedy, 40, long).await, format);

    // What it had goes on, and what was refused is not in the history.
    let usual = report(&on_greedy, &greedy, 41, json!({ "average": 3.5 })).await;
    assert_eq!(usual, Answer::Accepted);
    let rows = {
        use sea_orm::{EntityTrait as _, PaginatorTrait as _};
        let rows = entity::report::Entity::find();
        rows.count(&app.services().db.read).await.expect("a count")
    };
    assert_eq!(rows, 2 + accepted as u64 + 20);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_sent_the_largest_state_there_is() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "B-3").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    // Each of these bytes is six in JSON.
    let text = "\u{1}".repeat(1024);
    let mut held = 0;
    for n in 0..16 {
        let values = json!({ format!("text{n}"): text });
        if report(&device, &identity, 2 + n, values).await == Answer::Accepted {
            held += 1;
        }
    }
    assert_eq!(held, 7, "48 KiB of them");
    let phone = Installation::admitted(&app, &admin, "phone").await;
    let mut phone = phone.connect(&app).await.expect("let in");
    let user = admin.actor.user.email.clone();
    let own = user.to_topic_level();
    assert!(phone.subscribe(&format!("client/state/{own}/#")).await);
    let ask = Topic::RequestState {
        user,
        device: identity.id,
    };
    let asked = phone.publish(&ask.to_string(), Vec::new()).await;
    assert_eq!(asked, Answer::Accepted);
    let state: Value = serde_json::from_slice(&phone.next().await.payload).expect("JSON");
    assert_eq!(state["cpu_text0"], text);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_read_queues_nothing() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let device = claimed(&app, &admin, "BOUNDS-KEY").await;
    let browser = app.browser(Some(&admin));
    let path = format!("/api/devices/{}/command", device.id);
    let send = async |key: &str| {
        let key = HeaderValue::from_bytes(key.as_bytes()).expect("a header");
        let wish = json!({ "name": "set", "component_key": "led",
            "arguments": { "status": "ON" } });
        let request = browser.post(app.url(&path)).json(&wish);
        let request = request.header("idempotency-key", key);
        request.send().await.expect("an answer")
    };
    let long = "k".repeat(201);
    for wrong in ["열쇠", "", long.as_str()] {
        let refused = send(wrong).await;
        assert_eq!(refused.status(), 422, "{wrong}");
        let problem: Value = refused.json().await.expect("JSON");
        assert_eq!(problem["field"], "idempotency_key", "{problem}");
    }
    let all = browser.get(app.url(&format!("{path}s"))).send().await;
    let all: Value = all.expect("an answer").json().await.expect("JSON");
    assert_eq!(all, json!([]));
    let (one, same) = (send("once").await, send("once").await);
    assert_eq!(one.status(), StatusCode::ACCEPTED);
    let (one, same): (Value, Value) = (
        one.json().await.expect("JSON"),
        same.json().await.expect("JSON"),
    );
    assert_eq!(one["id"], same["id"]);
    app.stop().await;
}
