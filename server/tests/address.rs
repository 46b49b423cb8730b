//! A person's address changes: the former one stays valid for 30 days, and no longer.

use bytes::Bytes;
use domain::{DeviceId, event::RefusalReason};
use ingest::{Outcome, Pipeline, Received};
use protocol::{Topic, identity::Ownership};
use rumqttc::mqttbytes::v5::PubAckReason;
use serde_json::{Value, json};
use service::{
    accounts::{self, Client, address},
    components,
    devices::directory::Directory,
    telemetry::Committer,
};
use testkit::{
    app::{App, Person},
    database::each_engine,
    device::{Answer, Device, Identity, computer},
    installation::Installation,
    site::{PASSWORD, Site},
    until,
};
use tokio_util::sync::CancellationToken;

const DAY_MS: i64 = 24 * 3_600_000;

/// The same device under another address.
fn under(identity: &Identity, email: &str) -> Identity {
    let mut moved = identity.clone();
    let owned = moved.credentials.ownership.as_mut().expect("claimed");
    owned.user_email = email.parse().expect("an address");
    moved
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_address_is_good_for_thirty_days_and_not_a_moment_longer() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await;
        let services = &site.services;
        components::seed(services).await.expect("a catalog");
        let identity = Identity::enrol(services, &admin, Some(&admin), computer("A-1"))
            .await
            .expect("an enrolled device");
        let stop = CancellationToken::new();
        let (committer, committing) =
            Committer::start(services.clone(), stop.clone()).expect("a committer");
        let pipeline = Pipeline::new(services.clone(), committer, Directory::default());
        let mut sequence = 0;
        let mut sends = async |as_of: &Identity| {
            sequence += 1;
            let topic = as_of.topic("cpu");
            let mut body = as_of.report(sequence, &[("average", 1.0)]);
            body.insert("timestamp".to_owned(), json!(services.now().0));
            let payload = as_of.sealed(&topic.to_string(), body);
            let received = Received {
                device: as_of.id,
                topic,
                payload: Bytes::from(payload),
                received_at: services.now(),
                sender: None,
                session: None,
            };
            pipeline.take(&received).await
        };
        let elsewhere = under(&identity, "elsewhere@example.org");
        let wrong = Outcome::Refused(RefusalReason::WrongOwner);
        assert_eq!(sends(&identity).await, Outcome::Stored);
        assert_eq!(sends(&elsewhere).await, wrong, "not an address of theirs");

        let client = Client::default();
        let to = "elsewhere@example.org";
        address::change(services, &admin, &client, PASSWORD, to)
            .await
            .expect("another address");
        assert_eq!(sends(&elsewhere).await, Outcome::Stored);
        assert_eq!(sends(&identity).await, Outcome::Stored);
        site.clock.advance_ms(30 * DAY_MS - 1);
        assert_eq!(sends(&identity).await, Outcome::Stored, "its last moment");
        site.clock.advance_ms(1);
        assert_eq!(sends(&identity).await, wrong, "30 days later");
        assert_eq!(sends(&elsewhere).await, Outcome::Stored);

        // Back to the first one: the second is the former one now.
        let admin = accounts::sign_in(services, to, PASSWORD, &client)
            .await
            .expect("the new address signs in");
        let admin = service::Actor {
            user: admin.me,
            address: None,
        };
        let back = "admin@example.org";
        address::change(services, &admin, &client, PASSWORD, back)
            .await
            .expect("the first address");
        assert_eq!(sends(&identity).await, Outcome::Stored);
        assert_eq!(sends(&elsewhere).await, Outcome::Stored);
        site.clock.advance_ms(31 * DAY_MS);
        assert_eq!(sends(&identity).await, Outcome::Stored);
        assert_eq!(sends(&elsewhere).await, wrong);
        stop.cancel();
        committing.await.expect("a clean end");
    }
}

/// Changes the address over the interface; the status.
async fn change(app: &App, person: &Person, email: &str, password: &str) -> u16 {
    app.browser(Some(person))
        .put(app.url("/api/users/me/email"))
        .json(&json!({ "email": email, "password": password }))
        .send()
        .await
        .expect("an answer")
        .status()
        .as_u16()
}

/// What the retained `owner` message says next.
async fn told(device: &mut Device, id: DeviceId) -> String {
    let topic = Topic::Owner(id).to_string();
    loop {
        let message = device.next().await;
        if message.topic == topic.as_bytes() {
            let envelope = protocol::open(&message.payload).expect("an envelope");
            assert!(envelope.verify(&topic, &device.identity.secret()));
            let said: Ownership =
                serde_json::from_value(Value::Object(envelope.body)).expect("an owner");
            return said.user_email.to_string();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_hears_of_the_new_address_and_may_use_either() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let taken = app
        .person(&admin, "taken@example.org", domain::role::SiteRole::Member)
        .await;
    let actor = &admin.actor;
    let identity = Identity::enrol(app.services(), actor, Some(actor), computer("B-1"))
        .await
        .expect("an enrolled device");
    let mut device = Device::online(&identity, app.mqtt(), 1).await;
    let listens = Installation::admitted(&app, &admin, "Kim's phone").await;
    let phone = listens.connect(&app).await.expect("let in");
    assert!(phone.subscribe("client/state/admin@example.org/#").await);

    assert_eq!(change(&app, &admin, "b@example.org", "wrong").await, 422);
    assert_eq!(change(&app, &admin, "no address", PASSWORD).await, 422);
    assert_eq!(
        change(&app, &admin, "Taken@example.org", PASSWORD).await,
        422
    );
    assert_eq!(
        device.report("cpu", 2, &[("average", 1.0)]).await,
        Answer::Accepted
    );

    assert_eq!(
        change(&app, &admin, "New+one@example.org", PASSWORD).await,
        204
    );
    until("the device hears of it", async || {
        (told(&mut device, identity.id).await == "new+one@example.org").then_some(())
    })
    .await;
    assert_eq!(
        device.report("cpu", 3, &[("average", 2.0)]).await,
        Answer::Accepted
    );
    let moved = under(&identity, "new+one@example.org");
    let topic = moved.topic("cpu").to_string();
    let payload = moved.sealed(&topic, moved.report(4, &[("average", 3.0)]));
    assert_eq!(device.publish(&topic, payload).await, Answer::Accepted);
    let stranger = under(&identity, "taken@example.org");
    let topic = stranger.topic("cpu").to_string();
    let payload = stranger.sealed(&topic, stranger.report(5, &[("average", 4.0)]));
    assert_eq!(
        device.publish(&topic, payload).await,
        Answer::Refused(PubAckReason::NotAuthorized)
    );

    // The app's connection was one of the former address.
    phone.ended().await;
    let phone = listens.connect(&app).await.expect("let in");
    assert!(!phone.subscribe("client/state/admin@example.org/#").await);
    assert!(
        phone
            .subscribe("client/state/new%2Bone@example.org/#")
            .await
    );

    // The session goes on, under the new address; the former one signs nobody in, and is free.
    let client = Client::default();
    let former = accounts::sign_in(app.services(), "admin@example.org", PASSWORD, &client).await;
    assert!(former.is_err());
    assert_eq!(
        change(&app, &taken, "admin@example.org", PASSWORD).await,
        204
    );
    let me: Value = app
        .browser(Some(&admin))
        .get(app.url("/api/users/me"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(me["email"], "new+one@example.org");
    app.stop().await;
}
