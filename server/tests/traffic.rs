//! A device's raw messages, as those see them who may command it.

use domain::{live::LiveEvent, role::SiteRole};
use reqwest::{Client, StatusCode};
use rumqttc::PublishOptions;
use serde_json::{Value, json};
use service::devices::{self, sharing};
use testkit::{
    app::App,
    device::{Answer, Device, Identity, computer, presence},
    until,
};

async fn ask(app: &App, client: &Client, path: &str) -> (StatusCode, Value) {
    let answer = client.get(app.url(path)).send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The messages, oldest first.
async fn messages(app: &App, client: &Client, path: &str) -> Vec<Value> {
    let (status, body) = ask(app, client, path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    let mut messages = body.as_array().expect("messages").clone();
    messages.reverse();
    messages
}

fn fates(messages: &[Value]) -> Vec<String> {
    let text = |message: &Value, key: &str| message[key].as_str().unwrap_or("-").to_owned();
    messages
        .iter()
        .map(|m| {
            format!(
                "{} {} {}",
                text(m, "packet"),
                text(m, "fate"),
                text(m, "refused")
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_shown_with_what_became_of_it() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let wish = computer("RAW-1");
    let identity = Identity::enrol(app.services(), &admin.actor, Some(&admin.actor), wish)
        .await
        .expect("enrolled");
    let path = format!("/api/devices/{}/traffic", identity.id);
    let mut bus = app.services().bus.subscribe();
    assert!(messages(&app, &client, &path).await.is_empty());

    let mut device = Device::online(&identity, app.mqtt(), 1).await;
    let topic = identity.topic("cpu").to_string();
    let report = identity.sealed(&topic, identity.report(2, &[("average", 12.5)]));
    assert_eq!(
        device.publish(&topic, report.clone()).await,
        Answer::Accepted
    );
    assert_eq!(device.publish(&topic, report).await, Answer::Accepted);
    let mut wrong = identity.report(3, &[("average", 13.5)]);
    wrong.insert("signature".to_owned(), "00".repeat(32).into());
    let wrong = serde_json::to_vec(&wrong).expect("JSON");
    assert_ne!(device.publish(&topic, wrong).await, Answer::Accepted);
    let malformed = br#"{"password":"hunter2""#.to_vec();
    assert_ne!(device.publish(&topic, malformed).await, Answer::Accepted);
    assert_ne!(
        device.publish("presence/another", b"{}".to_vec()).await,
        Answer::Accepted
    );
    let retained = PublishOptions::at_least_once().retain(true);
    let online = presence(protocol::identity::PresenceStatus::Online);
    let own = format!("presence/{}", identity.id);
    device.publish_with(&own, online, retained).await;
    let command = json!({ "name": "reboot", "arguments": { "token": "t0p" } });
    let sent = client
        .post(app.url(&format!("/api/devices/{}/command", identity.id)))
        .json(&command)
        .send()
        .await
        .expect("an answer");
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    loop {
        let told = device.next().await;
        if told.topic.starts_with(b"commands/") {
            break;
        }
    }

    let all = until("the command among the messages", async || {
        let all = messages(&app, &client, &path).await;
        all.iter().any(|m| m["fate"] == "sent").then_some(all)
    })
    .await;
    let up: Vec<Value> = all
        .iter()
        .filter(|m| m["direction"] == "up")
        .cloned()
        .collect();
    assert_eq!(
        fates(&up),
        [
            "connect taken -",
            "publish taken -",
            "subscribe taken -",
            "subscribe taken -",
            "publish taken -",
            "publish duplicate -",
            "publish refused wrong_signature",
            "publish refused malformed",
            "publish refused forbidden_publish",
            "publish taken -",
        ]
    );
    assert_eq!(up[4]["topic"], topic);
    let text = up[4]["payload"].as_str().expect("a text");
    assert!(text.contains("\"average\":12.5"), "{text}");
    let everything = serde_json::to_string(&all).expect("JSON");
    for secret in ["hunter2", "t0p", &"00".repeat(32)] {
        assert!(!everything.contains(secret), "{secret}");
    }
    let command = all.iter().find(|m| {
        m["fate"] == "sent" && m["topic"].as_str().is_some_and(|t| t.ends_with("/reboot"))
    });
    let text = command.expect("the command")["payload"]
        .as_str()
        .expect("a text");
    assert!(text.contains("\"signature\":\"•••\""), "{text}");

    let refused = messages(&app, &client, &format!("{path}?only=refused")).await;
    assert_eq!(refused.len(), 4, "{refused:?}");
    let found = messages(&app, &client, &format!("{path}?q=AVERAGE&only=up")).await;
    assert_eq!(found.len(), 3, "{found:?}");
    let last = all.last().expect("one")["number"]
        .as_u64()
        .expect("a number");
    assert!(
        messages(&app, &client, &format!("{path}?after={last}"))
            .await
            .is_empty()
    );
    assert_eq!(
        ask(&app, &client, &format!("{path}?only=x")).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );

    let mut told = 0;
    while let Ok(event) = bus.try_recv() {
        told += u32::from(matches!(*event, LiveEvent::Traffic { .. }));
    }
    assert!((1..=20).contains(&told), "{told}");

    device.leave().await;
    until("the end of the connection", async || {
        let all = messages(&app, &client, &path).await;
        let end = all.last().cloned();
        end.filter(|m| m["packet"] == "disconnect" && m["cause"] == "disconnected")
    })
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_messages_are_for_those_who_may_command_and_for_one_ownership() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let person = async |email: &str, role| app.person(&admin, email, role).await;
    let owner = person("owner@example.org", SiteRole::Member).await;
    let viewer = person("viewer@example.org", SiteRole::Member).await;
    let other = person("other@example.org", SiteRole::Member).await;
    let developer = person("developer@example.org", SiteRole::Developer).await;
    let wish = computer("RAW-2");
    let identity = Identity::enrol(app.services(), &admin.actor, Some(&owner.actor), wish)
        .await
        .expect("enrolled");
    let services = app.services();
    let owns = owner
        .actor
        .require_owner(services, identity.id)
        .await
        .expect("the owner");
    let role = domain::role::DeviceRole::Viewer;
    sharing::share(services, &owns, "viewer@example.org", role)
        .await
        .expect("shared");
    let path = format!("/api/devices/{}/traffic", identity.id);
    for (who, person, expected) in [
        ("nobody", None, 401),
        ("another", Some(&other), 404),
        ("a viewer", Some(&viewer), 403),
        ("the owner", Some(&owner), 200),
        ("a developer", Some(&developer), 200),
    ] {
        let status = ask(&app, &app.browser(person), &path).await.0;
        assert_eq!(status.as_u16(), expected, "{who}");
    }

    let device = Device::online(&identity, app.mqtt(), 1).await;
    let client = app.browser(Some(&admin));
    assert!(!messages(&app, &client, &path).await.is_empty());
    devices::unlink(services, &owns).await.expect("unlinked");
    let owns = app.browser(Some(&owner));
    assert_eq!(ask(&app, &owns, &path).await.0, StatusCode::NOT_FOUND);
    let after = messages(&app, &client, &path).await;
    let reports = after.iter().any(|m| {
        m["topic"]
            .as_str()
            .is_some_and(|t| t.ends_with("/identity"))
    });
    assert!(!reports, "what passed under the former owner: {after:?}");
    drop(device);

    let audited = {
        use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
        entity::audit::Entity::find()
            .filter(entity::audit::Column::Action.eq("traffic.watch"))
            .count(&services.db.read)
            .await
            .expect("the audit")
    };
    assert_eq!(
        audited, 3,
        "the owner, the developer and the administrator, once each"
    );
    app.stop().await;
}
