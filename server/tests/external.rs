//! The product behind an external broker: here the embedded one's engine without ingest, which admits
//! everybody with a certificate of the site.

use std::{net::SocketAddr, path::Path, sync::Arc};

use async_trait::async_trait;
use domain::device::{Presence, PresenceCause, PresenceInfo};
use protocol::{Topic, identity::PresenceStatus};
use rmqtt::{
    codec::v5::SubscribeAckReason,
    hook::{Handler, HookResult, Parameter, ReturnType, Type},
    types::{AuthResult, PublishAclResult, SubscribeAclResult},
};
use rumqttc::PublishOptions;
use server::{
    broker::{BrokerConfig, EmbeddedBroker},
    certificate::ServerCertificate,
};
use service::{SystemClock, pki::Pki};
use service::{commands, devices};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer, presence},
    until,
};
use tokio_util::sync::CancellationToken;

/// A broker that knows nothing of Madang.
struct Elsewhere {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Everybody;

#[async_trait]
impl Handler for Everybody {
    async fn hook(&self, event: &Parameter, before: Option<HookResult>) -> ReturnType {
        match event {
            Parameter::ClientAuthenticate(_) => {
                let allowed = AuthResult::Allow(false, None);
                (false, Some(HookResult::AuthResult(allowed)))
            }
            Parameter::MessagePublishCheckAcl(..) => {
                let allowed = PublishAclResult::allow();
                (false, Some(HookResult::PublishAclResult(allowed)))
            }
            Parameter::ClientSubscribeCheckAcl(_, subscribe) => {
                let verdict = match subscribe.topic_filter.starts_with('$') {
                    true => SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized),
                    false => SubscribeAclResult::new_success(subscribe.opts.qos(), None),
                };
                (false, Some(HookResult::SubscribeAclResult(verdict)))
            }
            _ => (true, before),
        }
    }
}

async fn elsewhere(pki: &Path) -> Elsewhere {
    let clock = Arc::new(SystemClock);
    let pki = Arc::new(Pki::open(pki, "Elsewhere", &[], clock.as_ref()).expect("an authority"));
    let shown = ServerCertificate::new(pki, Vec::new(), clock).expect("a certificate");
    let tls = shown.for_devices().expect("TLS");
    let broker = EmbeddedBroker::bind(&BrokerConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Arc::new(tls),
        plain: None,
    })
    .await
    .expect("a broker");
    let stop = CancellationToken::new();
    let address = broker.address();
    let serving = (Arc::clone(&broker), stop.clone());
    tokio::spawn(async move {
        let events = [
            Type::ClientAuthenticate,
            Type::MessagePublishCheckAcl,
            Type::ClientSubscribeCheckAcl,
        ];
        let (broker, stop) = serving;
        broker.run_with(&events, Everybody, stop).await
    });
    Elsewhere { address, stop }
}

async fn site() -> (App, Elsewhere, Person) {
    let app = App::start().await;
    let admin = app.set_up().await;
    let broker = elsewhere(&app.data().join("pki")).await;
    let url = format!("mqtts://{}", broker.address);
    let app = app
        .restart_with(|config| config.mqtt.external_url = url)
        .await;
    (app, broker, admin)
}

async fn claimed(app: &App, admin: &Person, serial: &str) -> Identity {
    let actor = &admin.actor;
    Identity::enrol(app.services(), actor, Some(actor), computer(serial))
        .await
        .expect("an enrolled device")
}

async fn online(identity: &Identity, broker: &Elsewhere, sequence: u64) -> Device {
    let device = Device::online(identity, broker.address, sequence).await;
    let topic = Topic::Presence(identity.id).to_string();
    let retained = PublishOptions::at_least_once().retain(true);
    let here = presence(PresenceStatus::Online);
    assert_eq!(
        device.publish_with(&topic, here, retained).await,
        Answer::Accepted
    );
    device
}

async fn shown(app: &App, admin: &Person, device: &Identity, wanted: Presence) -> PresenceInfo {
    until(wanted.as_str(), async || {
        let services = app.services();
        let viewer = admin.actor.require_viewer(services, device.id).await.ok()?;
        let now = devices::detail(services, &viewer)
            .await
            .ok()?
            .summary
            .presence;
        (now.presence == wanted).then_some(now)
    })
    .await
}

async fn rows(app: &App, wanted: u64) {
    use sea_orm::{EntityTrait as _, PaginatorTrait as _};
    until("all reports are stored", async || {
        let reports = entity::report::Entity::find();
        let count = reports.count(&app.services().db.read).await.ok()?;
        assert!(count <= wanted, "{count} of {wanted}");
        (count == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_presence_and_commands_go_through_a_broker_elsewhere() {
    let (app, broker, admin) = site().await;
    let identity = claimed(&app, &admin, "X-1").await;
    let mut device = online(&identity, &broker, 1).await;
    shown(&app, &admin, &identity, Presence::Online).await;

    let topic = identity.topic("cpu").to_string();
    let payload = identity.sealed(&topic, identity.report(2, &[("average", 12.5)]));
    for _ in 0..3 {
        assert_eq!(
            device.publish(&topic, payload.clone()).await,
            Answer::Accepted
        );
    }
    for sequence in 3..50 {
        let sent = device.report("cpu", sequence, &[("average", 1.0)]).await;
        assert_eq!(sent, Answer::Accepted);
    }
    rows(&app, 48).await;

    let owner = admin
        .actor
        .require_owner(app.services(), identity.id)
        .await
        .expect("the owner");
    let lamp = domain::command::NewCommand {
        name: "set".to_owned(),
        component: Some("led".parse().expect("a key")),
        arguments: serde_json::json!({ "status": "ON" }),
        valid_for_ms: 60_000,
        options: domain::command::CommandOptions::default(),
    };
    commands::send(app.services(), &owner, lamp)
        .await
        .expect("queued");
    let set = format!("commands/{}/set", identity.id);
    while device.next().await.topic != set.as_bytes() {}

    drop(device);
    let gone = shown(&app, &admin, &identity, Presence::Offline).await;
    assert_eq!(gone.cause, PresenceCause::Disconnected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_keeps_what_was_sent_while_the_server_was_away() {
    let (app, broker, admin) = site().await;
    let identity = claimed(&app, &admin, "X-2").await;
    let device = online(&identity, &broker, 1).await;
    assert_eq!(
        device.report("cpu", 2, &[("average", 1.0)]).await,
        Answer::Accepted
    );
    rows(&app, 1).await;

    let away = app.pause().await;
    for sequence in 3..100 {
        let sent = device.report("cpu", sequence, &[("average", 2.0)]).await;
        assert_eq!(sent, Answer::Accepted);
    }
    let app = away.start().await;
    rows(&app, 98).await;
    // Who is there is known from the retained messages.
    shown(&app, &admin, &identity, Presence::Online).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_ends_a_session_on_a_broker_elsewhere() {
    let (app, broker, admin) = site().await;
    let identity = claimed(&app, &admin, "X-3").await;
    let device = online(&identity, &broker, 1).await;
    shown(&app, &admin, &identity, Presence::Online).await;
    let proof = admin.actor.require_admin().expect("an administrator");
    devices::revoke(app.services(), &proof, identity.id)
        .await
        .expect("revoked");
    device.ended().await;

    // Where the broker lets it in all the same, nothing that it says counts.
    let copy = Device::connect(&identity, broker.address)
        .await
        .expect("let in");
    copy.report("cpu", 2, &[("average", 6.6)]).await;
    until("the refusal is counted", async || {
        let services = app.services();
        let viewer = admin
            .actor
            .require_viewer(services, identity.id)
            .await
            .ok()?;
        let detail = devices::detail(services, &viewer).await.ok()?;
        detail
            .refusals
            .is_some_and(|counts| !counts.is_empty())
            .then_some(())
    })
    .await;
    rows(&app, 0).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_is_told_in_its_order_and_when_the_database_is_back() {
    use sea_orm::ConnectionTrait as _;
    let (app, broker, admin) = site().await;
    let identity = claimed(&app, &admin, "X-4").await;
    let device = online(&identity, &broker, 1).await;
    shown(&app, &admin, &identity, Presence::Online).await;
    let link = &app.services().link;
    let topic = Topic::Presence(identity.id).to_string();
    let says = async |status| {
        let retained = PublishOptions::at_least_once().retain(true);
        let said = device
            .publish_with(&topic, presence(status), retained)
            .await;
        assert_eq!(said, Answer::Accepted);
    };

    // Over and over as on a takeover: the will of the former session, then the new one.
    let turns = 40;
    for _ in 0..turns {
        says(PresenceStatus::Offline).await;
        says(PresenceStatus::Online).await;
    }
    says(PresenceStatus::Offline).await;
    until("all of it is told", async || {
        use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
        let told = entity::device_event::Entity::find()
            .filter(entity::device_event::Column::Kind.eq("presence"))
            .order_by_asc(entity::device_event::Column::Id)
            .all(&app.services().db.read)
            .await
            .ok()?;
        let word = |row: &entity::device_event::Model| row.detail["presence"].clone();
        let words: Vec<_> = told.iter().map(word).collect();
        assert!(words.is_sorted_by(|a, b| a != b), "in turns: {words:?}");
        (words.len() == 2 * (turns + 1)).then_some(())
    })
    .await;
    assert!(!link.is_connected(identity.id));

    let rename = async |from: &str, to: &str| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        let database = &app.services().db.write;
        database.execute_unprepared(&rename).await.expect("renamed");
    };
    rename("device_event", "away").await;
    says(PresenceStatus::Online).await;
    until("it was heard", async || {
        link.is_connected(identity.id).then_some(())
    })
    .await;
    rename("away", "device_event").await;
    shown(&app, &admin, &identity, Presence::Online).await;
    app.stop().await;
}
