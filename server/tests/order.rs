//! What is refused has no effect, what comes again has none twice, and what is over is not told again.

use domain::{
    command::{CommandOptions, CommandState, NewCommand},
    event::RefusalReason,
    identity::{Evidence, Finding},
};
use protocol::{CommandId, Topic};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::{Map, Value, json};
use service::{commands, devices, identity};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, Manner, computer, now},
    until,
};

async fn claimed(app: &App, admin: &Person, serial: &str) -> Identity {
    let actor = &admin.actor;
    Identity::enrol(app.services(), actor, Some(actor), computer(serial))
        .await
        .expect("an enrolled device")
}

async fn stored(app: &App) -> u64 {
    let rows = entity::report::Entity::find();
    rows.count(&app.services().db.read).await.expect("a count")
}

fn body(of: Value, sequence: u64) -> Map<String, Value> {
    let Value::Object(mut body) = of else {
        unreachable!("an object")
    };
    body.entry("timestamp").or_insert_with(|| now().0.into());
    body.insert("sequence".to_owned(), sequence.into());
    body
}

/// Publishes a body that is signed for the topic.
async fn say(device: &Device, topic: &Topic, sequence: u64, of: Value) -> Answer {
    let topic = topic.to_string();
    let payload = device.identity.sealed(&topic, body(of, sequence));
    device.publish(&topic, payload).await
}

async fn print(app: &App, admin: &Person, device: &Identity) -> CommandId {
    let owner = admin.actor.require_owner(app.services(), device.id).await;
    let print = NewCommand {
        name: "print".to_owned(),
        component: None,
        arguments: json!({}),
        valid_for_ms: 60_000,
        options: CommandOptions::default(),
    };
    let sent = commands::send(app.services(), &owner.expect("the owner"), print).await;
    sent.expect("queued").id
}

async fn has_ended(app: &App, admin: &Person, device: &Identity, command: CommandId) -> bool {
    let viewer = admin.actor.require_viewer(app.services(), device.id).await;
    let viewer = viewer.expect("it");
    let command = commands::get(app.services(), &viewer, command).await;
    command.expect("the command").state == CommandState::Completed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_and_one_under_a_used_sequence_change_no_command() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let identity = claimed(&app, &admin, "O-1").await;
        let device = Device::online(&identity, app.mqtt(), 5_000).await;
        let command = print(&app, &admin, &identity).await;
        let result = Topic::Result {
            device: identity.id,
            command,
        };
        let done = || json!({ "status": "completed" });
        assert_ne!(
            say(&device, &result, 10, done()).await,
            Answer::Accepted,
            "its sequence is too old"
        );
        let under_way = json!({ "status": "executing", "progress": 33.3 });
        assert_eq!(
            say(&device, &result, 5_001, under_way).await,
            Answer::Accepted
        );
        assert_ne!(
            say(&device, &result, 5_001, done()).await,
            Answer::Accepted,
            "its sequence was another answer's"
        );
        assert!(!has_ended(&app, &admin, &identity, command).await);
        assert_eq!(say(&device, &result, 5_002, done()).await, Answer::Accepted);
        assert!(has_ended(&app, &admin, &identity, command).await);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_is_refused_lets_nobody_in_and_one_that_comes_again_does() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "O-2").await;
    let topic = Topic::Identity(identity.id);
    let first = identity.sealed(&topic.to_string(), identity.shown(5_000));
    let device = Device::connect(&identity, app.mqtt())
        .await
        .expect("let in");
    let said = device.publish(&topic.to_string(), first.clone()).await;
    assert_eq!(said, Answer::Accepted);
    let values = [("average", 1.0)];
    assert_eq!(device.report("cpu", 5_001, &values).await, Answer::Accepted);
    device.leave().await;

    let shown = |sequence| Value::Object(identity.shown(sequence));
    let device = Device::connect(&identity, app.mqtt())
        .await
        .expect("let in");
    assert_ne!(say(&device, &topic, 10, shown(10)).await, Answer::Accepted);
    device.report("cpu", 5_002, &values).await;
    assert_eq!(stored(&app).await, 1, "it waits for who it is");

    let again = device.publish(&topic.to_string(), first).await;
    assert_eq!(again, Answer::Accepted, "as one that was not acknowledged");
    assert_eq!(stored(&app).await, 2, "what waited goes into the history");
    app.stop().await;
}

/// How often messages of this device were refused for this reason.
async fn refusals(app: &App, admin: &Person, device: &Identity, reason: RefusalReason) -> u64 {
    let viewer = admin.actor.require_viewer(app.services(), device.id).await;
    let detail = devices::detail(app.services(), &viewer.expect("it")).await;
    let counted = detail.expect("the device").refusals.into_iter().flatten();
    counted
        .filter(|counted| counted.reason == reason)
        .map(|counted| counted.count)
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_before_the_claim_and_what_is_ahead_of_its_time_change_nothing() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "O-8").await;
    let device = Device::connect(&identity, app.mqtt())
        .await
        .expect("let in");
    let ahead = (RefusalReason::ClockAhead, now().0 + 600_000);

    let topic = Topic::Identity(identity.id);
    let shown = |at: i64| {
        let mut shown = identity.shown(1);
        shown.insert("timestamp".to_owned(), at.into());
        Value::Object(shown)
    };
    let answer = say(&device, &topic, 1, shown(ahead.1)).await;
    assert_ne!(answer, Answer::Accepted);
    assert_eq!(refusals(&app, &admin, &identity, ahead.0).await, 1);
    device.report("cpu", 2, &[("average", 1.0)]).await;
    assert_eq!(stored(&app).await, 0, "it waits for who it is");
    assert_eq!(
        say(&device, &topic, 1, shown(1_000)).await,
        Answer::Accepted,
        "its sequence was not used up, and a slow clock shuts nobody out"
    );
    assert_eq!(stored(&app).await, 1);

    assert!(
        device
            .subscribe(&format!("commands/{}/#", identity.id))
            .await
    );
    let command = print(&app, &admin, &identity).await;
    let result = Topic::Result {
        device: identity.id,
        command,
    };
    let done = |at: i64| json!({ "status": "completed", "timestamp": at });
    for ((reason, at), so_far) in [(ahead, 2), ((RefusalReason::TooOld, 1_000), 1)] {
        let answer = say(&device, &result, 3, done(at)).await;
        assert_ne!(answer, Answer::Accepted, "{reason:?}");
        assert_eq!(refusals(&app, &admin, &identity, reason).await, so_far);
    }
    assert!(!has_ended(&app, &admin, &identity, command).await);
    assert_eq!(
        say(&device, &result, 3, done(now().0)).await,
        Answer::Accepted
    );
    assert!(has_ended(&app, &admin, &identity, command).await);
    app.stop().await;
}

/// How many findings say that a sequence came with two contents.
async fn reused(app: &App, admin: &Person) -> usize {
    let proof = admin.actor.require_admin().expect("an administrator");
    let found = identity::list(app.services(), &proof, None, None, "", 1).await;
    let found = found.expect("findings").items;
    let of = |finding: &&Finding| finding.evidence == Evidence::SequenceReused;
    found.iter().filter(of).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_or_an_answer_under_the_sequence_of_another_one_is_told() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let (one, two) = (
            claimed(&app, &admin, "O-6").await,
            claimed(&app, &admin, "O-7").await,
        );
        let (on_one, on_two) = (
            Device::online(&one, app.mqtt(), 1).await,
            Device::online(&two, app.mqtt(), 1).await,
        );

        let topic = Topic::Identity(one.id).to_string();
        let said = one.sealed(&topic, one.shown(2));
        for _ in 0..2 {
            let answer = on_one.publish(&topic, said.clone()).await;
            assert_eq!(answer, Answer::Accepted, "it came again as it was");
        }
        assert_eq!(reused(&app, &admin).await, 0);
        let mut other = one.shown(2);
        other.insert("versions".to_owned(), json!({ "agent": "another" }));
        let answer = on_one.publish(&topic, one.sealed(&topic, other)).await;
        assert_ne!(answer, Answer::Accepted);
        assert_eq!(reused(&app, &admin).await, 1);

        let command = print(&app, &admin, &two).await;
        let device = two.id;
        let result = Topic::Result { device, command };
        let under_way = body(json!({ "status": "executing", "progress": 33.3 }), 2);
        let under_way = two.sealed(&result.to_string(), under_way);
        for _ in 0..2 {
            let answer = on_two.publish(&result.to_string(), under_way.clone()).await;
            assert_eq!(answer, Answer::Accepted, "it came again as it was");
        }
        assert_eq!(reused(&app, &admin).await, 1);
        let done = || json!({ "status": "completed" });
        assert_ne!(say(&on_two, &result, 2, done()).await, Answer::Accepted);
        assert_eq!(reused(&app, &admin).await, 2);
        assert!(!has_ended(&app, &admin, &two, command).await);
        // The device itself is heard.
        assert_eq!(say(&on_two, &result, 3, done()).await, Answer::Accepted);
        assert!(has_ended(&app, &admin, &two, command).await);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_news_of_an_update_do_not_hide_newer_ones() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "O-3").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    let topic = Topic::OtaStatus(identity.id);
    let at = |ms: i64, progress: f64| json!({ "timestamp": ms, "status": "downloading", "progress": progress });
    assert_eq!(
        say(&device, &topic, 2, at(now().0, 50.0)).await,
        Answer::Accepted
    );
    assert_ne!(
        say(&device, &topic, 3, at(1_000, 10.0)).await,
        Answer::Accepted,
        "before the claim"
    );
    let viewer = admin
        .actor
        .require_viewer(app.services(), identity.id)
        .await
        .expect("it");
    let detail = devices::detail(app.services(), &viewer).await;
    let state = detail.expect("the device").state;
    assert_eq!(
        state.get("ota_progress"),
        Some(&protocol::Scalar::Number(50.0))
    );
    app.stop().await;
}

/// What it is told until the topic that ends with `last`; none of it is empty.
async fn told_until(device: &mut Device, last: &str) -> Vec<String> {
    let mut topics = Vec::new();
    loop {
        let publish = device.next().await;
        let topic = String::from_utf8(publish.topic.to_vec()).expect("text");
        assert!(!publish.payload.is_empty(), "{topic}");
        let ends = topic.ends_with(last);
        topics.push(topic);
        if ends {
            return topics;
        }
    }
}

async fn unlink(app: &App, admin: &Person, device: &Identity) {
    let owner = admin.actor.require_owner(app.services(), device.id).await;
    devices::unlink(app.services(), &owner.expect("the owner"))
        .await
        .expect("unlinked");
}

async fn awaits_a_reset(app: &App, device: &Identity) -> bool {
    let rows = entity::device::Entity::find();
    let all = rows.all(&app.services().db.read).await.expect("devices");
    let row = all.into_iter().find(|row| row.uuid == device.id.0);
    row.expect("the device").reset_pending
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_given_the_new_secret_is_not_told_to_erase_it() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "O-4").await;
    let mut device = Device::online(&identity, app.mqtt(), 1).await;

    // While it listens: one reset, and nothing when that is taken away.
    unlink(&app, &admin, &identity).await;
    told_until(&mut device, "/reset").await;
    until("the reset is acknowledged", async || {
        (!awaits_a_reset(&app, &identity).await).then_some(())
    })
    .await;
    let claim = async || {
        let claimed = devices::claim(
            app.services(),
            &admin.actor,
            &identity.serial,
            &identity.code,
        );
        claimed.await.expect("claimed");
    };
    claim().await;
    let told = told_until(&mut device, "/owner").await;
    assert!(
        told.iter().all(|topic| topic.ends_with("/owner")),
        "{told:?}"
    );
    device.leave().await;

    // While it is away, and asks for its secret before it connects.
    unlink(&app, &admin, &identity).await;
    assert!(awaits_a_reset(&app, &identity).await);
    claim().await;
    let again = identity.again(app.services()).await.expect("a new secret");
    assert!(!awaits_a_reset(&app, &identity).await);
    let mut device = Device::online(&again, app.mqtt(), 1).await;
    print(&app, &admin, &again).await;
    let told = told_until(&mut device, "/print").await;
    assert!(
        !told.iter().any(|topic| topic.ends_with("/reset")),
        "{told:?}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_waited_in_a_kept_session_is_told_to_nobody_who_has_the_new_secret() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, "O-5").await;
    let lasting = async |identity: &Identity| {
        let manner = Manner {
            client_id: identity.id.to_string(),
            will: None,
            lasting: true,
        };
        let device = Device::connect_as(identity, app.mqtt(), manner).await;
        device.expect("let in")
    };
    let device = lasting(&identity).await;
    for filter in ["commands", "system"] {
        let filter = format!("{filter}/{}/#", identity.id);
        assert!(device.subscribe(&filter).await, "{filter}");
    }
    let topic = Topic::Identity(identity.id);
    let shown = |sequence| Value::Object(identity.shown(sequence));
    assert_eq!(say(&device, &topic, 1, shown(1)).await, Answer::Accepted);
    device.leave().await;

    unlink(&app, &admin, &identity).await;
    assert!(awaits_a_reset(&app, &identity).await);
    let claim = devices::claim(
        app.services(),
        &admin.actor,
        &identity.serial,
        &identity.code,
    );
    claim.await.expect("claimed");
    let again = identity.again(app.services()).await.expect("a new secret");
    assert!(!awaits_a_reset(&app, &identity).await);

    // It subscribes to nothing: it hears what its session has kept, in order, and its owner anew. That it has an
    // owner again was said after the reset.
    let mut device = lasting(&again).await;
    let mut told = told_until(&mut device, "/owner").await;
    told.extend(told_until(&mut device, "/owner").await);
    assert!(
        !told.iter().any(|topic| topic.ends_with("/reset")),
        "{told:?}"
    );

    // The next one is meant.
    unlink(&app, &admin, &again).await;
    told_until(&mut device, "/reset").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_with_every_method() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let browser = app.browser(Some(&admin));
    for (method, path, status) in [
        ("POST", "/api/nope", 404),
        ("GET", "/auth/nope", 404),
        ("PUT", "/auth/login", 405),
        ("DELETE", "/api/devices", 405),
        ("GET", "/api/", 404),
        ("POST", "/api/", 404),
        ("GET", "/auth/", 404),
        ("GET", "/auth", 404),
        ("POST", "/api", 405),
        ("POST", "/api/docs", 405),
        ("DELETE", "/api/docs/", 405),
        ("POST", "/api/openapi.json", 405),
    ] {
        let method = method.parse::<reqwest::Method>().expect("a method");
        let answer = browser.request(method.clone(), app.url(path)).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers().contains_key("allow"), status == 405);
        let kind = answer.headers()["content-type"].to_str().expect("text");
        assert_eq!(kind, "application/problem+json", "{method} {path}");
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!(problem["status"], status, "{problem}");
    }
    app.stop().await;
}
