//! Wishes and what commands may do beside being sent once, on each engine.

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
    AppError, CommandId, ComponentKey, DeviceId, UserId,
    command::{Command, CommandOptions, CommandState, NewCommand},
    device::DeviceKind,
    live::LiveEvent,
    twin::Desired,
};
use protocol::{CommandResult, CommandStatus, Topic};
use serde_json::json;
use service::{
    OwnerOf, ViewerOf, commands,
    devices::NewDevice,
    link::{DeviceLink, LinkError},
    twin,
};
use testkit::{database, device::Identity, device::computer, site::Site};
use tokio_util::sync::CancellationToken;

/// Takes everything; stands for the wire, not for the broker's behaviour.
#[derive(Default)]
struct Wire(AtomicBool);

#[async_trait]
impl DeviceLink for Wire {
    async fn publish(&self, _: &Topic, _: Vec<u8>, _: bool) -> Result<(), LinkError> {
        Ok(())
    }

    async fn disconnect(&self, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn is_connected(&self, _: DeviceId) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    async fn disconnect_app(&self, _: UserId, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(HashSet::new())
    }
}

struct House {
    site: Site,
    wire: Arc<Wire>,
    device: DeviceId,
    owner: OwnerOf,
    viewer: ViewerOf,
}

impl House {
    async fn each() -> Vec<Self> {
        let mut houses = Vec::new();
        for database in database::each_engine().await {
            let wire = Arc::new(Wire::default());
            let site = Site::with_link(database, wire.clone());
            service::components::seed(&site.services).await.unwrap();
            let admin = site.set_up().await;
            let wish = computer("TWIN-1");
            let device = Identity::enrol(&site.services, &admin, Some(&admin), wish)
                .await
                .unwrap()
                .id;
            houses.push(Self {
                owner: admin.require_owner(&site.services, device).await.unwrap(),
                viewer: admin.require_viewer(&site.services, device).await.unwrap(),
                site,
                wire,
                device,
            });
        }
        houses
    }

    async fn send(&self, status: &str, options: CommandOptions) -> Command {
        let command = NewCommand {
            name: "set".to_owned(),
            component: Some("led".parse().unwrap()),
            arguments: json!({ "status": status }),
            valid_for_ms: 60_000,
            options,
        };
        commands::send(&self.site.services, &self.owner, command)
            .await
            .unwrap()
    }

    async fn desired(&self) -> Vec<Desired> {
        twin::desired(&self.site.services, &self.viewer)
            .await
            .unwrap()
    }

    /// What is desired of the lamp.
    async fn wish(&self) -> Option<String> {
        let desired = self.desired().await.into_iter().next()?;
        Some(desired.wanted["status"].as_str().unwrap().to_owned())
    }

    async fn answer(&self, command: CommandId, status: CommandStatus, reason: Option<&str>) {
        let answer = CommandResult {
            status,
            progress: None,
            reason: reason.map(ToOwned::to_owned),
            output: None,
        };
        commands::record_result(&self.site.services, self.device, command, answer)
            .await
            .unwrap();
    }

    async fn all(&self) -> Vec<Command> {
        commands::list(&self.site.services, &self.viewer, None, 50)
            .await
            .unwrap()
    }

    async fn deliver(&self) {
        self.wire.0.store(true, Ordering::SeqCst);
        commands::deliver(&self.site.services, self.device)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_command_is_a_wish_and_what_is_taken_back_or_refused_is_none() {
    for house in House::each().await {
        let services = &house.site.services;
        assert_eq!(house.wish().await, None);
        let momentary = CommandOptions {
            transient: true,
            ..CommandOptions::default()
        };
        house.send("ON", momentary).await;
        assert_eq!(house.wish().await, None, "a transient one is no wish");

        let first = house.send("ON", CommandOptions::default()).await;
        assert_eq!(house.wish().await.as_deref(), Some("ON"));
        let second = house.send("OFF", CommandOptions::default()).await;
        assert_eq!(house.wish().await.as_deref(), Some("OFF"));
        commands::cancel(services, &house.owner, second.id)
            .await
            .unwrap();
        assert_eq!(house.wish().await.as_deref(), Some("ON"), "as before");

        house.answer(first.id, CommandStatus::Completed, None).await;
        let third = house.send("PURPLE", CommandOptions::default()).await;
        house.deliver().await;
        let reason = Some("unsupported_value");
        house
            .answer(third.id, CommandStatus::Rejected, reason)
            .await;
        assert_eq!(house.wish().await.as_deref(), Some("ON"), "as before");

        let led = "led".parse().unwrap();
        let was = twin::let_go(services, &house.owner, &led).await.unwrap();
        assert_eq!(house.wish().await, None);
        let again = twin::let_go(services, &house.owner, &led).await;
        assert_eq!(again, Err(AppError::NotFound));
        twin::desire(services, &house.owner, &led, was)
            .await
            .unwrap();
        assert_eq!(house.wish().await.as_deref(), Some("ON"), "undone");
        let cpu = "cpu".parse().unwrap();
        let wanted = json!({ "status": "ON" }).as_object().unwrap().clone();
        let sensor = twin::desire(services, &house.owner, &cpu, wanted).await;
        assert_eq!(
            sensor,
            Err(AppError::invalid("component", "not_an_actuator"))
        );
    }
}

#[tokio::test]
async fn what_was_all_taken_back_leaves_no_wish_in_whatever_order() {
    for house in House::each().await {
        let services = &house.site.services;
        let send = async |status: &str| house.send(status, CommandOptions::default()).await;
        let cancel = async |command: CommandId| {
            commands::cancel(services, &house.owner, command)
                .await
                .unwrap();
        };
        for order in [[2, 1, 0], [0, 1, 2], [1, 0, 2], [1, 2, 0], [0, 2, 1]] {
            let sent = [
                send("ON").await.id,
                send("OFF").await.id,
                send("ON").await.id,
            ];
            for n in order {
                assert!(house.wish().await.is_some(), "{order:?}");
                cancel(sent[n]).await;
            }
            assert_eq!(house.wish().await, None, "{order:?}");
        }
        // One of them is left, whatever came before and after it.
        let sent = [
            send("ON").await.id,
            send("OFF").await.id,
            send("ON").await.id,
        ];
        cancel(sent[2]).await;
        cancel(sent[0]).await;
        assert_eq!(house.wish().await.as_deref(), Some("OFF"));
        assert_eq!(house.desired().await[0].command, Some(sent[1]));
        cancel(sent[1]).await;
        assert_eq!(house.wish().await, None);
    }
}

#[tokio::test]
async fn what_a_device_refused_is_not_returned_to_and_what_it_did_is() {
    for house in House::each().await {
        let services = &house.site.services;
        let (led, options) = ("led".parse().unwrap(), CommandOptions::default());
        let away = || house.wire.0.store(false, Ordering::SeqCst);
        let refused = house.send("PURPLE", options).await;
        house.deliver().await;
        away();
        let after = house.send("OFF", options).await;
        let reason = Some("unsupported_value");
        house
            .answer(refused.id, CommandStatus::Rejected, reason)
            .await;
        commands::cancel(services, &house.owner, after.id)
            .await
            .unwrap();
        assert_eq!(house.wish().await, None, "it was never possible");

        // The later of two that were done, whichever was done first.
        let (first, second) = (
            house.send("ON", options).await,
            house.send("OFF", options).await,
        );
        house.deliver().await;
        away();
        let after = house.send("ON", options).await;
        for done in [second.id, first.id] {
            house.answer(done, CommandStatus::Completed, None).await;
        }
        commands::cancel(services, &house.owner, after.id)
            .await
            .unwrap();
        assert_eq!(house.wish().await.as_deref(), Some("OFF"));
        assert_eq!(house.desired().await[0].command, None);
        twin::let_go(services, &house.owner, &led).await.unwrap();

        // A further try stands where the first one stood.
        let twice = CommandOptions {
            retries: 1,
            retry_wait_ms: 5_000,
            ..options
        };
        let failed = house.send("ON", twice).await;
        house.deliver().await;
        away();
        let after = house.send("OFF", options).await;
        house.answer(failed.id, CommandStatus::Failed, None).await;
        let all = house.all().await;
        let again = all.iter().find(|one| one.retry_of == Some(failed.id));
        let again = again.unwrap().id;
        commands::cancel(services, &house.owner, after.id)
            .await
            .unwrap();
        assert_eq!(house.wish().await.as_deref(), Some("ON"));
        assert_eq!(house.desired().await[0].command, Some(again));
        commands::cancel(services, &house.owner, again)
            .await
            .unwrap();
        assert_eq!(house.wish().await, None);
    }
}

#[tokio::test]
async fn a_level_is_desired_of_what_has_levels_and_of_nothing_else() {
    for house in House::each().await {
        let services = &house.site.services;
        let admin = house.owner.actor();
        let wish = NewDevice {
            kind: DeviceKind::Board,
            hardware_version: "5".to_owned(),
            components: vec!["fan".parse().unwrap()],
            ..computer("TWIN-2")
        };
        let board = Identity::enrol(services, admin, Some(admin), wish)
            .await
            .unwrap()
            .id;
        let owner = admin.require_owner(services, board).await.unwrap();
        let viewer = admin.require_viewer(services, board).await.unwrap();
        let key = |key: &str| key.parse::<ComponentKey>().unwrap();
        let sent = commands::set_level(services, &owner, key("fan"), 40, 60_000)
            .await
            .unwrap();
        assert_eq!(sent.name, "set");
        assert_eq!(sent.arguments, json!({ "level": 40 }));
        let desired = twin::desired(services, &viewer).await.unwrap();
        assert_eq!(desired.len(), 1);
        assert_eq!(desired[0].component, key("fan"));
        assert_eq!(json!(desired[0].wanted), json!({ "level": 40 }));
        assert!(desired[0].differs, "it has not reported");

        let over = commands::set_level(services, &owner, key("fan"), 101, 60_000).await;
        assert_eq!(over.unwrap_err(), AppError::invalid("level", "level"));
        let none = commands::set_level(services, &owner, key("pump"), 40, 60_000).await;
        let not_attached = AppError::invalid("component", "not_attached");
        assert_eq!(none.unwrap_err(), not_attached);
        // The lamp of a computer is on no pin.
        let lamp = commands::set_level(services, &house.owner, key("led"), 40, 60_000).await;
        let no_level = AppError::invalid("component", "no_level");
        assert_eq!(lamp.unwrap_err(), no_level);
        assert_eq!(house.wish().await, None);
    }
}

#[tokio::test]
async fn a_failure_is_tried_again_as_a_command_of_its_own() {
    for house in House::each().await {
        let twice = CommandOptions {
            retries: 2,
            retry_wait_ms: 5_000,
            ..CommandOptions::default()
        };
        let first = house.send("ON", twice).await;
        house.deliver().await;
        house
            .answer(first.id, CommandStatus::Failed, Some("jammed"))
            .await;
        let all = house.all().await;
        assert_eq!(all.len(), 2);
        let (next, before) = (&all[0], &all[1]);
        assert_eq!(before.state, CommandState::Failed);
        assert_eq!((next.attempt, next.retries_left), (2, 1));
        assert_eq!(next.retry_of, Some(first.id));
        assert_eq!(next.expires_at, first.expires_at);
        // Not before its time.
        house.deliver().await;
        assert_eq!(house.all().await[0].state, CommandState::Queued);
        house.site.clock.advance_ms(5_001);
        house.deliver().await;
        assert_eq!(house.all().await[0].state, CommandState::Delivered);
        house
            .answer(next.id, CommandStatus::Failed, Some("jammed"))
            .await;
        let last = house.all().await[0].clone();
        assert_eq!((last.attempt, last.retries_left), (3, 0));
        assert_eq!(last.retry_of, Some(first.id), "the first try");
        house.site.clock.advance_ms(10_001);
        house.deliver().await;
        house.answer(last.id, CommandStatus::Completed, None).await;
        assert_eq!(house.all().await.len(), 3, "nothing follows a success");
        assert_eq!(house.wish().await.as_deref(), Some("ON"));
    }
}

#[tokio::test]
async fn a_device_that_took_a_command_and_fell_silent_is_timed_out() {
    for house in House::each().await {
        let services = house.site.services.clone();
        let command = house
            .send(
                "ON",
                CommandOptions {
                    timeout_ms: Some(10_000),
                    ..CommandOptions::default()
                },
            )
            .await;
        house.deliver().await;
        house
            .answer(command.id, CommandStatus::Accepted, None)
            .await;
        house.site.clock.advance_ms(9_000);
        house
            .answer(command.id, CommandStatus::Executing, None)
            .await;
        let mut events = services.bus.subscribe();
        let stop = CancellationToken::new();
        let task = tokio::spawn(commands::run(services, stop.clone()));
        // Nine seconds after it was last heard of.
        house.site.clock.advance_ms(9_000);
        assert_eq!(house.all().await[0].state, CommandState::Executing);
        house.site.clock.advance_ms(1_500);
        let ended = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            loop {
                if let LiveEvent::Command { command } = events.recv().await.unwrap().as_ref() {
                    break command.as_ref().clone();
                }
            }
        });
        let ended = ended.await.unwrap();
        assert_eq!(ended.state, CommandState::TimedOut);
        assert_eq!(ended.reason.as_deref(), Some("no_answer"));
        stop.cancel();
        task.await.unwrap();
        // What comes after the end changes nothing.
        house
            .answer(command.id, CommandStatus::Completed, None)
            .await;
        assert_eq!(house.all().await[0].state, CommandState::TimedOut);
    }
}
