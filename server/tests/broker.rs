//! Devices against the whole server, over real TLS: what the wire allows, and what it refuses.

#[path = "broker/raw.rs"]
mod raw;

use domain::{
    AppError,
    device::{DeviceDetail, Presence},
    event::RefusalReason,
    role::SiteRole,
};
use protocol::Topic;
use rumqttc::{
    PublishOptions,
    mqttbytes::v5::{DisconnectReasonCode, PubAckReason},
};
use serde_json::json;
use service::devices;
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Ended, Identity, Manner, computer, now, presence},
    until,
};

async fn claimed(app: &App, admin: &Person, serial: &str) -> Identity {
    let actor = &admin.actor;
    Identity::enrol(app.services(), actor, Some(actor), computer(serial))
        .await
        .expect("an enrolled device")
}

/// What the device's page shows this person.
async fn page(app: &App, person: &Person, device: &Identity) -> Result<DeviceDetail, AppError> {
    let services = app.services();
    let viewer = person.actor.require_viewer(services, device.id).await?;
    devices::detail(services, &viewer).await
}

/// How often messages of this device were refused for this reason, as its page shows it.
async fn refusals(app: &App, admin: &Person, device: &Identity, reason: RefusalReason) -> u64 {
    let detail = page(app, admin, device).await.expect("its page");
    detail
        .refusals
        .iter()
        .flatten()
        .filter(|counted| counted.reason == reason)
        .map(|counted| counted.count)
        .sum()
}

async fn stored_rows(app: &App) -> i64 {
    use sea_orm::{EntityTrait as _, PaginatorTrait as _};
    let rows = entity::report::Entity::find();
    let count = rows.count(&app.services().db.read).await.expect("a count");
    count.try_into().expect("few")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_acknowledged_when_it_is_stored_and_a_replay_is_stored_once() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "A-1").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;

    let topic = identity.topic("cpu").to_string();
    let payload = identity.sealed(&topic, identity.report(2, &[("average", 12.5)]));
    assert_eq!(
        device.publish(&topic, payload.clone()).await,
        Answer::Accepted
    );
    assert_eq!(
        stored_rows(&app).await,
        1,
        "stored before it was acknowledged"
    );
    for _ in 0..3 {
        assert_eq!(
            device.publish(&topic, payload.clone()).await,
            Answer::Accepted
        );
    }
    assert_eq!(stored_rows(&app).await, 1);
    let detail = page(&app, &admin, &identity).await.expect("its page");
    assert_eq!(detail.duplicates, 3);
    assert_eq!(detail.summary.presence.presence, Presence::Online);

    // Another content under the same sequence is somebody else with its secret.
    let other = identity.sealed(&topic, identity.report(2, &[("average", 99.0)]));
    let answer = device.publish(&topic, other).await;
    assert_eq!(
        answer,
        Answer::Refused(PubAckReason::ImplementationSpecificError)
    );
    let reused = RefusalReason::SequenceReused;
    assert_eq!(refusals(&app, &admin, &identity, reused).await, 1);
    assert_eq!(stored_rows(&app).await, 1);
    app.stop().await;
}

/// A figure of the server's metrics.
async fn figure(app: &App, name: &str) -> u64 {
    let answer = reqwest::get(app.url("/metrics")).await.expect("an answer");
    let text = answer.text().await.expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.expect("the figure").trim();
    value.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reports_of_one_device_wait_for_one_commit_together() {
    use sea_orm::TransactionTrait as _;
    const REPORTS: u32 = 20;
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "A-1").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    assert_eq!(
        device.report("cpu", 2, &[("average", 0.0)]).await,
        Answer::Accepted
    );

    // Nothing can be committed while another holds the writer.
    let held = app.services().db.write.begin().await.expect("the writer");
    let before = figure(&app, "madang_commits_total").await;
    let sending = futures::future::join_all((0..REPORTS).map(|n| {
        let device = &device;
        async move {
            device
                .report("cpu", 3 + u64::from(n), &[("average", f64::from(n))])
                .await
        }
    }));
    let releasing = async {
        until("reports that wait together", async || {
            let waiting = figure(&app, "madang_messages_waiting").await;
            (waiting == u64::from(REPORTS)).then_some(())
        })
        .await;
        held.rollback().await.expect("released");
    };
    let (answers, ()) = tokio::join!(sending, releasing);
    assert!(answers.iter().all(|answer| *answer == Answer::Accepted));
    let commits = figure(&app, "madang_commits_total").await - before;
    assert!(
        commits < u64::from(REPORTS / 2),
        "{commits} commits of {REPORTS} reports"
    );
    assert_eq!(stored_rows(&app).await, 1 + i64::from(REPORTS));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_the_wire_is_acknowledged_with_its_reason_and_counted() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "B-1").await;
    let stranger = claimed(&app, &admin, "B-2").await;
    let device = Device::online(&identity, app.mqtt(), 5_000).await;

    let topic = identity.topic("cpu").to_string();
    let report = |sequence| identity.report(sequence, &[("average", 1.0)]);
    let changed = |member: &str, value: serde_json::Value| {
        let mut body = report(5_001);
        body.insert(member.to_owned(), value);
        identity.sealed(&topic, body)
    };
    let led = identity.topic("pump").to_string();
    let others = stranger.topic("cpu").to_string();
    let foreign = topic
        .replace("admin%40example.org", "x")
        .replace("admin@example.org", "other@example.org");
    assert_ne!(foreign, topic);
    let other = PubAckReason::ImplementationSpecificError;
    let forbidden = PubAckReason::NotAuthorized;
    let cases: Vec<(RefusalReason, String, Vec<u8>, PubAckReason)> = vec![
        (
            RefusalReason::SequenceTooOld,
            topic.clone(),
            identity.sealed(&topic, report(3_000)),
            other,
        ),
        (
            RefusalReason::WrongSignature,
            topic.clone(),
            stranger.sealed(&topic, report(5_001)),
            forbidden,
        ),
        (
            RefusalReason::ClockAhead,
            topic.clone(),
            changed("timestamp", json!(now().0 + 301_000)),
            other,
        ),
        (
            RefusalReason::TooOld,
            topic.clone(),
            changed("timestamp", json!(1_000)),
            other,
        ),
        (
            RefusalReason::UnknownComponent,
            led.clone(),
            identity.sealed(&led, report(5_001)),
            other,
        ),
        (
            RefusalReason::WrongVariant,
            topic.clone(),
            changed("hardware_variant", json!("Pro")),
            other,
        ),
        (
            RefusalReason::Malformed,
            topic.clone(),
            b"{\"a\":1,\"a\":2}".to_vec(),
            PubAckReason::PayloadFormatInvalid,
        ),
        (
            RefusalReason::Malformed,
            topic.clone(),
            b"not JSON".to_vec(),
            PubAckReason::PayloadFormatInvalid,
        ),
        (
            RefusalReason::WrongOwner,
            foreign.clone(),
            identity.sealed(&foreign, report(5_001)),
            forbidden,
        ),
        (
            RefusalReason::ForbiddenPublish,
            others.clone(),
            stranger.sealed(&others, report(1)),
            forbidden,
        ),
        (
            RefusalReason::ForbiddenPublish,
            "$SYS/broker".to_owned(),
            b"{}".to_vec(),
            forbidden,
        ),
        (
            RefusalReason::ForbiddenPublish,
            format!("commands/{}/set", identity.id),
            b"{}".to_vec(),
            forbidden,
        ),
    ];
    let mut expected = std::collections::BTreeMap::new();
    for (reason, topic, payload, code) in cases {
        let answer = device.publish(&topic, payload).await;
        assert_eq!(answer, Answer::Refused(code), "{reason:?} on {topic}");
        let count = expected.entry(reason.as_str()).or_insert(0);
        *count += 1;
        assert_eq!(
            refusals(&app, &admin, &identity, reason).await,
            *count,
            "{reason:?} on {topic}"
        );
    }
    let retained = PublishOptions::at_least_once().retain(true);
    let payload = identity.sealed(&topic, report(5_001));
    let answer = device.publish_with(&topic, payload, retained).await;
    assert_eq!(answer, Answer::Refused(forbidden));
    let option = RefusalReason::ForbiddenOption;
    assert_eq!(refusals(&app, &admin, &identity, option).await, 1);

    for filter in [
        "#",
        "$SYS/#",
        "commands/+/#",
        "$share/a/commands/#",
        "$limit/1/commands/#",
        "$exclusive/commands/#",
    ] {
        assert!(!device.subscribe(filter).await, "{filter}");
    }
    until("the refusals are counted", async || {
        let subscribe = RefusalReason::ForbiddenSubscribe;
        (refusals(&app, &admin, &identity, subscribe).await == 6).then_some(())
    })
    .await;
    assert_eq!(stored_rows(&app).await, 0, "nothing of it was stored");
    assert_eq!(
        refusals(&app, &admin, &stranger, RefusalReason::ForbiddenPublish).await,
        0
    );

    // The device is still heard.
    assert_eq!(
        device.report("cpu", 5_001, &[("average", 1.0)]).await,
        Answer::Accepted
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_packet_ends_the_connection_and_is_counted() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "C-1").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    let topic = identity.topic("cpu").to_string();
    // Its own library would not send what the broker says is too large.
    assert!(device.publish(&topic, vec![b' '; 80 * 1024]).await == Answer::Nobody);
    raw::too_large(&app, &identity, &topic).await;
    until("the refusal is counted", async || {
        let reason = RefusalReason::PayloadTooLarge;
        (refusals(&app, &admin, &identity, reason).await == 1).then_some(())
    })
    .await;

    // Over the limit of the wire, within that of the broker.
    let device = Device::online(&identity, app.mqtt(), 2).await;
    let answer = device.publish(&topic, vec![b' '; 65 * 1024]).await;
    assert_eq!(answer, Answer::Refused(PubAckReason::PayloadFormatInvalid));
    let reason = RefusalReason::PayloadTooLarge;
    assert_eq!(refusals(&app, &admin, &identity, reason).await, 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_of_a_topic_that_was_not_offered_ends_the_connection() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "C-2").await;
    let topic = identity.topic("cpu").to_string();
    let option = RefusalReason::ForbiddenOption;
    for (named, counted) in [(topic.as_str(), 1), ("", 2)] {
        let ended = raw::with_an_alias(&app, &identity, named).await;
        assert_eq!(ended, 0x94, "Topic Alias invalid");
        until("the refusal is counted", async || {
            (refusals(&app, &admin, &identity, option).await == counted).then_some(())
        })
        .await;
    }
    assert_eq!(stored_rows(&app).await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_connects_as_another() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "D-1").await;
    let other = claimed(&app, &admin, "D-2").await;
    let wrong = [
        (other.id.to_string(), None),
        (format!("{}:1", identity.id), None),
        (
            identity.id.to_string(),
            Some(Topic::Presence(other.id).to_string()),
        ),
        (
            identity.id.to_string(),
            Some(format!("commands/{}/set", identity.id)),
        ),
    ];
    for (client_id, will) in wrong {
        let manner = Manner {
            client_id,
            will,
            lasting: false,
        };
        let refused = Device::connect_as(&identity, app.mqtt(), manner.clone()).await;
        assert!(refused.is_err(), "{manner:?}");
    }
    let reason = RefusalReason::ForbiddenConnect;
    assert_eq!(refusals(&app, &admin, &identity, reason).await, 4);

    // A certificate of another authority is not even heard.
    let elsewhere = App::start().await;
    let there = elsewhere.set_up().await;
    let foreign = claimed(&elsewhere, &there, "D-1").await;
    assert!(Device::connect(&foreign, app.mqtt()).await.is_err());
    elsewhere.stop().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_ends_the_session_and_a_copy_cannot_return() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "E-1").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    let proof = admin.actor.require_admin().expect("an administrator");

    let began = std::time::Instant::now();
    devices::revoke(app.services(), &proof, identity.id)
        .await
        .expect("revoked");
    let ended = device.ended().await;
    let took = began.elapsed();
    assert!(
        matches!(
            ended,
            Ended::Told(
                DisconnectReasonCode::AdministrativeAction | DisconnectReasonCode::NotAuthorized
            ) | Ended::Cut(_)
        ),
        "{ended:?}"
    );
    assert!(took.as_millis() < 1_000, "{took:?}");
    assert!(Device::connect(&identity, app.mqtt()).await.is_err());
    let app = app.restart().await;
    assert!(Device::connect(&identity, app.mqtt()).await.is_err());

    // It learns what happened from where it enrolled.
    let again = Identity::with_code(
        app.services(),
        identity.serial.clone(),
        identity.code.clone(),
    )
    .await;
    let gone = again.expect_err("revoked");
    assert!(
        matches!(gone.downcast_ref(), Some(AppError::Gone)),
        "{gone}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclaimed_device_says_who_it_is_and_no_more() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = Identity::enrol(app.services(), &admin.actor, None, computer("F-1"))
        .await
        .expect("a certificate");
    let device = Device::connect(&identity, app.mqtt())
        .await
        .expect("let in");
    let topic = Topic::Identity(identity.id).to_string();
    let shown = serde_json::to_vec(&identity.shown(1)).expect("JSON");
    let unsigned = {
        let mut body = identity.shown(1);
        body.insert("signature".to_owned(), json!("00".repeat(32)));
        serde_json::to_vec(&body).expect("JSON")
    };
    assert_eq!(device.publish(&topic, unsigned).await, Answer::Accepted);
    assert!(matches!(
        device.publish(&topic, shown).await,
        Answer::Refused(_) | Answer::Accepted
    ));
    let presence_topic = Topic::Presence(identity.id).to_string();
    let online = presence(protocol::identity::PresenceStatus::Online);
    let retained = PublishOptions::at_least_once().retain(true);
    assert_eq!(
        device.publish_with(&presence_topic, online, retained).await,
        Answer::Accepted
    );
    let report = format!("telemetry/admin@example.org/{}/cpu/status", identity.id);
    let answer = device.publish(&report, b"{}".to_vec()).await;
    assert_eq!(answer, Answer::Refused(PubAckReason::NotAuthorized));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_unlinked_is_reset_and_can_be_claimed_by_another() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let next = app
        .person(&admin, "next@example.org", SiteRole::Member)
        .await;
    let identity = claimed(&app, &admin, "G-1").await;
    let mut device = Device::online(&identity, app.mqtt(), 1).await;
    assert_eq!(
        device.report("cpu", 2, &[("average", 1.0)]).await,
        Answer::Accepted
    );

    let owner = admin
        .actor
        .require_owner(app.services(), identity.id)
        .await
        .expect("the owner");
    devices::unlink(app.services(), &owner)
        .await
        .expect("unlinked");
    let reset = Topic::Reset(identity.id).to_string();
    while device.next().await.topic != reset.as_bytes() {}
    // What it still says under the old secret is refused.
    assert_ne!(
        device.report("cpu", 3, &[("average", 2.0)]).await,
        Answer::Accepted
    );
    assert_eq!(stored_rows(&app).await, 1);
    drop(device);

    let proof = admin.actor.require_admin().expect("an administrator");
    let label = devices::renew_code(app.services(), &proof, identity.id)
        .await
        .expect("a new label");
    let code = label.code.to_string();
    devices::claim(app.services(), &next.actor, &identity.serial, &code)
        .await
        .expect("claimed");
    let again = Identity::with_code(app.services(), identity.serial.clone(), code)
        .await
        .expect("a new secret");
    assert_ne!(
        again.secret().to_base64url(),
        identity.secret().to_base64url()
    );
    let device = Device::online(&again, app.mqtt(), 1).await;
    assert_eq!(
        device.report("cpu", 2, &[("average", 3.0)]).await,
        Answer::Accepted
    );
    assert!(page(&app, &next, &identity).await.is_ok());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_says_when_a_device_went_and_why() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "H-1").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    let shown = async |app: &App, wanted: Presence| {
        until("presence", async || {
            let detail = page(app, &admin, &identity).await.ok()?;
            let now = detail.summary.presence;
            (now.presence == wanted).then_some(now)
        })
        .await
    };
    shown(&app, Presence::Online).await;
    drop(device);
    let offline = shown(&app, Presence::Offline).await;
    // Not by its silence: that takes three intervals.
    assert_eq!(offline.cause, domain::device::PresenceCause::ConnectionLost);
    let device = Device::online(&identity, app.mqtt(), 2).await;
    shown(&app, Presence::Online).await;
    device.leave().await;
    let left = shown(&app, Presence::Offline).await;
    assert_eq!(left.cause, domain::device::PresenceCause::Disconnected);

    let device = Device::online(&identity, app.mqtt(), 3).await;
    shown(&app, Presence::Online).await;
    let app = app.restart().await;
    let after = shown(&app, Presence::Offline).await;
    assert_eq!(after.cause, domain::device::PresenceCause::ServerRestarted);
    drop(device);
    app.stop().await;
}
