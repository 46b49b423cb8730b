//! What waits for a device of people who may not command it any more: it is not sent, and it is said why.

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
    DeviceId, UserId,
    command::{Command, CommandOptions, CommandState, NewCommand},
    event::EventKind,
    role::{DeviceRole, SiteRole},
};
use parking_lot::Mutex;
use protocol::Topic;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use service::{
    Actor, Services, accounts, commands, components,
    devices::{self, sharing},
    link::{DeviceLink, LinkError},
    twin,
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};
use tokio_util::sync::CancellationToken;

/// Notes the commands that are published; stands for the wire, not for the broker's behaviour.
#[derive(Default)]
struct Wire {
    connected: AtomicBool,
    told: Mutex<Vec<String>>,
}

#[async_trait]
impl DeviceLink for Wire {
    async fn publish(&self, topic: &Topic, _: Vec<u8>, _: bool) -> Result<(), LinkError> {
        if let Topic::Command { name, .. } = topic {
            self.told.lock().push(name.clone());
        }
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

/// A site, and a device of kim's.
struct House {
    site: Site,
    wire: Arc<Wire>,
    admin: Actor,
    kim: Actor,
    device: Identity,
}

impl House {
    async fn each() -> Vec<Self> {
        let mut houses = Vec::new();
        for database in each_engine().await {
            let wire = Arc::new(Wire::default());
            let site = Site::with_link(database, wire.clone());
            service::components::seed(&site.services).await.unwrap();
            let admin = site.set_up().await;
            let kim = site.person(&admin, "kim@example.org", SiteRole::Member);
            let kim = kim.await;
            let wish = computer("SENDER-1");
            let device = Identity::enrol(&site.services, &admin, Some(&kim), wish)
                .await
                .unwrap();
            houses.push(Self {
                site,
                wire,
                admin,
                kim,
                device,
            });
        }
        houses
    }

    fn services(&self) -> &Services {
        &self.site.services
    }

    async fn person(&self, name: &str, role: SiteRole) -> Actor {
        let email = format!("{name}@example.org");
        self.site.person(&self.admin, &email, role).await
    }

    async fn share(&self, with: &Actor, role: DeviceRole) {
        let owner = self.kim.require_owner(self.services(), self.device.id);
        let owner = owner.await.unwrap();
        sharing::share(self.services(), &owner, with.user.email.as_str(), role)
            .await
            .unwrap();
    }

    async fn unshare(&self, with: &Actor) {
        let owner = self.kim.require_owner(self.services(), self.device.id);
        let owner = owner.await.unwrap();
        sharing::unshare(self.services(), &owner, with.user.id)
            .await
            .unwrap();
    }

    async fn send(&self, who: &Actor, name: &str, arguments: Value) -> Command {
        let commander = commands::Commander::prove(self.services(), who, self.device.id);
        let commander = commander.await.unwrap();
        let command = NewCommand {
            name: name.to_owned(),
            component: (name == "set").then(|| "led".parse().unwrap()),
            arguments,
            valid_for_ms: 86_400_000,
            options: CommandOptions::default(),
        };
        commands::send(self.services(), &commander, command)
            .await
            .unwrap()
    }

    /// The device connects, and is told what waits for it; gives what that was.
    async fn connect(&self) -> Vec<String> {
        self.wire.connected.store(true, Ordering::SeqCst);
        self.deliver().await;
        self.wire.told.lock().clone()
    }

    async fn deliver(&self) {
        commands::deliver(self.services(), self.device.id)
            .await
            .unwrap();
    }

    async fn row(&self, command: &Command) -> entity::command::Model {
        entity::command::Entity::find_by_id(command.id.0)
            .one(&self.services().db.read)
            .await
            .unwrap()
            .unwrap()
    }

    /// How a command ended, and why.
    async fn end(&self, command: &Command) -> (String, Option<String>) {
        let row = self.row(command).await;
        assert_eq!(row.finished_ms.is_some(), row.reason.is_some());
        (row.state, row.reason)
    }

    /// What is said on the device's page of commands that were not sent.
    async fn held_back(&self) -> Vec<Value> {
        use entity::device_event::{Column, Entity};
        Entity::find()
            .filter(Column::Kind.eq(EventKind::CommandHeldBack.as_str()))
            .order_by_asc(Column::Id)
            .all(&self.services().db.read)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.detail)
            .collect()
    }
}

fn ended(state: CommandState, reason: &str) -> (String, Option<String>) {
    (state.as_str().to_owned(), Some(reason.to_owned()))
}

#[tokio::test]
async fn a_command_of_who_lost_the_right_ends_and_says_why() {
    for house in House::each().await {
        let member = SiteRole::Member;
        let lee = house.person("lee", member).await;
        let park = house.person("park", member).await;
        let choi = house.person("choi", SiteRole::GeneralAdmin).await;
        let jung = house.person("jung", SiteRole::Developer).await;
        house.share(&lee, DeviceRole::Owner).await;
        house.share(&park, DeviceRole::Owner).await;
        let mut lost = Vec::new();
        for who in [&lee, &park, &choi, &jung] {
            lost.push(house.send(who, "print", json!({})).await);
        }
        let kept = house.send(&house.kim, "restart", json!({})).await;

        // Taken back, lowered to a viewer, deactivated, a member now.
        house.unshare(&lee).await;
        house.share(&park, DeviceRole::Viewer).await;
        let proof = house.admin.require_admin().unwrap();
        accounts::set_active(house.services(), &proof, choi.user.id, false)
            .await
            .unwrap();
        accounts::set_role(house.services(), &proof, jung.user.id, member)
            .await
            .unwrap();
        assert_eq!(house.connect().await, ["restart"]);
        for command in &lost {
            let end = ended(CommandState::Cancelled, "not_allowed");
            assert_eq!(house.end(command).await, end);
        }
        let delivered = CommandState::Delivered.as_str().to_owned();
        assert_eq!(house.end(&kept).await, (delivered, None));
        let said = house.held_back().await;
        for (detail, (command, by)) in said
            .iter()
            .zip(lost.iter().zip(["lee", "park", "choi", "jung"]))
        {
            assert_eq!(detail["command"], json!(command.id));
            assert_eq!([&detail["name"], &detail["by"]], ["print", by]);
        }
        assert_eq!(said.len(), lost.len());

        // Who watches the device is told of it in its history.
        let viewer = house.kim.require_viewer(house.services(), house.device.id);
        let viewer = viewer.await.unwrap();
        let shown = commands::get(house.services(), &viewer, lost[0].id);
        assert_eq!(shown.await.unwrap().reason.as_deref(), Some("not_allowed"));
    }
}

#[tokio::test]
async fn what_was_sent_while_its_sender_might_goes_on() {
    for house in House::each().await {
        let lee = house.person("lee", SiteRole::Member).await;
        house.share(&lee, DeviceRole::Owner).await;
        let told = house.send(&lee, "print", json!({})).await;
        assert_eq!(house.connect().await, ["print"]);
        house.unshare(&lee).await;
        house.deliver().await;
        let delivered = CommandState::Delivered.as_str().to_owned();
        assert_eq!(house.end(&told).await, (delivered, None));
        assert!(house.held_back().await.is_empty());
    }
}

#[tokio::test]
async fn a_switch_that_is_not_sent_takes_its_wish_back_and_the_servers_own_tries_go_on() {
    for house in House::each().await {
        let services = house.services();
        let lee = house.person("lee", SiteRole::Member).await;
        house.share(&lee, DeviceRole::Owner).await;
        let led = "led".parse().unwrap();
        let commander = commands::Commander::prove(services, &lee, house.device.id);
        let commander = commander.await.unwrap();
        let off = json!({ "status": "OFF" }).as_object().cloned().unwrap();
        twin::desire(services, &commander, &led, off).await.unwrap();
        let on = house.send(&lee, "set", json!({ "status": "ON" })).await;
        let viewer = house.kim.require_viewer(services, house.device.id);
        let viewer = viewer.await.unwrap();
        let wanted = async || {
            let desired = twin::desired(services, &viewer).await.unwrap();
            desired[0].wanted["status"].clone()
        };
        assert_eq!(wanted().await, "ON");
        house.unshare(&lee).await;
        assert!(house.connect().await.is_empty());
        let end = ended(CommandState::Cancelled, "not_allowed");
        assert_eq!(house.end(&on).await, end);
        assert_eq!(wanted().await, "OFF", "what was desired before");
        assert_eq!(house.held_back().await[0]["component"], "led");

        // What is desired of the device stays so, whoever desired it: the server brings it there.
        let stop = CancellationToken::new();
        let task = tokio::spawn(twin::run(services.clone(), stop.clone()));
        testkit::until("the server tries", async || {
            let tries = entity::command::Entity::find()
                .filter(entity::command::Column::Name.eq(protocol::STATE_DESIRED))
                .one(&services.db.read);
            tries.await.unwrap()
        })
        .await;
        house.deliver().await;
        stop.cancel();
        task.await.unwrap();
        assert_eq!(*house.wire.told.lock(), [protocol::STATE_DESIRED]);
        assert_eq!(house.held_back().await.len(), 1, "only the switch");
    }
}

#[tokio::test]
async fn what_waited_is_not_sent_to_a_device_that_somebody_else_has_claimed() {
    for house in House::each().await {
        let services = house.services();
        let lee = house.person("lee", SiteRole::Member).await;
        let before = house.send(&house.kim, "print", json!({})).await;
        let owner = house.kim.require_owner(services, house.device.id);
        devices::unlink(services, &owner.await.unwrap())
            .await
            .unwrap();
        devices::claim(services, &lee, &house.device.serial, &house.device.code)
            .await
            .unwrap();
        let after = house.send(&lee, "restart", json!({})).await;
        assert_eq!(house.connect().await, ["restart"]);
        let end = ended(CommandState::Cancelled, "ownership_changed");
        assert_eq!(house.end(&before).await, end);
        let delivered = CommandState::Delivered.as_str().to_owned();
        assert_eq!(house.end(&after).await, (delivered, None));
        // Of what somebody else asked for the new owner hears nothing.
        assert!(house.held_back().await.is_empty());
    }
}

#[tokio::test]
async fn the_servers_word_goes_out_and_one_in_its_name_does_not() {
    for house in House::each().await {
        let services = house.services();
        let lee = house.person("lee", SiteRole::Member).await;
        house.share(&lee, DeviceRole::Owner).await;
        let other = json!({ "components": [], "component_key": "led" });
        let own = house.send(&lee, "component/changed", other).await;
        let owner = lee.require_owner(services, house.device.id).await.unwrap();
        let led = entity::component::Entity::find()
            .filter(entity::component::Column::Key.eq("led"))
            .one(&services.db.read);
        let led = led.await.unwrap().unwrap();
        components::detach(services, &owner, led.id).await.unwrap();
        house.unshare(&lee).await;

        assert_eq!(house.connect().await, ["component/changed"], "one of both");
        let end = ended(CommandState::Cancelled, "not_allowed");
        assert_eq!(house.end(&own).await, end);
    }
}
