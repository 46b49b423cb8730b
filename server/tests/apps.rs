//! A person's app at the broker: it asks for the state of their devices, and is told of every change.

use domain::role::SiteRole;
use protocol::{Scalar, Topic};
use rumqttc::mqttbytes::v5::{DisconnectReasonCode, PubAckReason};
use serde_json::{Value, json};
use service::{commands::Commander, forced};
use testkit::{
    app::{App, Person},
    device::{Answer, Connection, Device, Ended, Identity, computer},
    installation::Installation,
};

fn state_topic(person: &Person, device: &Identity) -> String {
    let (user, device) = (person.actor.user.email.clone(), device.id);
    Topic::ClientState { user, device }.to_string()
}

fn request_topic(person: &Person, device: &Identity) -> String {
    let (user, device) = (person.actor.user.email.clone(), device.id);
    Topic::RequestState { user, device }.to_string()
}

fn all_states(person: &Person) -> String {
    let own = person.actor.user.email.to_topic_level();
    format!("client/state/{own}/#")
}

/// The states that come until one is as wished.
async fn state_when(connection: &mut Connection, wished: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = connection.next().await;
        let state: Value = serde_json::from_slice(&message.payload).expect("JSON");
        if wished(&state) {
            return state;
        }
    }
}

async fn claimed(app: &App, admin: &Person, owner: &Person, serial: &str) -> Identity {
    Identity::enrol(
        app.services(),
        &admin.actor,
        Some(&owner.actor),
        computer(serial),
    )
    .await
    .expect("an enrolled device")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_asks_for_the_state_and_is_told_of_changes() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app.person(&admin, "kim+lab@example.org", SiteRole::Member);
    let kim = kim.await;
    let identity = claimed(&app, &admin, &kim, "S-1").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    assert_eq!(
        device.report("cpu", 2, &[("average", 12.5)]).await,
        Answer::Accepted
    );

    let phone = Installation::admitted(&app, &kim, "Kim's phone").await;
    let mut phone = phone.connect(&app).await.expect("let in");
    assert!(phone.subscribe(&all_states(&kim)).await);
    let request = request_topic(&kim, &identity);
    assert_eq!(phone.publish(&request, Vec::new()).await, Answer::Accepted);
    let message = phone.next().await;
    assert_eq!(message.topic, state_topic(&kim, &identity).as_bytes());
    let state: Value = serde_json::from_slice(&message.payload).expect("JSON");
    assert_eq!(
        state,
        json!({ "device_status": "ONLINE", "cpu_average": 12.5 })
    );

    // The whole state comes with each change, also of what the report did not name.
    assert_eq!(
        device.report("memory", 3, &[("used", 40.0)]).await,
        Answer::Accepted
    );
    let state = state_when(&mut phone, |state| state["memory_used"] == 40.0).await;
    assert_eq!(state["cpu_average"], 12.5);

    // What somebody has set by hand is said to be, until it is put back.
    let commander = Commander::prove(app.services(), &kim.actor, identity.id).await;
    let commander = commander.expect("the owner");
    let value = Scalar::Number(99.0);
    let forced = forced::force(app.services(), &commander, "cpu_average", value).await;
    forced.expect("set by hand");
    let state = state_when(&mut phone, |state| state["cpu_average"] == 99.0).await;
    assert_eq!(state["device_forced"], "cpu_average");
    let released = forced::release(app.services(), &commander, "cpu_average").await;
    released.expect("put back");
    let state = state_when(&mut phone, |state| state["cpu_average"] == 12.5).await;
    assert_eq!(state.get("device_forced"), None);
    device.leave().await;
    let state = state_when(&mut phone, |state| state["device_status"] == "OFFLINE").await;
    assert_eq!(state["memory_used"], 40.0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_hears_and_asks_for_its_own_person_alone() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app
        .person(&admin, "kim@example.org", SiteRole::Member)
        .await;
    let lee = app
        .person(&admin, "lee@example.org", SiteRole::Member)
        .await;
    let of_lee = claimed(&app, &admin, &lee, "S-2").await;
    let installation = Installation::admitted(&app, &kim, "Kim's phone").await;
    let phone = installation.connect(&app).await.expect("let in");

    assert!(!phone.subscribe(&all_states(&lee)).await);
    assert!(!phone.subscribe("client/state/#").await);
    assert!(!phone.subscribe("telemetry/#").await);
    let refused = Answer::Refused(PubAckReason::NotAuthorized);
    for topic in [
        request_topic(&kim, &of_lee),
        request_topic(&lee, &of_lee),
        state_topic(&kim, &of_lee),
        format!("commands/{}/set", of_lee.id),
    ] {
        assert_eq!(phone.publish(&topic, Vec::new()).await, refused, "{topic}");
    }
    let other = format!("{}:phone", lee.actor.user.id);
    let other = installation.connect_as(&app, other).await;
    assert!(other.is_err(), "under another's name");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_renews_its_certificate_and_the_former_one_serves_until_the_new_one_connects() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app.person(&admin, "kim@example.org", SiteRole::Member);
    let kim = kim.await;
    let phone = Installation::admitted(&app, &kim, "phone").await;
    let tablet = Installation::admitted(&app, &kim, "tablet").await;
    let on_phone = phone.connect(&app).await.expect("let in");
    let on_tablet = tablet.connect(&app).await.expect("let in");

    let lost = phone.renewed(&app, &kim).await.expect("renewed");
    let renewed = phone.renewed(&app, &kim).await.expect("renewed again");
    assert_eq!(renewed.id, phone.id, "it is the same installation");
    let void = lost.connect(&app).await;
    assert!(void.is_err(), "another was asked for after it");
    assert!(on_phone.subscribe(&all_states(&kim)).await);

    let anew = renewed.connect(&app).await.expect("let in");
    on_phone.ended().await;
    let former = phone.connect(&app).await;
    assert!(former.is_err(), "another took its place");
    assert!(anew.subscribe(&all_states(&kim)).await);
    assert!(
        on_tablet.subscribe(&all_states(&kim)).await,
        "it is not concerned"
    );

    // Nobody renews another's, and nothing comes after the end.
    let by_another = phone.renewed(&app, &admin).await;
    assert_eq!(by_another.err(), Some(404));
    let revoked = app
        .browser(Some(&kim))
        .delete(app.url(&format!("/api/users/me/apps/{}", phone.id)))
        .send()
        .await
        .expect("an answer");
    assert_eq!(revoked.status(), 204);
    anew.ended().await;
    assert!(renewed.connect(&app).await.is_err());
    assert_eq!(phone.renewed(&app, &kim).await.err(), Some(410));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_an_app_ends_its_session_and_no_other() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = claimed(&app, &admin, &admin, "S-3").await;
    let phone = Installation::admitted(&app, &admin, "phone").await;
    let tablet = Installation::admitted(&app, &admin, "tablet").await;
    let on_phone = phone.connect(&app).await.expect("let in");
    let mut on_tablet = tablet.connect(&app).await.expect("let in");

    let browser = app.browser(Some(&admin));
    let list = async || {
        let answer = browser.get(app.url("/api/users/me/apps")).send().await;
        let apps: Vec<Value> = answer.expect("apps").json().await.expect("JSON");
        apps.into_iter()
            .map(|app| app["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list().await, ["tablet", "phone"]);
    let revoked = browser
        .delete(app.url(&format!("/api/users/me/apps/{}", phone.id)))
        .send()
        .await
        .expect("an answer");
    assert_eq!(revoked.status(), 204);
    let ended = on_phone.ended().await;
    assert!(
        matches!(
            ended,
            Ended::Cut(_) | Ended::Told(DisconnectReasonCode::AdministrativeAction)
        ),
        "{ended:?}"
    );
    assert!(phone.connect(&app).await.is_err(), "it cannot return");
    assert_eq!(list().await, ["tablet"]);

    assert!(on_tablet.subscribe(&all_states(&admin)).await);
    let request = request_topic(&admin, &identity);
    let asked = on_tablet.publish(&request, Vec::new()).await;
    assert_eq!(asked, Answer::Accepted);
    on_tablet.next().await;

    // Who is let in no more is let in with no app either.
    let kim = app
        .person(&admin, "kim@example.org", SiteRole::Member)
        .await;
    let of_kim = Installation::admitted(&app, &kim, "Kim's phone").await;
    let connected = of_kim.connect(&app).await.expect("let in");
    let proof = admin.actor.require_admin().expect("an administrator");
    service::accounts::set_active(app.services(), &proof, kim.actor.user.id, false)
        .await
        .expect("deactivated");
    connected.ended().await;
    assert!(of_kim.connect(&app).await.is_err());
    app.stop().await;
}
