//! What follows from a change is done although the request that asked for it is over.

#![allow(clippy::unwrap_used)]

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use domain::{DeviceId, UserId, event::EventKind, identity::Act, role::SiteRole};
use parking_lot::Mutex;
use protocol::Topic;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use service::{
    Actor,
    accounts::{self, Client, address, profile},
    certificates, devices,
    identity::{self, Standing},
    link::{DeviceLink, LinkError},
};
use testkit::{
    database::{TestDatabase, each_engine},
    device::{Identity, computer},
    site::{PASSWORD, Site},
    until,
};
use tokio::sync::{Notify, watch};

/// A broker that does nothing while it is held, and then all that it was asked for by whoever still waits.
#[derive(Debug)]
struct Broker {
    held: watch::Sender<bool>,
    asked: Notify,
    done: Mutex<Vec<String>>,
}

impl Broker {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            held: watch::Sender::new(false),
            asked: Notify::new(),
            done: Mutex::default(),
        })
    }

    async fn take(&self, what: String) {
        let mut held = self.held.subscribe();
        if *held.borrow_and_update() {
            self.asked.notify_one();
        }
        held.wait_for(|held| !held).await.unwrap();
        self.done.lock().push(what);
    }

    /// Begins this, and drops it where it waits for the broker, as a request that times out is dropped.
    async fn cut_off(&self, request: impl Future) {
        self.done.lock().clear();
        self.held.send_replace(true);
        tokio::select! {
            _ = request => panic!("it did not wait for the broker"),
            () = self.asked.notified() => {}
        }
        self.held.send_replace(false);
    }

    async fn does(&self, what: &str) {
        until(what, async || {
            let done = self.done.lock();
            done.iter().any(|known| known == what).then_some(())
        })
        .await;
    }
}

#[async_trait]
impl DeviceLink for Broker {
    async fn publish(&self, topic: &Topic, _: Vec<u8>, _: bool) -> Result<(), LinkError> {
        self.take(topic.to_string()).await;
        Ok(())
    }

    async fn disconnect(&self, common_name: &str) -> Result<(), LinkError> {
        self.take(format!("the end of {common_name}")).await;
        Ok(())
    }

    fn is_connected(&self, _: DeviceId) -> bool {
        false
    }

    async fn disconnect_app(&self, _: UserId, serial: &str) -> Result<(), LinkError> {
        self.take(format!("the end of {serial}")).await;
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(HashSet::new())
    }
}

/// A site with a slow broker, its administrator, and a person with two devices.
async fn site(database: TestDatabase) -> (Site, Arc<Broker>, [Actor; 2], [Identity; 2]) {
    let broker = Broker::new();
    let site = Site::with_link(database, broker.clone());
    service::components::seed(&site.services).await.unwrap();
    let admin = site.set_up().await;
    let kim = site
        .person(&admin, "kim@example.org", SiteRole::Member)
        .await;
    let enrol = async |serial: &str| {
        Identity::enrol(&site.services, &admin, Some(&kim), computer(serial))
            .await
            .unwrap()
    };
    let both = [enrol("C-1").await, enrol("C-2").await];
    (site, broker, [admin, kim], both)
}

#[tokio::test]
async fn every_device_hears_of_a_new_address() {
    for database in each_engine().await {
        let (site, broker, [_, mut kim], both) = site(database).await;
        let services = &site.services;
        let client = Client::default();
        let to = "kim@example.net";
        let asked = address::change(services, &kim, &client, PASSWORD, to);
        Box::pin(broker.cut_off(asked)).await;
        for device in &both {
            broker.does(&Topic::Owner(device.id).to_string()).await;
        }

        // Asked for once more, they are told once more.
        kim.user.email = to.parse().unwrap();
        broker.done.lock().clear();
        let again = address::change(services, &kim, &client, PASSWORD, to).await;
        assert_eq!(again, Ok(kim.user.email.clone()));
        let mut told = broker.done.lock().clone();
        told.sort();
        let mut owners = both.each_ref().map(|it| Topic::Owner(it.id).to_string());
        owners.sort();
        assert_eq!(told, owners);
    }
}

#[tokio::test]
async fn a_deleted_account_is_deleted_whole() {
    for database in each_engine().await {
        let (site, broker, [_, kim], both) = site(database).await;
        let services = &site.services;
        let client = Client::default();
        let asked = accounts::delete_account(services, &kim, &client, PASSWORD);
        Box::pin(broker.cut_off(asked)).await;
        for device in &both {
            broker.does(&Topic::Reset(device.id).to_string()).await;
        }
        until("nobody is left", async || {
            let row = entity::user::Entity::find_by_id(kim.user.id.0)
                .one(&services.db.read)
                .await;
            row.unwrap().is_none().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_device_that_is_given_up_is_reset_and_the_session_of_a_revoked_one_ends() {
    for database in each_engine().await {
        let (site, broker, [admin, kim], [given_up, revoked]) = site(database).await;
        let services = &site.services;
        let recorded = async |device: DeviceId, kind: EventKind| {
            until(kind.as_str(), async || {
                let viewer = admin.require_viewer(services, device).await.unwrap();
                let events = devices::events(services, &viewer, None, 50).await.unwrap();
                let found = events.iter().any(|event| event.kind == kind);
                found.then_some(())
            })
            .await;
        };

        let owner = kim.require_owner(services, given_up.id).await.unwrap();
        broker.cut_off(devices::unlink(services, &owner)).await;
        broker.does(&Topic::Reset(given_up.id).to_string()).await;
        recorded(given_up.id, EventKind::Unlinked).await;

        let proof = admin.require_admin().unwrap();
        let asked = devices::revoke(services, &proof, revoked.id);
        Box::pin(broker.cut_off(asked)).await;
        broker.does(&format!("the end of {}", revoked.id)).await;
        recorded(revoked.id, EventKind::Revoked).await;
    }
}

#[tokio::test]
async fn a_session_ends_although_whoever_ended_it_waits_no_longer() {
    for database in each_engine().await {
        let (site, broker, [admin, _], [doubtful, other]) = site(database).await;
        let services = &site.services;
        let proof = admin.require_admin().unwrap();
        let end = |device: DeviceId| format!("the end of {device}");

        let issued = certificates::of_device(services, &proof, doubtful.id).await;
        let serial = issued.unwrap().remove(0).serial;
        let asked = certificates::revoke(services, &proof, &serial);
        Box::pin(broker.cut_off(asked)).await;
        broker.does(&end(doubtful.id)).await;

        let mut body = doubtful.shown(1);
        body.insert("cpu_serial".to_owned(), json!("another board"));
        let said = serde_json::from_value(Value::Object(body)).unwrap();
        let heard = identity::heard(services, doubtful.id, &said, None).await;
        let Standing::Held(finding) = heard.unwrap() else {
            panic!("it is another board");
        };
        let asked = identity::resolve(services, &proof, finding, Act::Block);
        Box::pin(broker.cut_off(asked)).await;
        broker.does(&end(doubtful.id)).await;

        let asked = devices::set_uuid(services, &proof, other.id, DeviceId::random());
        Box::pin(broker.cut_off(asked)).await;
        broker.does(&end(other.id)).await;
    }
}

#[tokio::test]
async fn a_password_changes_with_the_end_of_the_other_sessions_or_not_at_all() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let admin = site.set_up().await;
        let (email, client) = (admin.user.email.to_string(), Client::default());
        let signs_in = async |password: &str| {
            let tried = accounts::sign_in(services, &email, password, &client).await;
            tried.map(|signed_in| signed_in.token)
        };
        let here = signs_in(PASSWORD).await.unwrap();
        let elsewhere = signs_in(PASSWORD).await.unwrap();
        let new = "another horse battery";
        let change = async || {
            profile::change_password(services, &admin, &client, &here, PASSWORD, new).await
        };
        let is_in = async |token: &str| {
            let actor = accounts::actor_of_session(services, token, &client).await;
            actor.unwrap().is_some()
        };
        let database = &services.db.write;
        let rename = async |from: &str, to: &str| {
            let renaming = format!("ALTER TABLE {from} RENAME TO {to}");
            database.execute_unprepared(&renaming).await.unwrap();
        };

        rename("refresh_token", "not_there").await;
        assert!(change().await.is_err());
        assert!(is_in(&elsewhere).await, "nothing has changed");
        assert!(signs_in(new).await.is_err());
        rename("not_there", "refresh_token").await;
        change().await.unwrap();
        assert!(is_in(&here).await);
        assert!(!is_in(&elsewhere).await);
        assert!(signs_in(new).await.is_ok());
    }
}
