//! A device that comes back is brought to what is desired of it, over a real broker.

use domain::twin::TwinComponent;
use protocol::{CommandMessage, STATE_DESIRED, Topic};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use testkit::{
    app::App,
    device::{Answer, Device, Identity, computer, now},
    until,
};

async fn ask(app: &App, browser: &Client, method: Method, path: &str, body: Value) -> StatusCode {
    let asked = browser.request(method, app.url(path)).json(&body).send();
    asked.await.expect("an answer").status()
}

/// The lamp as the twin shows it.
async fn lamp(app: &App, browser: &Client, identity: &Identity) -> TwinComponent {
    let path = format!("/api/devices/{}/twin", identity.id);
    let answer = browser.get(app.url(&path)).send().await.expect("an answer");
    let mut twin: Value = answer.json().await.expect("JSON");
    let all: Vec<TwinComponent> =
        serde_json::from_value(twin["components"].take()).expect("a twin");
    all.into_iter()
        .find(|component| component.component.as_str() == "led")
        .expect("a lamp")
}

/// Reports the state of the lamp.
async fn report(device: &Device, sequence: u64, status: &str) {
    let topic = device.identity.topic("led").to_string();
    let mut body = device.identity.report(sequence, &[]);
    body.insert("status".to_owned(), status.into());
    let payload = device.identity.sealed(&topic, body);
    assert_eq!(device.publish(&topic, payload).await, Answer::Accepted);
}

/// The next command: its name and message.
async fn told(device: &mut Device) -> (String, CommandMessage) {
    loop {
        let publish = device.next().await;
        let topic = std::str::from_utf8(&publish.topic).expect("text");
        let Ok(Topic::Command { name, .. }) = topic.parse() else {
            continue;
        };
        let envelope = protocol::open(&publish.payload).expect("an envelope");
        assert!(envelope.verify(topic, &device.identity.secret()));
        let message = serde_json::from_value(Value::Object(envelope.body)).expect("a command");
        return (name, message);
    }
}

async fn answer(device: &Device, sequence: u64, command: &CommandMessage, body: Value) {
    let topic = Topic::Result {
        device: device.identity.id,
        command: command.command_id,
    }
    .to_string();
    let Value::Object(mut body) = body else {
        unreachable!("an object")
    };
    body.insert("timestamp".to_owned(), now().0.into());
    body.insert("sequence".to_owned(), sequence.into());
    let payload = device.identity.sealed(&topic, body);
    assert_eq!(device.publish(&topic, payload).await, Answer::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_comes_back_is_brought_to_what_is_desired() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let browser = app.browser(Some(&admin));
    let wish = computer("TWIN-2");
    let identity = Identity::enrol(app.services(), &admin.actor, Some(&admin.actor), wish)
        .await
        .expect("enrolled");
    let device = Device::online(&identity, app.mqtt(), 1).await;
    report(&device, 2, "OFF").await;
    device.leave().await;

    // Somebody wants it on while it is away.
    let desired = format!("/api/devices/{}/twin/led/desired", identity.id);
    let on = json!({ "wanted": { "status": "ON" } });
    let set = ask(&app, &browser, Method::PUT, &desired, on).await;
    assert_eq!(set, StatusCode::NO_CONTENT);
    let shown = lamp(&app, &browser, &identity)
        .await
        .desired
        .expect("a wish");
    assert!(shown.differs);

    let mut device = Device::online(&identity, app.mqtt(), 3).await;
    report(&device, 4, "OFF").await;
    let (name, command) = told(&mut device).await;
    assert_eq!(name, STATE_DESIRED);
    assert_eq!(
        Value::Object(command.arguments.clone()),
        json!({ "components": { "led": { "status": "ON" } } })
    );
    report(&device, 5, "ON").await;
    answer(&device, 6, &command, json!({ "status": "completed" })).await;
    until("it is as desired", async || {
        let shown = lamp(&app, &browser, &identity).await.desired?;
        (!shown.differs).then_some(())
    })
    .await;

    // Turned off at the device: it is brought back, and a device that knows `set` only is told so.
    report(&device, 7, "OFF").await;
    let (name, command) = told(&mut device).await;
    assert_eq!(name, STATE_DESIRED);
    let unknown = json!({ "status": "rejected", "reason": "unknown_command" });
    answer(&device, 8, &command, unknown).await;
    report(&device, 9, "OFF").await;
    let (name, command) = told(&mut device).await;
    assert_eq!(name, "set");
    assert_eq!(
        command
            .component_key
            .as_ref()
            .map(domain::ComponentKey::as_str),
        Some("led")
    );
    report(&device, 10, "ON").await;
    answer(&device, 11, &command, json!({ "status": "completed" })).await;

    // Let go of, it stays as it is.
    let gone = ask(&app, &browser, Method::DELETE, &desired, Value::Null).await;
    assert_eq!(gone, StatusCode::OK);
    let shown = lamp(&app, &browser, &identity).await;
    assert_eq!(shown.desired, None);
    assert_eq!(
        shown.reported.get("status"),
        Some(&domain::Scalar::Text("ON".to_owned()))
    );
    app.stop().await;
}
