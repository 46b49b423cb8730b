//! The way of reports into the store and out of it, on every engine.

#![allow(clippy::unwrap_used)]

#[path = "telemetry/bench.rs"]
mod bench;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use domain::{
    AppError, DeviceId, Scalar, TimestampMs,
    device::{Presence, PresenceCause},
    role::SiteRole,
    telemetry::{Period, SeriesQuery},
};
use protocol::Sequence;
use service::{
    Actor, Clock as _, SystemClock, devices,
    devices::directory::{Directory, Known},
    link::NoLink,
    presence::{self, Deadlines, InProcessDeadlines},
    telemetry::{self, Committed, Committer, Incoming, Keep, ReportPart},
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};
use tokio_util::sync::CancellationToken;

use bench::Bench;

const MINUTE_MS: i64 = 60_000;

#[tokio::test]
async fn a_report_is_stored_once_and_merged_by_its_own_time() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        bench.site.clock.advance_ms(60 * MINUTE_MS);
        let first = bench.report(1, 0, 12.5);
        assert_eq!(
            bench.committer.submit(first.clone()).await.unwrap(),
            Committed::Stored
        );
        assert_eq!(
            bench.committer.submit(first.clone()).await.unwrap(),
            Committed::Duplicate
        );
        let mut other = first;
        other.reports[0].values[0].1 = Scalar::Number(99.0);
        assert_eq!(
            bench.committer.submit(other).await.unwrap(),
            Committed::SequenceReused
        );

        // Older news is history, and does not replace what is known.
        let late = bench.report(2, 10 * MINUTE_MS, 77.0);
        assert_eq!(
            bench.committer.submit(late).await.unwrap(),
            Committed::Stored
        );
        let page = bench.page().await;
        assert_eq!(page.state["cpu_average"], Scalar::Number(12.5));
        assert_eq!(page.state["cpu_busy"], Scalar::Bool(true));
        assert_eq!(
            page.state["cpu_note"],
            Scalar::Text("뜰 \u{1f331}".to_owned())
        );
        assert_eq!(page.duplicates, 1);

        let far = bench.report(5_000, 0, 13.0);
        assert_eq!(
            bench.committer.submit(far).await.unwrap(),
            Committed::Stored
        );
        let old = bench.report(3_000, 0, 14.0);
        assert_eq!(
            bench.committer.submit(old).await.unwrap(),
            Committed::SequenceTooOld
        );
        assert_eq!(bench.committer.counters().stored.load(Ordering::Relaxed), 3);
    }
}

#[tokio::test]
async fn charts_hear_of_more_than_the_newest_moment() {
    use domain::live::LiveEvent;
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        bench.site.clock.advance_ms(60 * MINUTE_MS);
        let mut bus = bench.site.services.bus.subscribe();
        let device = bench.identity.id;
        let mut heard = async |message: Incoming| {
            bench.committer.submit(message).await.unwrap();
            let mut history = false;
            loop {
                match &*bus.recv().await.unwrap() {
                    LiveEvent::History { device: of } => history |= *of == device,
                    // The state comes last.
                    LiveEvent::State { .. } => return history,
                    _ => {}
                }
            }
        };
        assert!(!heard(bench.report(1, 40_000, 1.0)).await, "the first");
        assert!(!heard(bench.report(2, 30_000, 2.0)).await, "the next");
        // A catch-up that ends with the newest moment, and one that does not.
        let mut batch = bench.report(3, 20_000, 3.0);
        batch.reports.extend(bench.report(3, 10_000, 4.0).reports);
        assert!(heard(batch).await, "several moments");
        assert!(!heard(bench.report(4, 0, 5.0)).await, "live again");
        let mut older = bench.report(5, 5_000, 6.0);
        older.state = [("ota_status".to_owned(), Scalar::Bool(true))].into();
        assert!(heard(older).await, "an older moment");
    }
}

#[tokio::test]
async fn a_commit_of_many_is_whole() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        bench.site.clock.advance_ms(60 * MINUTE_MS);
        // Several statements of each table; as many as may be under way out of order.
        let all = (1..=1_000).map(|n| {
            let report = bench.report(n, 1_500_000 - i64::try_from(n).unwrap() * 1_000, 1.0);
            bench.committer.submit(report)
        });
        for outcome in futures::future::join_all(all).await {
            assert_eq!(outcome.unwrap(), Committed::Stored);
        }
        let series = bench.series(30 * MINUTE_MS, 2_000).await;
        let readings: u64 = series[0].points.iter().map(|p| u64::from(p.count)).sum();
        assert_eq!(readings, 1_000);
    }
}

#[tokio::test]
async fn a_chart_keeps_the_extremes_also_where_reports_are_gone() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let hours = 6 * 60;
        bench.site.clock.advance_ms(hours * MINUTE_MS);
        let mut expected = 0;
        for n in 0..hours {
            let value = if n == 100 { 98.7 } else { 20.0 };
            let sequence = u64::try_from(n).unwrap() + 1;
            let report = bench.report(sequence, (hours - n) * MINUTE_MS - 1, value);
            assert_eq!(
                bench.committer.submit(report).await.unwrap(),
                Committed::Stored
            );
            expected += 1;
        }
        bench.site.clock.advance_ms(10 * MINUTE_MS);
        while telemetry::roll_due(&bench.site.services).await.unwrap() > 0 {}
        let check = async |points: u32| {
            let series = bench.series((hours + 12) * MINUTE_MS, points).await;
            let points = &series[0].points;
            let highest = points.iter().map(|p| p.max).fold(f64::MIN, f64::max);
            let readings: u64 = points.iter().map(|p| u64::from(p.count)).sum();
            (points.len(), highest, readings)
        };
        let (fine, highest, readings) = check(1_000).await;
        assert!(fine > 300 && (highest - 98.7).abs() < 1e-9 && readings == expected);
        let (coarse, highest, readings) = check(12).await;
        assert!(
            coarse <= 12 && (highest - 98.7).abs() < 1e-9,
            "{coarse} {highest}"
        );
        assert_eq!(readings, expected);

        // Single reports are over their time; what was rolled up stays.
        bench.site.clock.advance_ms(3 * 24 * 60 * MINUTE_MS);
        let keep = Keep {
            reports_days: 1,
            minutes_days: 30,
        };
        while telemetry::delete_old(&bench.site.services, keep)
            .await
            .unwrap()
            > 0
        {}
        let series = bench.series(4 * 24 * 60 * MINUTE_MS, 500).await;
        let readings: u64 = series[0].points.iter().map(|p| u64::from(p.count)).sum();
        assert_eq!(readings, expected);
    }
}

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// How many readings the rollups of this length hold in all, their sum and their largest.
async fn rolled(bench: &Bench, resolution_ms: i64) -> (i64, f64, f64) {
    use entity::rollup::{Column, Entity};
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
    let key = "cpu".parse().unwrap();
    let rows = Entity::find()
        .filter(Column::ComponentId.eq(bench.known.components[&key].id))
        .filter(Column::Value.eq("average"))
        .filter(Column::ResolutionMs.eq(resolution_ms))
        .all(&bench.site.services.db.read)
        .await
        .unwrap();
    let largest = rows.iter().map(|r| r.max).fold(f64::MIN, f64::max);
    let sum = rows.iter().map(|r| r.sum).sum();
    (rows.iter().map(|r| r.count).sum(), sum, largest)
}

async fn raw(bench: &Bench) -> u64 {
    use sea_orm::{EntityTrait as _, PaginatorTrait as _};
    entity::report::Entity::find()
        .count(&bench.site.services.db.read)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_report_that_comes_after_its_time_is_added_to_what_was_rolled_up() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let services = &bench.site.services;
        let keep = Keep {
            reports_days: 1,
            minutes_days: 2,
        };
        bench.site.clock.advance_ms(60 * MINUTE_MS);
        let began = bench.now();
        for n in 1..=6 {
            let report = bench.report(n, 1_000 * i64::try_from(n).unwrap(), 10.0);
            bench.committer.submit(report).await.unwrap();
        }
        bench.site.clock.advance_ms(5 * MINUTE_MS);
        telemetry::roll_due(services).await.unwrap();
        let all = [MINUTE_MS, 60 * MINUTE_MS, DAY_MS];
        for length in all {
            assert_eq!(rolled(&bench, length).await, (6, 60.0, 10.0));
        }
        let late = async |sequence, value| {
            let ago = bench.now().0 - began.0 + 3_000;
            let report = bench.report(sequence, ago, value);
            assert_eq!(
                bench.committer.submit(report).await.unwrap(),
                Committed::Stored
            );
        };

        // The reports are gone, the minutes are there.
        bench.site.clock.advance_ms(DAY_MS + 10 * MINUTE_MS);
        assert_eq!(telemetry::delete_old(services, keep).await.unwrap(), 6);
        late(7, 99.0).await;
        // What waits for its rollup is not deleted.
        assert_eq!(telemetry::delete_old(services, keep).await.unwrap(), 0);
        telemetry::roll_due(services).await.unwrap();
        late(8, 1.0).await;
        telemetry::roll_due(services).await.unwrap();
        assert_eq!(raw(&bench).await, 0);
        for length in all {
            assert_eq!(rolled(&bench, length).await, (8, 160.0, 99.0), "{length}");
        }

        // The minutes are gone too.
        bench.site.clock.advance_ms(2 * DAY_MS);
        assert!(telemetry::delete_old(services, keep).await.unwrap() > 0);
        assert_eq!(rolled(&bench, MINUTE_MS).await.0, 0);
        for sequence in [9, 10] {
            late(sequence, 20.0).await;
            telemetry::roll_due(services).await.unwrap();
        }
        assert_eq!(rolled(&bench, MINUTE_MS).await.0, 0);
        for length in &all[1..] {
            assert_eq!(rolled(&bench, *length).await, (10, 200.0, 99.0));
        }
    }
}

#[tokio::test]
async fn a_device_keeps_its_reports_as_long_as_an_administrator_says() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let services = &bench.site.services;
        let admin = bench.owner.require_admin().unwrap();
        let id = bench.identity.id;
        let keep = Keep {
            reports_days: 10,
            minutes_days: 20,
        };
        for wrong in [0, 3_651] {
            let refused = telemetry::keep_reports(services, &admin, id, Some(wrong)).await;
            assert!(matches!(refused, Err(AppError::Invalid { .. })));
        }
        bench.site.clock.advance_ms(60 * MINUTE_MS);
        for n in 1..=30 {
            bench.site.clock.advance_ms(DAY_MS);
            let report = bench.report(n, 1_000, 10.0);
            bench.committer.submit(report).await.unwrap();
        }
        // Minutes go by whole hours.
        bench.site.clock.advance_ms(65 * MINUTE_MS);
        telemetry::roll_due(services).await.unwrap();

        telemetry::keep_reports(services, &admin, id, Some(25))
            .await
            .unwrap();
        assert_eq!(bench.page().await.keep_reports_days, Some(25));
        telemetry::delete_old(services, keep).await.unwrap();
        assert_eq!(raw(&bench).await, 25);
        assert_eq!(rolled(&bench, MINUTE_MS).await.0, 25);

        telemetry::keep_reports(services, &admin, id, None)
            .await
            .unwrap();
        telemetry::delete_old(services, keep).await.unwrap();
        assert_eq!(raw(&bench).await, 10);
        assert_eq!(rolled(&bench, MINUTE_MS).await.0, 20);

        telemetry::keep_reports(services, &admin, id, Some(2))
            .await
            .unwrap();
        telemetry::delete_old(services, keep).await.unwrap();
        assert_eq!(raw(&bench).await, 2);
        assert_eq!(rolled(&bench, DAY_MS).await.0, 30);
    }
}

#[tokio::test]
async fn reports_are_read_page_by_page_and_in_buckets_of_a_length() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let services = &bench.site.services;
        bench.site.clock.advance_ms(3 * 60 * MINUTE_MS);
        // Two at each moment: their order is that of their sequences.
        for n in 0..20_u64 {
            let ago = 60 * MINUTE_MS - i64::try_from(n / 2).unwrap() * 20_000;
            let value = f64::from(u32::try_from(n).unwrap());
            let report = bench.report(n + 1, ago, value);
            bench.committer.submit(report).await.unwrap();
        }
        let viewer = bench
            .owner
            .require_viewer(services, bench.identity.id)
            .await
            .unwrap();
        let mut query = domain::telemetry::ReportQuery {
            component: "cpu".parse().unwrap(),
            period: Period::new(bench.now().plus_ms(-2 * 60 * MINUTE_MS), bench.now()),
            after: None,
            limit: 7,
        };
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = telemetry::reports(services, &viewer, &query).await.unwrap();
            seen.extend(page.items.iter().map(|report| report.sequence));
            assert_eq!(page.items[0].values["busy"], true);
            pages += 1;
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!((pages, seen), (3, (1..=20).collect::<Vec<i64>>()));

        bench.site.clock.advance_ms(5 * MINUTE_MS);
        telemetry::roll_due(services).await.unwrap();
        let query = SeriesQuery {
            component: "cpu".parse().unwrap(),
            value: Some("average".to_owned()),
            period: Period::new(bench.now().plus_ms(-2 * 60 * MINUTE_MS), bench.now()),
            max_points: 1_000,
        };
        for length in [30_000, MINUTE_MS, 2 * MINUTE_MS, 60 * MINUTE_MS] {
            let series = telemetry::buckets(services, &viewer, &query, length)
                .await
                .unwrap();
            let points = &series[0].points;
            assert!(points.iter().all(|p| p.at.0 % length == 0), "{length}");
            assert_eq!(points.iter().map(|p| p.count).sum::<u32>(), 20);
            let highest = points.iter().map(|p| p.max).fold(f64::MIN, f64::max);
            assert!((highest - 19.0).abs() < 1e-9);
        }
        for wrong in [0, 999, 61_000, -60_000] {
            let refused = telemetry::buckets(services, &viewer, &query, wrong).await;
            assert!(matches!(refused, Err(AppError::Invalid { .. })), "{wrong}");
        }
        let query = SeriesQuery {
            max_points: 10,
            ..query
        };
        let refused = telemetry::buckets(services, &viewer, &query, MINUTE_MS).await;
        assert!(matches!(refused, Err(AppError::Invalid { .. })));
    }
}

#[tokio::test]
async fn a_silent_device_times_out_and_an_old_session_says_nothing() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let (services, id) = (&bench.site.services, bench.identity.id);
        presence::connected(services, id, 7).await.unwrap();
        assert_eq!(
            bench.page().await.summary.presence.presence,
            Presence::Online
        );
        presence::disconnected(services, id, 6, PresenceCause::TakenOver)
            .await
            .unwrap();
        assert_eq!(
            bench.page().await.summary.presence.presence,
            Presence::Online
        );

        let stop = CancellationToken::new();
        let sweeping = tokio::spawn(presence::sweep(services.clone(), stop.clone()));
        bench.site.clock.advance_ms(31_000);
        testkit::until("TIMEOUT", async || {
            let now = bench.page().await.summary.presence;
            (now.presence == Presence::Timeout && now.cause == PresenceCause::Silent).then_some(())
        })
        .await;
        let report = bench.report(1, 0, 1.0);
        assert_eq!(
            bench.committer.submit(report).await.unwrap(),
            Committed::Stored
        );
        testkit::until("ONLINE again", async || {
            let now = bench.page().await.summary.presence;
            (now.presence == Presence::Online).then_some(())
        })
        .await;
        presence::disconnected(services, id, 7, PresenceCause::ConnectionLost)
            .await
            .unwrap();
        let now = bench.page().await.summary.presence;
        assert_eq!(
            (now.presence, now.cause),
            (Presence::Offline, PresenceCause::ConnectionLost)
        );
        stop.cancel();
        sweeping.await.unwrap();
    }
}

/// Deadlines of devices that speak at the very moment in which they are found silent.
#[derive(Default)]
struct Speaking {
    deadlines: InProcessDeadlines,
    asked: AtomicU32,
    /// The how-manieth question after that finds that it has spoken.
    spoke_at: u32,
    /// Takes whoever sets one with it.
    breaks: bool,
}

#[async_trait::async_trait]
impl Deadlines for Speaking {
    async fn begin(&self, device: DeviceId, session: u64) -> Result<(), AppError> {
        self.deadlines.begin(device, session).await
    }

    async fn is_latest(&self, device: DeviceId, session: u64) -> Result<bool, AppError> {
        self.deadlines.is_latest(device, session).await
    }

    async fn end(&self, device: DeviceId, session: u64) -> Result<(), AppError> {
        self.deadlines.end(device, session).await
    }

    async fn set(&self, due: &[(DeviceId, TimestampMs)]) -> Result<Vec<DeviceId>, AppError> {
        assert!(!self.breaks, "a part of the committer fails");
        self.deadlines.set(due).await
    }

    async fn take_due(&self, now: TimestampMs, limit: usize) -> Result<Vec<DeviceId>, AppError> {
        self.deadlines.take_due(now, limit).await
    }

    async fn is_set(&self, device: DeviceId) -> Result<bool, AppError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) == self.spoke_at {
            let later = SystemClock.now().plus_ms(3_600_000);
            self.deadlines.set(&[(device, later)]).await?;
        }
        self.deadlines.is_set(device).await
    }
}

#[tokio::test]
async fn who_watches_is_given_the_revisions_of_what_they_may_see_and_no_newer_ones_than_they_read()
{
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let (services, id) = (&bench.site.services, bench.identity.id);
        let stranger = bench
            .site
            .person(&bench.owner, "s@example.org", SiteRole::Member);
        let stranger = stranger.await;
        let before = services.cache.get(&[id]).await.unwrap()[&id].clone();
        let stored = bench.committer.submit(bench.report(1, 0, 1.0)).await;
        assert_eq!(stored.unwrap(), Committed::Stored);
        let now = testkit::until("the cache has it", async || {
            let known = services.cache.get(&[id]).await.ok()?.remove(&id)?;
            (known.revision > before.revision).then_some(known.revision)
        })
        .await;
        let known = async |who: &Actor| devices::revisions(services, who, &[id]).await.unwrap();
        assert_eq!(known(&bench.owner).await, [(id, now)].into());
        assert!(known(&stranger).await.is_empty());
        // Committed, and not in the cache yet, where pages are read from: its change must still be told.
        services.cache.forget(id).await.unwrap();
        services
            .cache
            .put(vec![(id, before.clone())])
            .await
            .unwrap();
        assert_eq!(known(&bench.owner).await, [(id, before.revision)].into());
    }
}

#[tokio::test]
async fn a_committer_that_has_ended_is_known_to_have() {
    for database in each_engine().await {
        let deadlines = Speaking {
            breaks: true,
            ..Speaking::default()
        };
        let site = Site::with(database, Arc::new(NoLink), Arc::new(deadlines));
        let bench = Bench::at(site).await;
        assert!(bench.committer.is_running());
        let stored = bench.committer.submit(bench.report(1, 0, 1.0)).await;
        assert_eq!(stored.unwrap(), Committed::Stored);
        // It moves the deadlines after that, and comes to its end by it.
        let ended = tokio::time::timeout(testkit::device::PATIENCE, bench.committer.ended());
        ended.await.unwrap();
        assert!(!bench.committer.is_running());
        let kept = bench.committer.submit(bench.report(2, 0, 2.0)).await;
        assert_eq!(kept, Err(AppError::Unavailable));
    }
}

#[tokio::test]
async fn a_device_that_speaks_while_it_is_found_silent_is_online() {
    for spoke_at in [0, 1] {
        for database in each_engine().await {
            let deadlines = Speaking {
                spoke_at,
                ..Speaking::default()
            };
            let site = Site::with(database, Arc::new(NoLink), Arc::new(deadlines));
            let bench = Bench::at(site).await;
            let services = &bench.site.services;
            presence::connected(services, bench.identity.id, 1)
                .await
                .unwrap();
            bench.site.clock.advance_ms(31_000);
            presence::time_out(services).await.unwrap();
            let now = bench.page().await.summary.presence;
            assert_eq!(
                now.presence,
                Presence::Online,
                "asked {spoke_at} times before"
            );
        }
    }
}

/// A report of the processor with these values.
fn with_values(
    bench: &Bench,
    sequence: u64,
    values: impl IntoIterator<Item = (String, Scalar)>,
) -> Incoming {
    let mut report = bench.report(sequence, 0, 1.0);
    let values = values.into_iter();
    report.reports[0].values = values
        .map(|(name, value)| (name.parse().unwrap(), value))
        .collect();
    report
}

#[tokio::test]
async fn a_state_has_room_for_so_much_and_what_is_in_it_goes_on() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let submit = |report| bench.committer.submit(report);
        let number = |n: usize| (format!("k{n}"), Scalar::Number(1.0));
        let first = submit(bench.report(1, 0, 12.5)).await;
        assert_eq!(first.unwrap(), Committed::Stored);
        // Three entries are there.
        let most = protocol::MAX_STATE_ENTRIES - 3;
        let many = submit(with_values(&bench, 2, (0..most).map(number))).await;
        assert_eq!(many.unwrap(), Committed::Stored);
        let over = with_values(&bench, 3, [number(0), number(most)]);
        for _ in 0..2 {
            let refused = submit(over.clone()).await;
            assert_eq!(refused.unwrap(), Committed::TooLarge);
        }
        // Of a message with several reports those that fit are stored.
        let mut batch = bench.report(4, 0, 13.5);
        batch.reports.push(over.reports[0].clone());
        let part = submit(batch.clone()).await;
        assert_eq!(part.unwrap(), Committed::InPart { refused: 1 });
        let again = submit(batch).await;
        assert_eq!(again.unwrap(), Committed::Duplicate);
        // A text may not grow a state that is full, also where its key is there.
        let text = |bytes: usize| Scalar::Text("\u{1}".repeat(bytes));
        let heavy = with_values(&bench, 5, (0..20).map(|n| (format!("k{n}"), text(512))));
        assert_eq!(submit(heavy).await.unwrap(), Committed::TooLarge);
        let usual = submit(bench.report(6, 0, 14.5)).await;
        assert_eq!(usual.unwrap(), Committed::Stored);

        let state = bench.page().await.state;
        assert_eq!(state["cpu_average"], Scalar::Number(14.5));
        assert_eq!(state["cpu_k0"], Scalar::Number(1.0));
        assert_eq!(state.len(), protocol::MAX_STATE_ENTRIES);
        assert_eq!(raw(&bench).await, 4, "nothing else is in the history");
    }
}
