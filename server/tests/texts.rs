//! U+0000, which JSON and an address can say and PostgreSQL cannot keep: from a device it is replaced, from a person
//! refused.

use domain::{
    Scalar,
    command::{CommandOptions, CommandState, NewCommand},
};
use protocol::Topic;
use serde_json::{Value, json};
use service::{commands, devices};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer, now},
};

/// A message with these members, signed and accepted.
async fn says(device: &Device, topic: &Topic, sequence: u64, members: Value) {
    let Value::Object(mut body) = members else {
        unreachable!("an object")
    };
    body.insert("timestamp".to_owned(), now().0.into());
    body.insert("sequence".to_owned(), sequence.into());
    let topic = topic.to_string();
    let payload = device.identity.sealed(&topic, body);
    assert_eq!(
        device.publish(&topic, payload).await,
        Answer::Accepted,
        "{topic}"
    );
}

async fn state(app: &App, admin: &Person, device: &Device) -> domain::device::StateMap {
    let services = app.services();
    let viewer = admin.actor.require_viewer(services, device.identity.id);
    let viewer = viewer.await.expect("the owner");
    devices::detail(services, &viewer)
        .await
        .expect("its page")
        .state
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_says_with_u_0000_in_it_is_taken_and_holds_nothing_up() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let actor = &admin.actor;
        let identity = Identity::enrol(app.services(), actor, Some(actor), computer("N-1"))
            .await
            .expect("an enrolled device");
        let id = identity.id;
        let device = Device::online(&identity, app.mqtt(), 1).await;

        let ota = json!({ "status": "at \0", "version": "\0" });
        says(&device, &Topic::OtaStatus(id), 2, ota).await;
        let variant = &identity.credentials.hardware_variant;
        let report =
            json!({ "hardware_variant": variant, "values": { "average": 7.5, "note": "a\0b" } });
        says(&device, &identity.topic("cpu"), 3, report).await;
        let mut shown = identity.shown(4);
        shown.insert("macs".to_owned(), json!(["\0"]));
        shown.insert("versions".to_owned(), json!({ "agent": "1\0", "os": "\0" }));
        says(&device, &Topic::Identity(id), 4, Value::Object(shown)).await;

        let known = state(&app, &admin, &device).await;
        assert_eq!(known["ota_status"], text("at \u{fffd}"));
        assert_eq!(known["cpu_note"], text("a\u{fffd}b"));

        let owner = actor
            .require_owner(app.services(), id)
            .await
            .expect("the owner");
        let print = NewCommand {
            name: "print".to_owned(),
            component: None,
            arguments: json!({}),
            valid_for_ms: 60_000,
            options: CommandOptions::default(),
        };
        let command = commands::send(app.services(), &owner, print).await;
        let command = command.expect("queued").id;
        let result = Topic::Result {
            device: id,
            command,
        };
        let output = json!({ "a\0": ["\0", { "b": "\0" }] });
        let answer = json!({ "status": "completed", "reason": "r\0", "output": output });
        says(&device, &result, 5, answer).await;
        let viewer = actor.require_viewer(app.services(), id).await.expect("it");
        let ended = commands::get(app.services(), &viewer, command).await;
        let ended = ended.expect("the command");
        assert_eq!(ended.state, CommandState::Completed);
        assert_eq!(ended.reason.as_deref(), Some("r\u{fffd}"));
        let output = json!({ "a\u{fffd}": ["\u{fffd}", { "b": "\u{fffd}" }] });
        assert_eq!(ended.output, Some(output));
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_asks_for_with_u_0000_in_it_is_refused() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let actor = &admin.actor;
        let identity = Identity::enrol(app.services(), actor, Some(actor), computer("N-2"))
            .await
            .expect("an enrolled device");
        let at = |path: &str| app.url(&format!("/api/devices/{}/{path}", identity.id));
        let refused = async |address: String, body: Value| {
            let asked = app.browser(Some(&admin)).post(address).json(&body).send();
            let answer = asked.await.expect("an answer");
            assert_eq!(answer.status(), 400, "{body}");
        };
        let print = |text: &str| json!({ "name": "print", "arguments": { "text": text } });
        refused(at("command"), print("a\0")).await;
        let fine = app.browser(Some(&admin)).post(at("command"));
        let fine = fine
            .json(&print("\\u0000"))
            .send()
            .await
            .expect("an answer");
        assert!(fine.status().is_success(), "a backslash is a backslash");
        let stranger = json!({ "cpu_serial": "\0", "code": "\0", "csr": "\0" });
        refused(app.url("/api/devices/credentials"), stranger).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_says_with_u_0000_in_it_is_refused() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let (stranger, browser) = (app.browser(None), app.browser(Some(&admin)));
        let at = |name: &str| app.url(&format!("/do/{name}"));
        let sign_in = [("email", "\0"), ("password", "x")];
        let claim = [("cpu_serial", "a\0b"), ("code", "x")];
        let kind = [
            ("component_type", "nul"),
            ("display_name_ko", "가"),
            ("display_name_en", "a"),
            ("category", "sensor"),
            ("description", "\0"),
        ];
        let raw = "email=\0&password=x";
        for (name, asked) in [
            ("sign_in", stranger.post(at("sign_in")).form(&sign_in)),
            // Called what it is not, it is read as a form all the same.
            ("sign_in", stranger.post(at("sign_in")).body(raw)),
            (
                "claim_device",
                browser.post(at("claim_device")).form(&claim),
            ),
            ("save_type", browser.post(at("save_type")).form(&kind)),
            (
                "list_users",
                browser
                    .post(at("list_users"))
                    .json(&json!({ "search": "\0", "page": 1 })),
            ),
        ] {
            let answer = asked.send().await.expect("an answer");
            assert_eq!(answer.status(), 422, "{name}");
            let kind = answer.headers()["content-type"].to_str().expect("text");
            assert_eq!(kind, "application/problem+json", "{name}");
        }
        // JSON says a percent sign by itself.
        let fine = browser
            .post(at("list_users"))
            .json(&json!({ "search": "%00", "page": 1 }));
        assert_eq!(fine.send().await.expect("an answer").status(), 200);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_says_with_u_0000_in_it_is_refused() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let browser = app.browser(Some(&admin));
        for (address, status) in [
            ("/api/devices?search=%00", 422),
            ("/api/devices?%00=", 422),
            ("/api/identity?search=a%00b", 422),
            ("/api/telemetry?of=%00", 422),
            ("/devices?q=%00", 422),
            ("/api/device-configs/%00", 404),
            ("/api/users/me/apps/%00", 404),
        ] {
            let answer = browser.get(app.url(address)).send().await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status(), status, "{address}");
            let kind = answer.headers()["content-type"].to_str().expect("text");
            assert_eq!(kind, "application/problem+json", "{address}");
        }
        // A percent sign that is said itself begins nothing.
        let fine = browser.get(app.url("/api/devices?search=%2500")).send();
        assert_eq!(fine.await.expect("an answer").status(), 200);
        app.stop().await;
    }
}
