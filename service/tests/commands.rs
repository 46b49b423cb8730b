//! The queue: delivered in order to a connected device only, answered once, ended for a stated reason.

#![allow(clippy::unwrap_used)]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use domain::{
    AppError, CommandId, DeviceId, TimestampMs,
    account::{Me, Registration},
    command::{Command, CommandState, NewCommand},
    live::LiveEvent,
    role::SiteRole,
};
use parking_lot::Mutex;
use protocol::{CommandResult, CommandStatus, Envelope, SharedSecret, Topic, UserId};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::json;
use service::{
    Actor, Database, OwnerOf, Services, SiteSettings, accounts,
    clock::ManualClock,
    commands, downlink,
    link::{DeviceLink, LinkError},
    live::InProcessBus,
    pki::Pki,
    presence::InProcessDeadlines,
    services::Parts,
    state_cache::InProcessCache,
    vault::Vault,
};
use tokio_util::sync::CancellationToken;

const SECRET: [u8; 32] = [7; 32];
const START: TimestampMs = TimestampMs(1_790_000_000_000);

/// Notes what is published; stands for the wire, not for the broker's behaviour.
#[derive(Default)]
struct Wire {
    connected: AtomicBool,
    broken: AtomicBool,
    published: Mutex<Vec<(Topic, Envelope)>>,
}

#[async_trait]
impl DeviceLink for Wire {
    async fn publish(&self, topic: &Topic, payload: Vec<u8>, _: bool) -> Result<(), LinkError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(LinkError("cut".to_owned()));
        }
        let envelope = protocol::open(&payload).unwrap();
        self.published.lock().push((topic.clone(), envelope));
        Ok(())
    }

    async fn disconnect(&self, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn is_connected(&self, _: DeviceId) -> bool {
        self.connected.load(Ordering::SeqCst)
    }

    async fn disconnect_app(&self, _: UserId, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(HashSet::new())
    }
}

struct Site {
    services: Services,
    wire: Arc<Wire>,
    clock: Arc<ManualClock>,
    owner: OwnerOf,
    device: DeviceId,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("madang.db").display());
        let db = Database::open(&url, 4).await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let wire = Arc::new(Wire::default());
        let vault = Vault::new(&[9; 32]);
        let pki = Pki::open(&folder.path().join("pki"), "Test", &[], clock.as_ref()).unwrap();
        let services = Services::new(Parts {
            db,
            clock: clock.clone(),
            bus: Arc::new(InProcessBus::new(64)),
            cache: Arc::new(InProcessCache::default()),
            deadlines: Arc::new(InProcessDeadlines::default()),
            link: wire.clone(),
            vault,
            pki: Arc::new(pki),
            site: SiteSettings {
                name: "Test".to_owned(),
                public_url: "https://localhost".to_owned(),
                mqtt_url: "mqtts://localhost".to_owned(),
                registration: Registration::Closed,
                report_interval_ms: 10_000,
            },
            limits: accounts::limit::Limits::default(),
            tokens: accounts::token::TokenKeys::derive(&[1; 32]),
        });
        let (actor, device) = (insert_user(&services).await, DeviceId::random());
        insert_device(&services, device, &actor).await;
        let owner = actor.require_owner(&services, device).await.unwrap();
        Self {
            services,
            wire,
            clock,
            owner,
            device,
            _folder: folder,
        }
    }

    async fn send(&self, status: &str) -> Command {
        commands::send(&self.services, &self.owner, set(status))
            .await
            .unwrap()
    }

    async fn state(&self, command: CommandId) -> Command {
        let viewer = self
            .owner
            .actor()
            .require_viewer(&self.services, self.device)
            .await
            .unwrap();
        commands::get(&self.services, &viewer, command)
            .await
            .unwrap()
    }

    async fn answer(&self, command: CommandId, status: CommandStatus, progress: Option<u8>) {
        let answer = CommandResult {
            status,
            progress,
            reason: None,
            output: None,
        };
        commands::record_result(&self.services, self.device, command, answer)
            .await
            .unwrap();
    }

    fn told(&self) -> Vec<(CommandId, u64)> {
        let secret = SharedSecret::from_bytes(SECRET);
        let published = self.wire.published.lock();
        published
            .iter()
            .map(|(topic, envelope)| {
                assert!(envelope.verify(&topic.to_string(), &secret));
                let id = envelope.body["command_id"].as_str().unwrap();
                (id.parse().unwrap(), envelope.sequence.0)
            })
            .collect()
    }
}

fn set(status: &str) -> NewCommand {
    NewCommand {
        name: "set".to_owned(),
        component: Some("led".parse().unwrap()),
        arguments: json!({ "status": status }),
        valid_for_ms: 60_000,
        options: domain::command::CommandOptions::default(),
    }
}

async fn insert_user(services: &Services) -> Actor {
    let user = Me {
        id: UserId::random(),
        email: "kim@example.org".parse().unwrap(),
        name: "김하늘".to_owned(),
        role: SiteRole::Member,
    };
    entity::user::ActiveModel {
        id: Set(user.id.0),
        email: Set(user.email.to_string()),
        name: Set(user.name.clone()),
        password_hash: Set(String::new()),
        role: Set(user.role.as_str().to_owned()),
        language: Set(None),
        theme: Set(None),
        created_ms: Set(START.0),
        last_sign_in_ms: Set(None),
        disabled_ms: Set(None),
    }
    .insert(&services.db.write)
    .await
    .unwrap();
    Actor {
        user,
        address: None,
    }
}

async fn insert_device(services: &Services, device: DeviceId, owner: &Actor) {
    let sealed = services
        .vault
        .seal(downlink::SECRET_PURPOSE, &SECRET)
        .unwrap();
    let row = entity::device::ActiveModel {
        uuid: Set(device.0),
        cpu_serial: Set("serial".to_owned()),
        kind: Set("board".to_owned()),
        hardware_version: Set("5".to_owned()),
        hardware_variant: Set("Standard".to_owned()),
        name: Set("온실".to_owned()),
        name_key: Set("온실".to_owned()),
        lifecycle: Set("active".to_owned()),
        presence: Set("OFFLINE".to_owned()),
        presence_cause: Set("never_connected".to_owned()),
        presence_since_ms: Set(START.0),
        status_rank: Set(0),
        owner_id: Set(Some(owner.user.id.0)),
        ownership: Set(1),
        secret: Set(Some(sealed)),
        reset_pending: Set(false),
        report_interval_ms: Set(10_000),
        created_ms: Set(START.0),
        claimed_ms: Set(Some(START.0)),
        server_sequence: Set(0),
        ..Default::default()
    }
    .insert(&services.db.write)
    .await
    .unwrap();
    entity::component::ActiveModel {
        device_id: Set(row.id),
        key: Set("led".to_owned()),
        component_type: Set("led".to_owned()),
        attached_ms: Set(START.0),
        ..Default::default()
    }
    .insert(&services.db.write)
    .await
    .unwrap();
    entity::device_access::ActiveModel {
        device_id: Set(row.id),
        user_id: Set(owner.user.id.0),
        role: Set(Some("owner".to_owned())),
        nickname: Set(None),
    }
    .insert(&services.db.write)
    .await
    .unwrap();
}

#[tokio::test]
async fn waits_for_the_device_and_is_delivered_in_order_with_growing_numbers() {
    let site = Site::new().await;
    let (first, second) = (site.send("ON").await, site.send("OFF").await);
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    assert!(site.told().is_empty(), "the device is not connected");
    assert_eq!(site.state(first.id).await.state, CommandState::Queued);

    site.wire.connected.store(true, Ordering::SeqCst);
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    let told = site.told();
    assert_eq!([told[0].0, told[1].0], [first.id, second.id]);
    assert!(told[1].1 > told[0].1 && told[0].1 >= START.0.cast_unsigned());
    let delivered = site.state(first.id).await;
    assert_eq!(delivered.state, CommandState::Delivered);
    assert_eq!(delivered.delivered_at, Some(START));
    assert_eq!(delivered.created_by, "김하늘");
}

#[tokio::test]
async fn a_message_that_the_broker_did_not_take_waits_again() {
    let site = Site::new().await;
    site.wire.connected.store(true, Ordering::SeqCst);
    site.wire.broken.store(true, Ordering::SeqCst);
    let command = site.send("ON").await;
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    let waiting = site.state(command.id).await;
    assert_eq!(
        (waiting.state, waiting.delivered_at),
        (CommandState::Queued, None)
    );
    site.wire.broken.store(false, Ordering::SeqCst);
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    assert_eq!(site.told().len(), 1);
}

#[tokio::test]
async fn moves_forward_only_and_ends_once() {
    let site = Site::new().await;
    site.wire.connected.store(true, Ordering::SeqCst);
    let command = site.send("ON").await;
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    site.answer(command.id, CommandStatus::Accepted, None).await;
    site.answer(command.id, CommandStatus::Executing, Some(40))
        .await;
    site.answer(command.id, CommandStatus::Accepted, None).await;
    let executing = site.state(command.id).await;
    assert_eq!(
        (executing.state, executing.progress),
        (CommandState::Executing, Some(40))
    );
    site.clock.advance_ms(5);
    site.answer(command.id, CommandStatus::Completed, Some(100))
        .await;
    site.answer(command.id, CommandStatus::Failed, None).await;
    let done = site.state(command.id).await;
    assert_eq!(done.state, CommandState::Completed);
    assert_eq!(done.finished_at, Some(START.plus_ms(5)));
    let stranger = commands::record_result(
        &site.services,
        DeviceId::random(),
        command.id,
        CommandResult {
            status: CommandStatus::Failed,
            progress: None,
            reason: None,
            output: None,
        },
    )
    .await;
    assert_eq!(stranger, Err(AppError::NotFound));
}

#[tokio::test]
async fn what_was_told_and_not_ended_is_told_again_after_a_reconnect() {
    let site = Site::new().await;
    site.wire.connected.store(true, Ordering::SeqCst);
    let command = site.send("ON").await;
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    site.answer(command.id, CommandStatus::Executing, Some(10))
        .await;
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    let told = site.told();
    assert_eq!((told[0].0, told[1].0), (command.id, command.id));
    assert!(told[1].1 > told[0].1);
    assert_eq!(site.state(command.id).await.state, CommandState::Executing);
}

/// Lets this time pass and serves the device; how often it was told this command by then.
async fn told_after(
    site: &Site,
    events: &mut tokio::sync::broadcast::Receiver<Arc<LiveEvent>>,
    ms: i64,
    command: CommandId,
) -> usize {
    site.clock.advance_ms(ms);
    // It is delivered after what was due before it.
    let last = site.send("OFF").await;
    until(events, matches_state(last.id, CommandState::Delivered)).await;
    site.answer(last.id, CommandStatus::Completed, None).await;
    let told = site.told();
    told.iter().filter(|(id, _)| *id == command).count()
}

#[tokio::test]
async fn what_a_connected_device_does_not_answer_is_told_again_after_ever_longer() {
    let site = Site::new().await;
    site.wire.connected.store(true, Ordering::SeqCst);
    let mut events = site.services.bus.subscribe();
    let stop = CancellationToken::new();
    let task = tokio::spawn(commands::run(site.services.clone(), stop.clone()));
    let patient = NewCommand {
        valid_for_ms: 3_600_000,
        ..set("ON")
    };
    let silent = commands::send(&site.services, &site.owner, patient).await;
    let silent = silent.unwrap().id;
    until(&mut events, matches_state(silent, CommandState::Delivered)).await;
    for (ms, told) in [
        (10_001, 2),
        (10_001, 2),
        (10_000, 3),
        (20_001, 3),
        (20_000, 4),
    ] {
        let by_then = told_after(&site, &mut events, ms, silent).await;
        assert_eq!(by_then, told, "after {ms} ms more");
    }
    // One that connects anew may have lost it all, and is asked as often as in the beginning.
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    testkit::until("it is told again", async || {
        let told = site.told();
        let times = told.iter().filter(|(id, _)| *id == silent).count();
        (times == 5).then_some(())
    })
    .await;
    assert_eq!(told_after(&site, &mut events, 10_001, silent).await, 6);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn an_expired_command_is_never_published_and_a_taken_back_one_neither() {
    let site = Site::new().await;
    let (late, unwanted) = (site.send("ON").await, site.send("OFF").await);
    let cancelled = commands::cancel(&site.services, &site.owner, unwanted.id)
        .await
        .unwrap();
    assert_eq!(cancelled.state, CommandState::Cancelled);
    site.clock.advance_ms(60_001);
    site.wire.connected.store(true, Ordering::SeqCst);
    commands::deliver(&site.services, site.device)
        .await
        .unwrap();
    assert!(site.told().is_empty());
    let expired = site.state(late.id).await;
    assert_eq!(expired.state, CommandState::Expired);
    assert_eq!(expired.reason.as_deref(), Some("expired"));
    let again = commands::cancel(&site.services, &site.owner, late.id).await;
    assert_eq!(again, Err(AppError::conflict("command_finished")));
}

#[tokio::test]
async fn the_task_delivers_what_is_queued_and_ends_what_ran_out() {
    let site = Site::new().await;
    site.wire.connected.store(true, Ordering::SeqCst);
    let mut events = site.services.bus.subscribe();
    let stop = CancellationToken::new();
    let task = tokio::spawn(commands::run(site.services.clone(), stop.clone()));
    let command = site.send("ON").await;
    let seen = |state| matches_state(command.id, state);
    until(&mut events, seen(CommandState::Delivered)).await;
    site.clock.advance_ms(60_000 + 10_001);
    let ended = until(&mut events, seen(CommandState::Expired)).await;
    assert_eq!(ended.reason.as_deref(), Some("not_taken"));
    stop.cancel();
    task.await.unwrap();
}

fn matches_state(id: CommandId, state: CommandState) -> impl Fn(&Command) -> bool {
    move |command| command.id == id && command.state == state
}

async fn until(
    events: &mut tokio::sync::broadcast::Receiver<Arc<LiveEvent>>,
    wanted: impl Fn(&Command) -> bool,
) -> Command {
    let found = async {
        loop {
            if let LiveEvent::Command { command } = events.recv().await.unwrap().as_ref()
                && wanted(command)
            {
                return command.as_ref().clone();
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), found)
        .await
        .unwrap()
}

#[tokio::test]
async fn one_key_is_one_command() {
    let site = Site::new().await;
    let once = |command| commands::send_once(&site.services, &site.owner, command, "order-1");
    let (first, second) = (
        once(set("ON")).await.unwrap(),
        once(set("ON")).await.unwrap(),
    );
    assert_eq!(first.id, second.id);
    let other = once(set("OFF")).await;
    assert_eq!(other, Err(AppError::conflict("idempotency_key_reused")));
    let viewer = site
        .owner
        .actor()
        .require_viewer(&site.services, site.device)
        .await
        .unwrap();
    assert_eq!(
        commands::list(&site.services, &viewer, None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_it_is_queued() {
    let site = Site::new().await;
    let refused = async |change: fn(&mut NewCommand)| {
        let mut command = set("ON");
        change(&mut command);
        match commands::send(&site.services, &site.owner, command).await {
            Err(AppError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|c| c.name = "no/../way".to_owned()).await, "name");
    assert_eq!(refused(|c| c.component = None).await, "component");
    assert_eq!(
        refused(|c| c.component = Some("pump".parse().unwrap())).await,
        "component"
    );
    assert_eq!(refused(|c| c.arguments = json!([1])).await, "arguments");
    assert_eq!(
        refused(|c| c.arguments = json!({ "n": 1_u64 << 53 })).await,
        "arguments"
    );
    assert_eq!(
        refused(|c| c.arguments = json!({ "text": "x".repeat(33_000) })).await,
        "arguments"
    );
    assert_eq!(refused(|c| c.valid_for_ms = 999).await, "valid_for_ms");
}
