//! A device that says something else of itself each time, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{
    event::EventKind,
    identity::{Act, Finding, FindingKind, FindingState},
};
use serde_json::{Value, json};
use service::{Actor, Services, devices, identity, identity::Standing, notices, records};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};

const DAY_MS: i64 = 86_400_000;

/// The device says that it is this board with this storage, and runs this version.
async fn says(
    services: &Services,
    device: &Identity,
    [serial, storage, version]: [&str; 3],
) -> Standing {
    let mut body = device.shown(1);
    body.insert("cpu_serial".to_owned(), json!(serial));
    body.insert("storage_id".to_owned(), json!(storage));
    body.insert("versions".to_owned(), json!({ "agent": version }));
    let said = serde_json::from_value(Value::Object(body)).unwrap();
    let heard = identity::heard(services, device.id, &said, None).await;
    heard.unwrap()
}

/// The findings, the first one first.
async fn findings(services: &Services, admin: &Actor) -> Vec<Finding> {
    let proof = admin.require_admin().unwrap();
    let listed = identity::list(services, &proof, None, None, "", 1).await;
    let mut found = listed.unwrap().items;
    found.sort_by_key(|finding| finding.id);
    found
}

/// How often each event of this kind happened.
async fn events(
    services: &Services,
    admin: &Actor,
    device: &Identity,
    kind: EventKind,
) -> Vec<u32> {
    let viewer = admin.require_viewer(services, device.id).await.unwrap();
    let events = devices::events(services, &viewer, None, 50).await.unwrap();
    let counts = events.iter().filter(|event| event.kind == kind);
    counts.map(|event| event.count).collect()
}

#[tokio::test]
async fn another_identity_each_time_is_few_findings_and_few_notices() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let device = Identity::enrol(services, &admin, Some(&admin), computer("D-1"))
            .await
            .unwrap();
        let settled = says(services, &device, ["D-1", "card", "1"]).await;
        assert_eq!(settled, Standing::Settled);
        let other = async |number: u32| {
            let (serial, storage) = (format!("board-{number}"), format!("card-{number}"));
            says(services, &device, [&serial, &storage, "1"]).await
        };
        for number in 0..20 {
            let Standing::Held(held) = other(number).await else {
                panic!("{number} is let through");
            };
            let found = findings(services, &admin).await;
            assert_eq!(found.last().unwrap().id, held);
        }
        let found = findings(services, &admin).await;
        let counts: Vec<_> = found.iter().map(|finding| finding.count).collect();
        assert_eq!(counts, [1, 1, 1, 17]);
        assert_eq!(notices::unread(services, &admin).await, Ok(4));
        let told = events(services, &admin, &device, EventKind::IdentityFound).await;
        assert_eq!(told, [1, 1, 1, 1]);

        // After a decision it is told again, once, and the decision does not reach who comes next.
        let newest = found[3].id;
        for finding in &found {
            site.clock.advance_ms(1);
            identity::resolve(services, &proof, finding.id, Act::Discard)
                .await
                .unwrap();
        }
        for number in 20..22 {
            assert_eq!(other(number).await, Standing::Held(newest));
        }
        let states: Vec<_> = findings(services, &admin)
            .await
            .iter()
            .map(|finding| finding.state)
            .collect();
        let resolved = FindingState::Resolved;
        assert_eq!(states, [resolved, resolved, resolved, FindingState::Open]);
        assert_eq!(notices::unread(services, &admin).await, Ok(5));

        site.clock.advance_ms(DAY_MS);
        other(22).await;
        assert_eq!(findings(services, &admin).await.len(), 5, "on another day");
        records::delete_old(services, 1).await.unwrap();
        assert_eq!(findings(services, &admin).await.len(), 5, "may be undone");
        site.clock.advance_ms(31 * DAY_MS);
        records::delete_old(services, 30).await.unwrap();
        let left = findings(services, &admin).await;
        let open = |finding: &Finding| finding.state == FindingState::Open;
        assert_eq!((left.len(), left.iter().all(open)), (2, true));
    }
}

#[tokio::test]
async fn a_copy_that_gives_itself_away_twice_is_told_once() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        for (serial, says_first) in [("D-3", true), ("D-4", false)] {
            let told = notices::unread(services, &admin).await.unwrap();
            let device = Identity::enrol(services, &admin, Some(&admin), computer(serial))
                .await
                .unwrap();
            let own = says(services, &device, [serial, serial, "1"]).await;
            assert_eq!(own, Standing::Settled);
            let copy = format!("{serial}-copy");
            if says_first {
                says(services, &device, [&copy, serial, "1"]).await;
            }
            let reused =
                identity::suspected(services, device.id, FindingKind::Clone, identity::REUSED);
            reused.await.unwrap();
            let standing = says(services, &device, [&copy, serial, "1"]).await;
            let found = findings(services, &admin).await;
            let found = found.last().unwrap();
            assert_eq!(standing, Standing::Held(found.id));
            assert_eq!(found.said.cpu_serial, copy);
            assert_eq!(found.count, if says_first { 3 } else { 2 });
            assert_eq!(notices::unread(services, &admin).await, Ok(told + 1));
        }
        assert_eq!(findings(services, &admin).await.len(), 2);
    }
}

#[tokio::test]
async fn whom_people_let_through_stays_let_through_however_many_others_come() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let device = Identity::enrol(services, &admin, Some(&admin), computer("D-2"))
            .await
            .unwrap();
        says(services, &device, ["D-2", "card", "1"]).await;
        let released = ["board", "another card", "1"];
        let Standing::Held(finding) = says(services, &device, released).await else {
            panic!("it is let through");
        };
        identity::resolve(services, &proof, finding, Act::Release)
            .await
            .unwrap();
        for number in 0..6 {
            let storage = format!("card-{number}");
            let standing = says(services, &device, ["board-x", &storage, "1"]).await;
            assert_ne!(standing, Standing::Settled);
        }
        let standing = says(services, &device, released).await;
        assert_eq!(standing, Standing::Settled);
        site.clock.advance_ms(31 * DAY_MS);
        records::delete_old(services, 30).await.unwrap();
        let standing = says(services, &device, released).await;
        assert_eq!(standing, Standing::Settled, "whatever was forgotten");
    }
}

#[tokio::test]
async fn another_version_each_time_is_one_event() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let device = Identity::enrol(services, &admin, Some(&admin), computer("D-3"))
            .await
            .unwrap();
        for version in 0..10 {
            let version = version.to_string();
            let standing = says(services, &device, ["D-3", "card", &version]).await;
            assert_eq!(standing, Standing::Settled);
        }
        let told = events(services, &admin, &device, EventKind::Identified).await;
        assert_eq!(told, [10]);
    }
}
