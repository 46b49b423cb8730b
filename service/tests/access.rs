//! Access that was taken away stays away, whatever was on its way when it was.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError, DeviceId,
    command::{CommandOptions, NewCommand},
    live::LiveEvent,
    role::{DeviceRole, SiteRole},
};
use entity::device_access::{ActiveModel, Column, Entity};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use service::{
    Actor, Services, accounts, commands,
    components::{self, Wish},
    devices::{self, Amendment, sharing, tags},
    identity::{self, Standing},
    notices,
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};
use uuid::Uuid;

const MEMBER: SiteRole = SiteRole::Member;

/// An administrator, the owner of a device, and somebody else.
async fn people(site: &Site) -> [Actor; 3] {
    service::components::seed(&site.services).await.unwrap();
    let admin = site.set_up().await;
    let kim = site.person(&admin, "kim@example.org", MEMBER).await;
    let lee = site.person(&admin, "lee@example.org", MEMBER).await;
    [admin, kim, lee]
}

async fn internal_id(services: &Services, device: DeviceId) -> i64 {
    let row = entity::device::Entity::find()
        .filter(entity::device::Column::Uuid.eq(device.0))
        .one(&services.db.write)
        .await
        .unwrap();
    row.unwrap().id
}

/// How many people have a row for this device.
async fn rows(services: &Services, device: DeviceId) -> u64 {
    Entity::find()
        .filter(Column::DeviceId.eq(internal_id(services, device).await))
        .count(&services.db.write)
        .await
        .unwrap()
}

async fn give(services: &Services, device: DeviceId, user: Uuid, role: DeviceRole) {
    let row = ActiveModel {
        device_id: Set(internal_id(services, device).await),
        user_id: Set(user),
        role: Set(Some(role.as_str().to_owned())),
        nickname: Set(None),
    };
    Entity::insert(row)
        .exec_without_returning(&services.db.write)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_name_that_was_on_its_way_brings_no_access_back() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let [admin, kim, lee] = people(&site).await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("N-1"))
            .await
            .unwrap();
        let owner = kim.require_owner(services, device.id).await.unwrap();
        let viewer = DeviceRole::Viewer;
        sharing::share(services, &owner, "lee@example.org", viewer)
            .await
            .unwrap();
        let lees = lee.require_viewer(services, device.id).await.unwrap();
        devices::set_nickname(services, &lees, "Shed")
            .await
            .unwrap();
        let named = lee.require_viewer(services, device.id).await.unwrap();
        assert_eq!(named.role(), Some(viewer), "a name changes no role");
        sharing::unshare(services, &owner, lee.user.id)
            .await
            .unwrap();
        let late = devices::set_nickname(services, &lees, "Barn").await;
        assert_eq!(late, Err(AppError::NotFound));

        // Who sees every device names it without a role on it.
        let admins = admin.require_viewer(services, device.id).await.unwrap();
        for name in ["Rack 7", "Rack 8"] {
            devices::set_nickname(services, &admins, name)
                .await
                .unwrap();
        }
        let admins = admin.require_viewer(services, device.id).await.unwrap();
        assert_eq!(admins.role(), None);

        let kims = kim.require_viewer(services, device.id).await.unwrap();
        devices::unlink(services, &owner).await.unwrap();
        let late = devices::set_nickname(services, &kims, "Mine").await;
        assert_eq!(late, Err(AppError::NotFound));
        assert_eq!(rows(services, device.id).await, 0);
        devices::claim(services, &lee, &device.serial, &device.code)
            .await
            .unwrap();
        let former = kim.require_owner(services, device.id).await;
        assert_eq!(former.map(|_| ()), Err(AppError::NotFound));
    }
}

#[tokio::test]
async fn a_claim_ends_what_was_left_of_former_owners() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let [admin, kim, lee] = people(&site).await;
        let device = Identity::enrol(services, &admin, None, computer("N-2"))
            .await
            .unwrap();
        let admins = admin.require_viewer(services, device.id).await.unwrap();
        devices::set_nickname(services, &admins, "Rack 7")
            .await
            .unwrap();
        give(services, device.id, kim.user.id.0, DeviceRole::Owner).await;
        devices::claim(services, &lee, &device.serial, &device.code)
            .await
            .unwrap();
        let former = kim.require_viewer(services, device.id).await;
        assert_eq!(former.map(|_| ()), Err(AppError::NotFound));
        lee.require_owner(services, device.id).await.unwrap();
        assert_eq!(rows(services, device.id).await, 2, "lee and a name");
    }
}

#[tokio::test]
async fn who_is_no_owner_any_more_shares_nothing() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let [admin, kim, lee] = people(&site).await;
        let mina = site.person(&admin, "mina@example.org", MEMBER).await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("N-3"))
            .await
            .unwrap();
        let owner = kim.require_owner(services, device.id).await.unwrap();
        let role = DeviceRole::Owner;
        for person in ["lee@example.org", "mina@example.org"] {
            sharing::share(services, &owner, person, role)
                .await
                .unwrap();
        }
        let stale = lee.require_owner(services, device.id).await.unwrap();

        let viewer = DeviceRole::Viewer;
        sharing::share(services, &owner, "lee@example.org", viewer)
            .await
            .unwrap();
        let late = sharing::share(services, &stale, "lee@example.org", role).await;
        assert_eq!(late, Err(AppError::Forbidden));

        sharing::unshare(services, &owner, lee.user.id)
            .await
            .unwrap();
        let late = sharing::share(services, &stale, "lee@example.org", role).await;
        assert_eq!(late, Err(AppError::NotFound));
        let late = sharing::unshare(services, &stale, mina.user.id).await;
        assert_eq!(late.map(|_| ()), Err(AppError::NotFound));
        assert_eq!(rows(services, device.id).await, 2, "kim and mina");

        // Administrators still may, without a role of their own.
        let admins = admin.require_owner(services, device.id).await.unwrap();
        let mut reader = services.bus.subscribe();
        sharing::unshare(services, &admins, mina.user.id)
            .await
            .unwrap();
        loop {
            match &*reader.recv().await.unwrap() {
                LiveEvent::Access { user } if *user == mina.user.id => break,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn who_is_no_owner_any_more_changes_nothing() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let [admin, kim, lee] = people(&site).await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("N-6"))
            .await
            .unwrap();
        let owner = kim.require_owner(services, device.id).await.unwrap();
        sharing::share(services, &owner, "lee@example.org", DeviceRole::Owner)
            .await
            .unwrap();
        let stale = lee.require_owner(services, device.id).await.unwrap();
        let acts = async || {
            let mine = tags::read("mine").unwrap();
            let pace = Amendment {
                report_interval_ms: Some(60_000),
                ..Amendment::default()
            };
            let restart = NewCommand {
                name: "restart".to_owned(),
                component: None,
                arguments: json!({}),
                valid_for_ms: 60_000,
                options: CommandOptions::default(),
            };
            let sensor = Wish::of("temperature".parse().unwrap());
            [
                devices::rename(services, &stale, "Lee's").await,
                devices::amend(services, &stale, pace).await,
                tags::set(services, &stale, &mine).await,
                components::attach(services, &stale, sensor)
                    .await
                    .map(|_| ()),
                commands::send(services, &stale, restart).await.map(|_| ()),
                devices::unlink(services, &stale).await,
            ]
        };
        sharing::share(services, &owner, "lee@example.org", DeviceRole::Viewer)
            .await
            .unwrap();
        for done in acts().await {
            assert_eq!(done, Err(AppError::Forbidden));
        }
        sharing::unshare(services, &owner, lee.user.id)
            .await
            .unwrap();
        for done in acts().await {
            assert_eq!(done, Err(AppError::NotFound));
        }
        let kims = kim.require_viewer(services, device.id).await.unwrap();
        assert_eq!(devices::name(services, &kims).await.as_deref(), Ok("N-6"));
        assert_eq!(tags::of(services, &kims).await, Ok(Vec::new()));
        let sent = commands::list(services, &kims, None, 10).await.unwrap();
        assert!(sent.is_empty(), "{sent:?}");
    }
}

#[tokio::test]
async fn who_administers_no_more_does_only_what_an_owner_may() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let [admin, kim, _] = people(&site).await;
        let mina = site
            .person(&admin, "mina@example.org", SiteRole::GeneralAdmin)
            .await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("N-7"))
            .await
            .unwrap();
        let stale = mina.require_owner(services, device.id).await.unwrap();
        let equip = async || {
            let amendment = Amendment {
                hardware_version: Some("pc".to_owned()),
                ..Amendment::default()
            };
            devices::amend(services, &stale, amendment).await
        };
        assert_eq!(equip().await, Ok(()));
        let proof = admin.require_admin().unwrap();
        accounts::set_role(services, &proof, mina.user.id, MEMBER)
            .await
            .unwrap();
        assert_eq!(equip().await, Err(AppError::NotFound));

        let owner = kim.require_owner(services, device.id).await.unwrap();
        sharing::share(services, &owner, "mina@example.org", DeviceRole::Owner)
            .await
            .unwrap();
        assert_eq!(equip().await, Err(AppError::Forbidden));
        let given_up = devices::unlink(services, &stale).await;
        assert_eq!(given_up, Err(AppError::Forbidden), "kim claimed it");
        assert_eq!(devices::rename(services, &stale, "Ours").await, Ok(()));
    }
}

#[tokio::test]
async fn at_a_hundred_people_a_role_still_changes() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let [admin, kim, lee] = people(&site).await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("N-4"))
            .await
            .unwrap();
        let owner = kim.require_owner(services, device.id).await.unwrap();
        for _ in 0..98 {
            give(services, device.id, Uuid::new_v4(), DeviceRole::Viewer).await;
        }
        for role in [DeviceRole::Viewer, DeviceRole::Owner] {
            sharing::share(services, &owner, "lee@example.org", role)
                .await
                .unwrap();
            let lees = lee.require_viewer(services, device.id).await.unwrap();
            assert_eq!(lees.role(), Some(role));
        }
        let one_more = sharing::share(services, &owner, "admin@example.org", DeviceRole::Viewer);
        assert_eq!(
            one_more.await,
            Err(AppError::conflict("too_many_people")),
            "the hundred and first"
        );
    }
}

#[tokio::test]
async fn a_former_owner_does_not_read_the_name_that_the_next_one_gave() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let [admin, kim, lee] = people(&site).await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("N-5"))
            .await
            .unwrap();
        let says = async |serial: &str, storage: &str| {
            let mut body = device.shown(1);
            body.insert("cpu_serial".to_owned(), json!(serial));
            body.insert("storage_id".to_owned(), json!(storage));
            let said = serde_json::from_value(Value::Object(body)).unwrap();
            let heard = identity::heard(services, device.id, &said, None).await;
            heard.unwrap()
        };
        assert_eq!(says("N-5", "card").await, Standing::Settled);
        assert!(matches!(says("board", "other").await, Standing::Held(_)));
        let named = async |who: &Actor| {
            let mut page = notices::list(services, who, false, 1).await.unwrap();
            assert_eq!(page.items.len(), 1);
            let notice = page.items.remove(0);
            assert!(notice.finding.is_some(), "what was found stays");
            notice.device.map(|(_, name)| name)
        };
        assert_eq!(named(&kim).await.as_deref(), Some("N-5"));

        let owner = kim.require_owner(services, device.id).await.unwrap();
        devices::unlink(services, &owner).await.unwrap();
        devices::claim(services, &lee, &device.serial, &device.code)
            .await
            .unwrap();
        let owner = lee.require_owner(services, device.id).await.unwrap();
        devices::rename(services, &owner, "Lee's bedroom")
            .await
            .unwrap();
        assert_eq!(named(&kim).await, None);
        assert_eq!(named(&admin).await.as_deref(), Some("Lee's bedroom"));
    }
}
