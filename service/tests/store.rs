//! What the store makes of messages that come again, and of history that comes while it is rolled up.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Scalar,
    telemetry::{Period, ReportQuery, SeriesQuery},
};
use protocol::Sequence;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TransactionTrait};
use service::{
    Actor, Services,
    devices::directory::{Directory, Known},
    telemetry::{self, Committed, Committer, Incoming, ReportPart},
};
use testkit::{
    database::{Gate, TestDatabase, each_engine, postgres},
    device::{Identity, computer},
    site::Site,
};
use tokio_util::sync::CancellationToken;

const MINUTE_MS: i64 = 60_000;

struct Store {
    site: Site,
    owner: Actor,
    known: Arc<Known>,
    committer: Committer,
}

impl Store {
    async fn on(database: TestDatabase) -> Self {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let owner = site.set_up().await;
        let identity = Identity::enrol(&site.services, &owner, Some(&owner), computer("S-1"))
            .await
            .unwrap();
        let known = Directory::default().get(&site.services, identity.id).await;
        let (committer, _task) =
            Committer::start(site.services.clone(), CancellationToken::new()).unwrap();
        Self {
            known: known.unwrap().unwrap(),
            site,
            owner,
            committer,
        }
    }

    fn services(&self) -> &Services {
        &self.site.services
    }

    /// Of these components, each measured `ago_ms` before now.
    fn message(&self, sequence: u64, reports: &[(&str, i64, f64)]) -> Incoming {
        let now = self.services().now();
        let part = |(key, ago_ms, average): &(&str, i64, f64)| {
            let key = key.parse().unwrap();
            ReportPart {
                component_id: self.known.components[&key].id,
                key,
                at: now.plus_ms(-ago_ms),
                late: *ago_ms > 5 * MINUTE_MS,
                status: None,
                values: vec![("average".parse().unwrap(), Scalar::Number(*average))],
            }
        };
        Incoming {
            device: self.known.device,
            ownership: self.known.ownership,
            sequence: Sequence(sequence),
            sent_at: Some(now),
            received_at: now,
            report_interval_ms: 10_000,
            reports: reports.iter().map(part).collect(),
            state: BTreeMap::new(),
        }
    }

    async fn submit(&self, message: Incoming) -> Committed {
        self.committer.submit(message).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_partly_refused_and_comes_again_is_no_clone() {
    for database in each_engine().await {
        let store = Store::on(database).await;
        // The first report was of a component that was not attached yet, and then it was.
        let (cpu, memory) = (("cpu", 1_000, 1.0), ("memory", 2_000, 2.0));
        let first = store.submit(store.message(1, &[memory])).await;
        assert_eq!(first, Committed::Stored);
        let again = store.submit(store.message(1, &[cpu, memory])).await;
        assert_eq!(again, Committed::Duplicate);
        // All of them were.
        let first = store.submit(store.message(2, &[])).await;
        assert_eq!(first, Committed::Stored);
        let again = store.submit(store.message(2, &[cpu, memory])).await;
        assert_eq!(again, Committed::Duplicate);
        // Detached meanwhile.
        store.submit(store.message(3, &[cpu, memory])).await;
        let again = store.submit(store.message(3, &[memory])).await;
        assert_eq!(again, Committed::Duplicate);
    }
}

#[tokio::test]
async fn another_message_under_a_sequence_is_known_by_any_report_of_it() {
    for database in each_engine().await {
        let store = Store::on(database).await;
        let (cpu, memory) = (("cpu", 1_000, 1.0), ("memory", 2_000, 2.0));
        store.submit(store.message(1, &[cpu, memory])).await;
        for (what, other) in [
            ("the second value", &[cpu, ("memory", 2_000, 3.0)][..]),
            ("other times", &[("cpu", 500, 1.0), ("memory", 600, 2.0)]),
            ("another component", &[("led", 1_000, 1.0)]),
        ] {
            let other = store.submit(store.message(1, other)).await;
            assert_eq!(other, Committed::SequenceReused, "{what}");
        }
        let same = store.submit(store.message(1, &[cpu, memory])).await;
        assert_eq!(same, Committed::Duplicate);
    }
}

#[tokio::test]
async fn reports_of_one_moment_in_one_batch_are_all_kept() {
    for database in each_engine().await {
        let store = Store::on(database).await;
        store.site.clock.advance_ms(60 * MINUTE_MS);
        let services = store.services().clone();
        let batch = [
            ("cpu", 1_000, 1.0),
            ("memory", 1_000, 2.0),
            ("cpu", 1_000, 3.0),
        ];
        let message = store.message(1, &batch);
        assert_eq!(store.submit(message.clone()).await, Committed::Stored);
        assert_eq!(store.submit(message).await, Committed::Duplicate);
        let other = [batch[0], batch[1], ("cpu", 1_000, 4.0)];
        let other = store.submit(store.message(1, &other)).await;
        assert_eq!(other, Committed::SequenceReused);

        // Page by page, under their own sequence.
        let viewer = store
            .owner
            .require_viewer(&services, store.known.device.uuid)
            .await
            .unwrap();
        let period = Period::new(services.now().plus_ms(-MINUTE_MS), services.now());
        let mut query = ReportQuery {
            component: "cpu".parse().unwrap(),
            period,
            after: None,
            limit: 1,
        };
        let mut seen = Vec::new();
        loop {
            let page = telemetry::reports(&services, &viewer, &query)
                .await
                .unwrap();
            let items = page.items.iter();
            seen.extend(items.map(|one| (one.sequence, one.values["average"].as_f64())));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [(1, Some(1.0)), (1, Some(3.0))]);

        store.site.clock.advance_ms(5 * MINUTE_MS);
        telemetry::roll_due(&services).await.unwrap();
        let rolled = entity::rollup::Entity::find()
            .filter(entity::rollup::Column::ResolutionMs.eq(MINUTE_MS))
            .all(&services.db.read)
            .await
            .unwrap();
        let counts: i64 = rolled.iter().map(|row| row.count).sum();
        assert_eq!(counts, 3);
    }
}

#[tokio::test]
async fn late_data_that_comes_as_its_minute_is_rolled_up_is_in_the_rollup() {
    // On SQLite one writer follows the other.
    let Some(database) = postgres().await else {
        return;
    };
    let store = Store::on(database).await;
    let services = store.services().clone();
    store.site.clock.advance_ms(60 * MINUTE_MS);
    let old = 30 * MINUTE_MS;
    store.submit(store.message(1, &[("cpu", old, 1.0)])).await;
    // Its reports are written and its minute is noted; it has not committed.
    let gate = Gate::before_writing(&services.db, "device_live").await;
    let message = store.message(2, &[("cpu", old, 5.0)]);
    let committer = store.committer.clone();
    let second = tokio::spawn(async move { committer.submit(message).await.unwrap() });
    gate.stopped(1).await;
    let other = services.clone();
    let rolled = tokio::spawn(async move { telemetry::roll_due(&other).await });
    gate.stopped_or(2, || rolled.is_finished()).await;
    gate.open().await;
    assert_eq!(second.await.unwrap(), Committed::Stored);
    rolled.await.unwrap().unwrap();
    telemetry::roll_due(&services).await.unwrap();

    let owner = &store.owner;
    let viewer = owner
        .require_viewer(&services, store.known.device.uuid)
        .await;
    let query = SeriesQuery {
        component: "cpu".parse().unwrap(),
        value: Some("average".to_owned()),
        period: Period::new(services.now().plus_ms(-60 * MINUTE_MS), services.now()),
        max_points: 1_000,
    };
    let series = telemetry::buckets(&services, &viewer.unwrap(), &query, MINUTE_MS).await;
    let points = &series.unwrap()[0].points;
    assert_eq!(points.iter().map(|point| point.count).sum::<u32>(), 2);
}

/// The highest sequence of the device that another connection than the writer's sees.
async fn durable(store: &Store) -> i64 {
    let row = entity::device_live::Entity::find_by_id(store.known.device.id)
        .one(&store.services().db.read)
        .await
        .unwrap();
    row.map_or(0, |row| row.sequence_high)
}

#[tokio::test]
async fn what_is_acknowledged_after_the_disk_was_full_is_stored() {
    let store = Store::on(testkit::database::sqlite().await).await;
    let write = &store.services().db.write;
    let message = |sequence: u64| {
        let mut message = store.message(sequence, &[("cpu", 0, 1.0)]);
        message.reports[0].values =
            vec![("model".parse().unwrap(), Scalar::Text("x".repeat(30_000)))];
        message
    };
    let mut sequence = 1;
    assert_eq!(store.submit(message(1)).await, Committed::Stored);
    write
        .execute_unprepared("PRAGMA max_page_count = 1")
        .await
        .unwrap();
    loop {
        sequence += 1;
        if store.committer.submit(message(sequence)).await.is_err() {
            break;
        }
        assert_eq!(durable(&store).await, i64::try_from(sequence).unwrap());
    }
    // There is room again, and somebody has thought better of a change.
    write
        .execute_unprepared("PRAGMA max_page_count = 4294967294")
        .await
        .unwrap();
    write.begin().await.unwrap().rollback().await.unwrap();
    for _ in 0..3 {
        sequence += 1;
        assert_eq!(store.submit(message(sequence)).await, Committed::Stored);
        assert_eq!(durable(&store).await, i64::try_from(sequence).unwrap());
    }
}
