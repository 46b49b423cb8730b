//! Presence of many devices at once, and what a flood of refusals leaves behind, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError, DeviceId,
    device::{DeviceQuery, Presence, PresenceCause},
    live::LiveEvent,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
};
use service::{
    Services,
    devices::{self, Amendment},
    presence::{self, SessionChange},
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};

const MANY: usize = 1_000;

async fn events(services: &Services) -> u64 {
    use entity::device_event::{Column, Entity};
    Entity::find()
        .filter(Column::Kind.eq("presence"))
        .count(&services.db.read)
        .await
        .unwrap()
}

fn of_all(all: &[DeviceId], session: u64, ended: Option<PresenceCause>) -> Vec<SessionChange> {
    all.iter()
        .map(|device| SessionChange {
            device: *device,
            session,
            ended,
        })
        .collect()
}

/// As many devices as there are to be, made after this one.
async fn copies(services: &Services, first: DeviceId) -> Vec<DeviceId> {
    use entity::device::{ActiveModel, Column, Entity};
    let first = Entity::find()
        .filter(Column::Uuid.eq(first.0))
        .one(&services.db.read)
        .await
        .unwrap()
        .unwrap();
    let mut all = vec![DeviceId(first.uuid)];
    let mut rows = Vec::new();
    for n in 1..MANY {
        let id = DeviceId::random();
        let mut row: ActiveModel = first.clone().into();
        row.uuid = Set(id.0);
        row.cpu_serial = Set(format!("M-{n}"));
        let mut row = row.reset_all();
        row.id = NotSet;
        rows.push(row);
        all.push(id);
    }
    for rows in rows.chunks(200) {
        Entity::insert_many(rows.to_vec())
            .exec_without_returning(&services.db.write)
            .await
            .unwrap();
    }
    all
}

#[tokio::test]
async fn devices_that_lose_their_connections_at_once_are_offline_within_two_seconds() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let first = devices::preregister(services, &proof, computer("M-0"))
            .await
            .unwrap();
        let all = copies(services, first.id).await;
        presence::sessions(services, &of_all(&all, 1, None))
            .await
            .unwrap();
        let mut reader = services.bus.subscribe();
        let told = tokio::spawn(async move {
            let mut told = 0;
            while told < MANY {
                let event = reader.recv().await.unwrap();
                if let LiveEvent::Presence {
                    revision, presence, ..
                } = &*event
                {
                    assert_eq!((*revision, presence.presence), (2, Presence::Offline));
                    assert_eq!(presence.cause, PresenceCause::ConnectionLost);
                    told += 1;
                }
            }
        });
        let lost = of_all(&all, 1, Some(PresenceCause::ConnectionLost));
        let before = services.bus.device_changes();
        presence::sessions(services, &lost).await.unwrap();
        // Each transaction is told of at once.
        assert_eq!(services.bus.device_changes() - before, 2);
        let query = DeviceQuery {
            presence: vec![Presence::Online],
            lifecycle: vec![domain::device::Lifecycle::Unclaimed],
            ..DeviceQuery::default()
        };
        let online = devices::list(services, &admin, &query).await.unwrap();
        assert_eq!(online.total, 0);
        assert_eq!(events(services).await, 2 * u64::try_from(MANY).unwrap());
        told.await.unwrap();
        // An older session of theirs, and a device that nobody knows, change nothing.
        let mut late = of_all(&all, 1, Some(PresenceCause::KeepAlive));
        late.extend(of_all(&[DeviceId::random()], 1, None));
        presence::sessions(services, &late).await.unwrap();
        assert_eq!(events(services).await, 2 * u64::try_from(MANY).unwrap());
    }
}

/// Puts the events out of reach, so that no change of presence can be written, or back again.
async fn rename(services: &Services, from: &str, to: &str) {
    let rename = format!("ALTER TABLE {from} RENAME TO {to}");
    let connection = &services.db.write;
    connection.execute_unprepared(&rename).await.unwrap();
}

#[tokio::test]
async fn an_end_that_could_not_be_written_is_written_when_it_is_told_again() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let device = Identity::enrol(services, &admin, Some(&admin), computer("L-1"))
            .await
            .unwrap()
            .id;
        let stands = async || {
            let viewer = admin.require_viewer(services, device).await.unwrap();
            let detail = devices::detail(services, &viewer).await.unwrap();
            detail.summary.presence
        };
        presence::connected(services, device, 1).await.unwrap();
        let lost = PresenceCause::ConnectionLost;
        let ended = of_all(&[device], 1, Some(lost));
        rename(services, "device_event", "away").await;
        for _ in 0..2 {
            presence::sessions(services, &ended).await.unwrap_err();
        }
        rename(services, "away", "device_event").await;
        assert_eq!(stands().await.presence, Presence::Online);
        // Nobody tells it again: then it is silent.
        site.clock.advance_ms(31_000);
        presence::time_out(services).await.unwrap();
        assert_eq!(stands().await.presence, Presence::Timeout);

        presence::sessions(services, &ended).await.unwrap();
        let now = stands().await;
        assert_eq!((now.presence, now.cause), (Presence::Offline, lost));
        let noted = events(services).await;
        presence::sessions(services, &ended).await.unwrap();
        assert_eq!(events(services).await, noted, "once is enough");
    }
}

#[tokio::test]
async fn a_deadline_follows_another_report_interval_at_once() {
    use domain::event::EventKind;
    use entity::device_live::{Column, Entity};
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let identity = Identity::enrol(services, &admin, Some(&admin), computer("I-1"));
        let device = identity.await.unwrap().id;
        let owner = admin.require_owner(services, device).await.unwrap();
        let viewer = admin.require_viewer(services, device).await.unwrap();
        let reports_every = async |interval: i64| {
            let amendment = Amendment {
                report_interval_ms: Some(interval),
                ..Amendment::default()
            };
            devices::amend(services, &owner, amendment).await
        };
        let stands_after = async |ms: i64| {
            site.clock.advance_ms(ms);
            presence::time_out(services).await.unwrap();
            let detail = devices::detail(services, &viewer).await.unwrap();
            detail.summary.presence.presence
        };
        presence::connected(services, device, 1).await.unwrap();
        // Registered with ten seconds, it would be silent after thirty.
        reports_every(60_000).await.unwrap();
        assert_eq!(stands_after(31_000).await, Presence::Online);
        // It learns a shorter one only now.
        reports_every(10_000).await.unwrap();
        assert_eq!(stands_after(29_000).await, Presence::Online);
        assert_eq!(stands_after(2_000).await, Presence::Timeout);
        // Heard a minute ago, it is not silent by ten minutes, and is by a second.
        let heard = services.now().plus_ms(-60_000).0;
        Entity::update_many()
            .col_expr(Column::LastReceivedMs, heard.into())
            .filter(Column::DeviceId.eq(viewer.device().id))
            .exec(&services.db.write)
            .await
            .unwrap();
        reports_every(1_000).await.unwrap();
        assert_eq!(stands_after(0).await, Presence::Timeout);
        reports_every(600_000).await.unwrap();
        assert_eq!(stands_after(0).await, Presence::Online);
        assert_eq!(stands_after(1_730_000).await, Presence::Online);
        assert_eq!(stands_after(20_000).await, Presence::Timeout);

        // What is the same, or none, changes nothing.
        reports_every(600_000).await.unwrap();
        for wrong in [-1, 0, 99, 86_400_001] {
            let refused = AppError::invalid("report_interval_ms", "report_interval");
            assert_eq!(reports_every(wrong).await, Err(refused), "{wrong}");
        }
        let detail = devices::detail(services, &viewer).await.unwrap();
        assert_eq!(detail.report_interval_ms, 600_000);
        let events = devices::events(services, &viewer, None, 200).await.unwrap();
        let set: Vec<_> = events
            .into_iter()
            .filter(|event| event.kind == EventKind::ReportInterval)
            .map(|event| (event.detail["from"].as_i64(), event.detail["to"].as_i64()))
            .collect();
        let expected: [(Option<i64>, Option<i64>); 4] = [
            (Some(1_000), Some(600_000)),
            (Some(10_000), Some(1_000)),
            (Some(60_000), Some(10_000)),
            (Some(10_000), Some(60_000)),
        ];
        assert_eq!(set, expected);
        let audited = entity::audit::Entity::find()
            .filter(entity::audit::Column::Action.eq("set_report_interval"))
            .count(&services.db.read)
            .await
            .unwrap();
        assert_eq!(audited, 4);
    }
}

#[tokio::test]
async fn a_device_that_floods_with_refused_messages_fills_no_table() {
    use domain::event::{EventKind, RefusalReason};
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let made = devices::preregister(services, &proof, computer("F-1"))
            .await
            .unwrap();
        let viewer = admin.require_viewer(services, made.id).await.unwrap();
        let reasons = [
            RefusalReason::WrongSignature,
            RefusalReason::Malformed,
            RefusalReason::ForbiddenPublish,
        ];
        for n in 0..60 {
            let device = viewer.device();
            let reason = reasons[n % reasons.len()];
            service::events::refused(services, (device.id, device.uuid), reason, "a/b", 1).await;
        }
        let events = devices::events(services, &viewer, None, 200).await.unwrap();
        let refused: Vec<u32> = events
            .iter()
            .filter(|event| event.kind == EventKind::Refused)
            .map(|event| event.count)
            .collect();
        assert_eq!(refused, [20, 20, 20]);
    }
}
