//! The certificates of people's apps, and who was let in a moment too early, on both engines.

#![allow(clippy::unwrap_used)]

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use domain::{AppError, DeviceId, Email, UserId, role::SiteRole};
use parking_lot::Mutex;
use protocol::Topic;
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::json;
use service::{
    Actor, Services,
    accounts::{
        self,
        apps::{self, NewApp},
    },
    devices::admission,
    link::{DeviceLink, LinkError},
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};

/// Notes whose sessions are ended: an app's by its serial, a device's by its name. Stands for the broker, where none of
/// them is there yet when it is asked.
#[derive(Default)]
struct Ended(Mutex<Vec<String>>);

impl Ended {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

#[async_trait]
impl DeviceLink for Ended {
    async fn publish(&self, _: &Topic, _: Vec<u8>, _: bool) -> Result<(), LinkError> {
        Ok(())
    }

    async fn disconnect(&self, common_name: &str) -> Result<(), LinkError> {
        self.0.lock().push(common_name.to_owned());
        Ok(())
    }

    fn is_connected(&self, _: DeviceId) -> bool {
        false
    }

    async fn disconnect_app(&self, _: UserId, serial: &str) -> Result<(), LinkError> {
        self.0.lock().push(serial.to_owned());
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(HashSet::new())
    }
}

fn signing_request() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    request.pem().unwrap()
}

/// The serial number of a certificate, by the client id to use with it.
fn serial(app: &NewApp) -> &str {
    app.client_id.split_once(':').unwrap().1
}

async fn is_let_in(services: &Services, app: &NewApp) -> bool {
    let user = app.client_id.split_once(':').unwrap().0;
    let admitted = admission::admit(services, user, serial(app)).await;
    admitted.unwrap().is_some()
}

#[tokio::test]
async fn a_renewal_ends_the_former_certificate_when_it_is_used_and_not_before() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let admin = site.set_up().await;
        let kim = site.person(&admin, "kim@example.org", SiteRole::Member);
        let kim = kim.await;
        let user = kim.user.id;
        let add = async |name: &str| apps::add(services, &kim, name, &signing_request()).await;
        let phone = add("phone").await.unwrap();
        let tablet = add("tablet").await.unwrap();
        let renew = async || apps::renew(services, &kim, &phone.id, &signing_request()).await;

        site.clock.advance_ms(300 * 86_400_000);
        let lost = renew().await.unwrap();
        // Of the same moment.
        let renewed = renew().await.unwrap();
        assert_eq!((&lost.id, &renewed.id), (&phone.id, &phone.id));
        assert!(is_let_in(services, &phone).await);
        assert!(!is_let_in(services, &lost).await, "it was never used");
        assert!(is_let_in(services, &renewed).await);
        apps::connected_with(services, user, &kim.user.email, serial(&phone))
            .await
            .unwrap();
        assert!(is_let_in(services, &renewed).await, "the former one serves");

        apps::connected_with(services, user, &kim.user.email, serial(&renewed))
            .await
            .unwrap();
        assert!(!is_let_in(services, &phone).await);
        assert!(is_let_in(services, &renewed).await);
        assert!(is_let_in(services, &tablet).await, "it is not concerned");

        let listed = apps::list(services, &kim).await.unwrap();
        let shown = listed.iter().find(|app| app.id == phone.id).unwrap();
        assert_eq!((listed.len(), shown.name.as_str()), (2, "phone"));
        assert_eq!(shown.expires_at, renewed.expires_at);
        assert!(shown.expires_at > phone.expires_at && shown.created_at < phone.expires_at);
    }
}

#[tokio::test]
async fn only_ones_own_installation_that_nobody_revoked_is_renewed() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let admin = site.set_up().await;
        let kim = site.person(&admin, "kim@example.org", SiteRole::Member);
        let kim = kim.await;
        let phone = apps::add(services, &kim, "phone", &signing_request())
            .await
            .unwrap();
        let csr = signing_request();
        let refused = async |actor: &Actor, id: &str, csr: &str| {
            let renewed = apps::renew(services, actor, id, csr).await;
            renewed.map(|app| app.id).unwrap_err()
        };
        let by_another = refused(&admin, &phone.id, &csr).await;
        assert_eq!(by_another, AppError::NotFound);
        assert_eq!(refused(&kim, "4a", &csr).await, AppError::NotFound);
        let none = refused(&kim, &phone.id, "none").await;
        assert_eq!(none, AppError::invalid("csr", "csr"));

        let renewed = apps::renew(services, &kim, &phone.id, &csr).await.unwrap();
        let of_another = refused(&kim, serial(&renewed), &csr).await;
        assert_eq!(of_another, AppError::NotFound, "it is no installation");
        apps::revoke(services, &kim, &phone.id).await.unwrap();
        assert!(!is_let_in(services, &phone).await);
        assert!(!is_let_in(services, &renewed).await);
        assert_eq!(refused(&kim, &phone.id, &csr).await, AppError::Gone);
        let twice = apps::revoke(services, &kim, &phone.id).await;
        assert_eq!(twice, Err(AppError::NotFound));
    }
}

#[tokio::test]
async fn a_person_has_so_many_apps_and_one_that_has_ended_comes_back_where_there_is_room() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let kim = site.set_up().await;
        let add = async |name: &str| apps::add(services, &kim, name, &signing_request()).await;
        let old = add("old").await.unwrap();
        site.clock.advance_ms(398 * 86_400_000);
        let mut last = None;
        for n in 0..apps::MOST {
            last = Some(add(&format!("app {n}")).await.unwrap());
        }
        let last = last.unwrap();
        let full = AppError::conflict("too_many_apps");
        assert_eq!(add("more").await.unwrap_err(), full);
        let renew = async |id: &str| apps::renew(services, &kim, id, &signing_request()).await;
        renew(&last.id).await.unwrap();
        let many = apps::list(services, &kim).await.unwrap();
        assert_eq!(many.len(), apps::MOST, "a renewal is no other app");
        assert_eq!(renew(&old.id).await.unwrap_err(), full);
        apps::revoke(services, &kim, &last.id).await.unwrap();
        let back = renew(&old.id).await.unwrap();
        assert!(is_let_in(services, &back).await);
    }
}

#[tokio::test]
async fn who_would_not_be_let_in_any_more_is_disconnected_once_they_are_connected() {
    for database in each_engine().await {
        let ended = Arc::new(Ended::default());
        let site = Site::with_link(database, ended.clone());
        let services = &site.services;
        let admin = site.set_up().await;
        let kim = site.person(&admin, "kim@example.org", SiteRole::Member);
        let kim = kim.await;
        let phone = apps::add(services, &kim, "phone", &signing_request())
            .await
            .unwrap();
        let connected = async |email: &Email| {
            // What was to end its session came before there was one.
            ended.take();
            apps::connected_with(services, kim.user.id, email, serial(&phone))
                .await
                .unwrap();
            ended.take()
        };
        let none: [&str; 0] = [];
        assert_eq!(connected(&kim.user.email).await, none);
        let former: Email = "kim.former@example.org".parse().unwrap();
        assert_eq!(connected(&former).await, [serial(&phone)], "renamed");
        let proof = admin.require_admin().unwrap();
        let set_active = async |active| {
            accounts::set_active(services, &proof, kim.user.id, active)
                .await
                .unwrap();
        };
        set_active(false).await;
        let deactivated = connected(&kim.user.email).await;
        assert_eq!(deactivated, [serial(&phone)], "deactivated");
        set_active(true).await;
        assert_eq!(connected(&kim.user.email).await, none);
        apps::revoke(services, &kim, &phone.id).await.unwrap();
        let revoked = connected(&kim.user.email).await;
        assert_eq!(revoked, [serial(&phone)], "revoked");
    }
}

#[tokio::test]
async fn a_device_that_was_blocked_while_it_connected_is_disconnected() {
    for database in each_engine().await {
        let ended = Arc::new(Ended::default());
        let site = Site::with_link(database, ended.clone());
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let device = Identity::enrol(services, &admin, Some(&admin), computer("A-1"));
        let device = device.await.unwrap().id;
        let viewer = admin.require_viewer(services, device).await.unwrap();
        ended.take();
        // With a certificate that nobody knows, as over the listener that asks for none.
        admission::connected_with(services, device, "")
            .await
            .unwrap();
        assert!(ended.take().is_empty());
        let blocked = entity::identity_known::ActiveModel {
            device_id: Set(viewer.device().id),
            macs: Set(json!([])),
            blocked_ms: Set(Some(services.now().0)),
            quarantined: Set(0),
            ..Default::default()
        };
        blocked.insert(&services.db.write).await.unwrap();
        admission::connected_with(services, device, "")
            .await
            .unwrap();
        assert_eq!(ended.take(), [device.to_string()]);
    }
}
