//! Presence over days, devices that come and go, clocks that are wrong, and sharing, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError, DeviceId,
    device::{DeviceQuery, Presence, PresenceCause},
    event::EventKind,
    finding::Trouble,
    role::{DeviceRole, SiteRole},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use service::{
    Actor, Services,
    devices::{self, sharing},
    health, presence,
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

async fn claimed(site: &Site, owner: &Actor, serial: &str) -> DeviceId {
    let made = Identity::enrol(&site.services, owner, Some(owner), computer(serial)).await;
    made.unwrap().id
}

async fn begun(site: &Site) -> (Actor, DeviceId) {
    service::components::seed(&site.services).await.unwrap();
    let admin = site.set_up().await;
    let device = claimed(site, &admin, "H-1").await;
    (admin, device)
}

async fn troubles(services: &Services, actor: &Actor, device: DeviceId) -> Vec<Trouble> {
    let extras = devices::extras(services, actor, &[device], &[]).await;
    extras.unwrap().pop().unwrap().troubles
}

async fn happened(services: &Services, actor: &Actor, device: DeviceId, kind: EventKind) -> usize {
    let viewer = actor.require_viewer(services, device).await.unwrap();
    let events = devices::events(services, &viewer, None, 200).await.unwrap();
    events.iter().filter(|event| event.kind == kind).count()
}

async fn found(services: &Services, actor: &Actor, search: &str) -> u64 {
    let query = DeviceQuery {
        search: search.to_owned(),
        ..DeviceQuery::default()
    };
    devices::list(services, actor, &query).await.unwrap().total
}

#[tokio::test]
async fn a_device_that_comes_and_goes_is_named_until_it_stays() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (admin, device) = begun(&site).await;
        let other = claimed(&site, &admin, "H-2").await;
        let services = &site.services;
        presence::connected(services, other, 1).await.unwrap();
        for session in 1..=7 {
            presence::connected(services, device, session)
                .await
                .unwrap();
            let lost = PresenceCause::ConnectionLost;
            presence::disconnected(services, device, session, lost)
                .await
                .unwrap();
            site.clock.advance_ms(20_000);
        }
        health::look(services).await.unwrap();
        health::look(services).await.unwrap();
        let Some(Trouble::Flapping { connections, .. }) =
            troubles(services, &admin, device).await.pop()
        else {
            panic!("it is flapping");
        };
        assert_eq!(connections, 7);
        assert!(troubles(services, &admin, other).await.is_empty());
        let stranger = site.person(&admin, "s@example.org", SiteRole::Member).await;
        assert!(troubles(services, &stranger, device).await.is_empty());
        assert_eq!(found(services, &admin, "is:flapping").await, 1);
        assert_eq!(
            happened(services, &admin, device, EventKind::Flapping).await,
            1
        );
        site.clock.advance_ms(11 * MINUTE_MS);
        health::look(services).await.unwrap();
        assert!(troubles(services, &admin, device).await.is_empty());
        assert_eq!(
            happened(services, &admin, device, EventKind::Steady).await,
            1
        );
    }
}

#[tokio::test]
async fn a_device_that_is_silent_and_speaks_again_is_not_flapping() {
    let site = Site::on(testkit::database::sqlite().await);
    let (admin, device) = begun(&site).await;
    let services = &site.services;
    presence::connected(services, device, 1).await.unwrap();
    for _ in 0..8 {
        site.clock.advance_ms(31_000);
        presence::time_out(services).await.unwrap();
        let now = services.now();
        presence::alive(services, &[(device, now, 10_000)])
            .await
            .unwrap();
    }
    health::look(services).await.unwrap();
    assert!(troubles(services, &admin, device).await.is_empty());
}

#[tokio::test]
async fn a_wrong_clock_is_named_until_it_is_right() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (admin, device) = begun(&site).await;
        let services = &site.services;
        presence::connected(services, device, 1).await.unwrap();
        let ahead = 4 * HOUR_MS;
        health::seen_ahead(services, device, ahead).await.unwrap();
        health::look(services).await.unwrap();
        health::look(services).await.unwrap();
        let Some(Trouble::Clock { ahead_ms, .. }) = troubles(services, &admin, device).await.pop()
        else {
            panic!("its clock is wrong");
        };
        assert_eq!(ahead_ms, ahead);
        assert_eq!(found(services, &admin, "is:clock").await, 1);
        assert_eq!(found(services, &admin, "-is:clock").await, 0);
        assert_eq!(
            happened(services, &admin, device, EventKind::ClockWrong).await,
            1
        );
        // Below where it begins, and not yet right: still the same trouble.
        health::seen_ahead(services, device, -20_000).await.unwrap();
        health::look(services).await.unwrap();
        assert_eq!(found(services, &admin, "is:clock").await, 1);
        health::seen_ahead(services, device, 300).await.unwrap();
        health::look(services).await.unwrap();
        assert!(troubles(services, &admin, device).await.is_empty());
        assert_eq!(
            happened(services, &admin, device, EventKind::ClockRight).await,
            1
        );
    }
}

#[tokio::test]
async fn the_past_days_tell_when_it_was_away_and_why() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (admin, device) = begun(&site).await;
        let services = &site.services;
        presence::connected(services, device, 1).await.unwrap();
        site.clock.advance_ms(10 * HOUR_MS);
        let lost = PresenceCause::ConnectionLost;
        presence::disconnected(services, device, 1, lost)
            .await
            .unwrap();
        site.clock.advance_ms(2 * HOUR_MS);
        presence::connected(services, device, 2).await.unwrap();
        site.clock.advance_ms(8 * HOUR_MS);
        let viewer = admin.require_viewer(services, device).await.unwrap();
        let history = presence::history(services, &viewer, 7).await.unwrap();
        assert_eq!(history.slots.len(), 84);
        assert_eq!(history.known_ms, 20 * HOUR_MS);
        assert_eq!(history.online_ms, 18 * HOUR_MS);
        let [away] = history.absences.as_slice() else {
            panic!("{:?}", history.absences);
        };
        assert_eq!((away.presence, away.cause), (Presence::Offline, lost));
        assert_eq!(away.to.unwrap().since(away.from), 2 * HOUR_MS);
        let sum: i64 = history
            .slots
            .iter()
            .map(|slot| slot.online_ms + slot.offline_ms + slot.timeout_ms)
            .sum();
        assert_eq!(sum, 20 * HOUR_MS, "the slots hold all of it");
        // What began before the time shown is in it from its beginning.
        site.clock.advance_ms(20 * 24 * HOUR_MS);
        let week = presence::history(services, &viewer, 7).await.unwrap();
        assert_eq!(week.online_ms, 7 * 24 * HOUR_MS);
        assert!(week.absences.is_empty());
        let quarter = presence::history(services, &viewer, 90).await.unwrap();
        assert_eq!(quarter.absences.len(), 1);

        // Another owner's days are not told.
        let owner = admin.require_owner(services, device).await.unwrap();
        devices::unlink(services, &owner).await.unwrap();
        let member = site.person(&admin, "b@example.org", SiteRole::Member).await;
        let row = entity::device::Entity::find()
            .filter(entity::device::Column::Uuid.eq(device.0))
            .one(&services.db.read)
            .await
            .unwrap()
            .unwrap();
        let id = row.id;
        let mut change: entity::device::ActiveModel = row.into();
        change.claimed_ms = Set(Some(services.now().0));
        change.update(&services.db.write).await.unwrap();
        let access = entity::device_access::ActiveModel {
            device_id: Set(id),
            user_id: Set(member.user.id.0),
            role: Set(Some("owner".to_owned())),
            nickname: Set(None),
        };
        access.insert(&services.db.write).await.unwrap();
        let viewer = member.require_viewer(services, device).await.unwrap();
        let history = presence::history(services, &viewer, 90).await.unwrap();
        assert!(history.absences.is_empty() && history.known_ms == 0);
    }
}

#[tokio::test]
async fn a_device_is_shared_taken_back_and_left() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (admin, _) = begun(&site).await;
        let services = &site.services;
        let [owner, friend] = ["o@example.org", "f@example.org"];
        let owner = site.person(&admin, owner, SiteRole::Member).await;
        let friend = site.person(&admin, friend, SiteRole::Member).await;
        let made = Identity::enrol(services, &admin, Some(&owner), computer("S-1")).await;
        let device = made.unwrap().id;
        let proof = owner.require_owner(services, device).await.unwrap();
        let hidden = friend.require_viewer(services, device).await.map(|_| ());
        assert_eq!(hidden, Err(AppError::NotFound));

        for (email, error) in [
            (
                "nobody@example.org",
                AppError::invalid("email", "no_such_person"),
            ),
            ("o@example.org", AppError::invalid("email", "claimed_it")),
            ("no address", AppError::invalid("email", "email")),
        ] {
            let refused = sharing::share(services, &proof, email, DeviceRole::Viewer).await;
            assert_eq!(refused, Err(error), "{email}");
        }
        let with = sharing::share(services, &proof, " F@example.org ", DeviceRole::Viewer)
            .await
            .unwrap();
        assert_eq!(with, friend.user.id);
        let viewer = friend.require_viewer(services, device).await.unwrap();
        devices::set_nickname(services, &viewer, "내 것처럼")
            .await
            .unwrap();
        assert_eq!(found(services, &friend, "것처").await, 1);
        assert_eq!(found(services, &owner, "것처").await, 0);
        let refused = friend.require_owner(services, device).await.map(|_| ());
        assert_eq!(refused, Err(AppError::Forbidden), "a viewer only looks");

        sharing::share(services, &proof, "f@example.org", DeviceRole::Owner)
            .await
            .unwrap();
        let theirs = friend.require_owner(services, device).await.unwrap();
        let people = sharing::people(services, &theirs).await.unwrap();
        let told: Vec<_> = people
            .iter()
            .map(|person| (person.email.as_str(), person.role, person.claimed))
            .collect();
        assert_eq!(
            told,
            [
                ("o@example.org", DeviceRole::Owner, true),
                ("f@example.org", DeviceRole::Owner, false)
            ]
        );
        assert_eq!(
            sharing::unshare(services, &theirs, owner.user.id).await,
            Err(AppError::conflict("claimed_it"))
        );
        assert_eq!(
            devices::unlink(services, &theirs).await,
            Err(AppError::Forbidden),
            "it is not theirs to give up"
        );
        let own = owner.require_viewer(services, device).await.unwrap();
        assert_eq!(
            sharing::leave(services, &own).await,
            Err(AppError::conflict("claimed_it"))
        );
        let gone = sharing::unshare(services, &proof, friend.user.id).await;
        let gone = gone.expect("what can be given back");
        assert_eq!(gone.email.as_str(), "f@example.org");
        assert_eq!(gone.role, DeviceRole::Owner);
        sharing::share(services, &proof, gone.email.as_str(), gone.role)
            .await
            .unwrap();
        let viewer = friend.require_viewer(services, device).await.unwrap();
        sharing::leave(services, &viewer).await.unwrap();
        let gone = friend.require_viewer(services, device).await.map(|_| ());
        assert_eq!(gone, Err(AppError::NotFound));
        assert_eq!(found(services, &friend, "").await, 0);
        let again = sharing::unshare(services, &proof, friend.user.id).await;
        assert_eq!(again, Err(AppError::NotFound));
        assert_eq!(
            happened(services, &owner, device, EventKind::Access).await,
            5
        );
    }
}
