//! `madang-bench chart`: the history of one device over 90 days, as its charts ask for it.
//!
//! The history is written by the product's own committer and rolled up by the product's own roll-up, on each
//! engine that is there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use domain::{DeviceId, TimestampMs};
use protocol::{ComponentKey, Scalar, Sequence, ValueName};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::Value;
use service::{
    Clock, Services, SystemClock,
    devices::directory::Directory,
    telemetry::{self, Committed, Committer, Incoming, ReportPart},
};
use tokio_util::sync::CancellationToken;

use crate::{
    figures::{Figures, count, micros, say},
    program::{Addresses, Program},
    site::{Plan, Site},
    visitor::Visitor,
};

/// Names the PostgreSQL server of the tests, as a role that may make databases.
const POSTGRES_URL: &str = "MADANG_TEST_POSTGRES_URL";
/// The ranges of a device's page.
const RANGES: [(&str, i64); 6] = [
    ("1h", HOUR_MS),
    ("6h", 6 * HOUR_MS),
    ("24h", DAY_MS),
    ("7d", 7 * DAY_MS),
    ("30d", 30 * DAY_MS),
    ("90d", 90 * DAY_MS),
];
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Points that a chart asks for.
const POINTS: u32 = 480;
/// What the server may take for one answer.
const LIMIT_MS: f64 = 100.0;
/// Reports of one message.
const TOGETHER: i64 = 500;

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Days of history.
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// Milliseconds from one report to the next.
    #[arg(long, default_value_t = 10_000)]
    every_ms: i64,
    /// Answers of each range.
    #[arg(long, default_value_t = 60)]
    times: usize,
}

/// The machine's clock, as it was that many milliseconds ago.
#[derive(Default)]
struct Earlier(AtomicI64);

impl Clock for Earlier {
    fn now(&self) -> TimestampMs {
        SystemClock.now().plus_ms(-self.0.load(Ordering::SeqCst))
    }
}

/// Runs every measurement, on each engine.
pub(crate) async fn run(options: &Options, figures: Figures) -> Result<()> {
    on(options, "sqlite", None, figures).await?;
    match std::env::var(POSTGRES_URL) {
        Ok(server) => {
            let url = database_on(&server).await?;
            on(options, "postgres", Some(url), figures).await
        }
        Err(_) => {
            say(&format!(
                "{POSTGRES_URL} is not set: PostgreSQL is not measured"
            ));
            Ok(())
        }
    }
}

async fn on(
    options: &Options,
    engine: &str,
    database: Option<String>,
    figures: Figures,
) -> Result<()> {
    let clock = Arc::new(Earlier::default());
    // It was claimed before its first report.
    clock.0.store((options.days + 1) * DAY_MS, Ordering::SeqCst);
    let plan = Plan {
        enrolled: 1,
        database,
        clock: clock.clone(),
        ..Plan::default()
    };
    let mut last = TimestampMs(0);
    let site = Site::prepared(plan, async |services, _, devices| {
        clock.0.store(0, Ordering::SeqCst);
        last = services.now();
        fill(options, services, devices[0], last, engine, figures).await
    })
    .await?;
    let (madang, at) = Program::madang(&site.data(), None, &Addresses::default()).await?;
    let mut visitor = Visitor::at(&at.http, Some(&site.session)).await?;
    let id = site.devices[0].id;
    for (name, length) in RANGES {
        let (from, to) = (last.0 - length, last.0 + 1);
        let path = format!(
            "/api/devices/{id}/telemetry?component=cpu&value=average&from={from}&to={to}&limit={POINTS}"
        );
        let whole = length.min(options.days * DAY_MS) / options.every_ms;
        let readings = readings(&visitor.text(&path).await?)?;
        // The first bucket of a rollup may be cut off.
        ensure!(
            readings >= whole - whole / 20 - 1,
            "{name} on {engine}: {readings} of {whole} reports are in the answer"
        );
        let mut waits = Vec::with_capacity(options.times);
        for _ in 0..options.times {
            let began = Instant::now();
            visitor.text(&path).await?;
            waits.push(micros(began.elapsed()));
        }
        figures.tell_waits_below(&format!("chart_{engine}_{name}"), &mut waits, LIMIT_MS)?;
    }
    madang.stop().await
}

/// Writes the history, oldest first, and rolls it up.
async fn fill(
    options: &Options,
    services: &Services,
    device: DeviceId,
    last: TimestampMs,
    engine: &str,
    figures: Figures,
) -> Result<()> {
    let reports = options.days * DAY_MS / options.every_ms;
    say(&format!("writing {reports} reports on {engine}"));
    let known = Directory::default().get(services, device).await?;
    let known = known.context("the device")?;
    let key: ComponentKey = "cpu".parse()?;
    let component = known.components.get(&key).context("its processor")?.id;
    let names: (ValueName, ValueName) = ("average".parse()?, "peak".parse()?);
    let stop = CancellationToken::new();
    let (committer, committing) = Committer::start(services.clone(), stop.clone())?;
    let began = Instant::now();
    for (sequence, first) in (1..).zip((0..reports).step_by(usize::try_from(TOGETHER)?)) {
        let parts = (first..reports.min(first + TOGETHER)).map(|number| {
            let load = load(number);
            ReportPart {
                component_id: component,
                key: key.clone(),
                at: last.plus_ms(-(reports - 1 - number) * options.every_ms),
                late: false,
                status: None,
                values: vec![
                    (names.0.clone(), Scalar::Number(load)),
                    (names.1.clone(), Scalar::Number((load * 1.3).min(100.0))),
                ],
            }
        });
        let parts: Vec<_> = parts.collect();
        let at = parts.last().context("a report")?.at;
        let committed = committer
            .submit(Incoming {
                device: known.device,
                ownership: known.ownership,
                sequence: Sequence(sequence),
                sent_at: None,
                received_at: at,
                report_interval_ms: known.report_interval_ms,
                reports: parts,
                state: domain::device::StateMap::new(),
            })
            .await?;
        ensure!(committed == Committed::Stored, "not stored: {committed:?}");
    }
    let name = |what: &str| format!("chart_{engine}_{what}");
    figures.tell(&name("reports"), count(u64::try_from(reports)?), "rows")?;
    figures.tell(&name("written_in"), began.elapsed().as_secs_f64(), "s")?;
    let began = Instant::now();
    // The site itself does it as well: its last part may end after ours.
    while due(services).await? > 0 {
        telemetry::roll_due(services).await?;
    }
    figures.tell(&name("rolled_up_in"), began.elapsed().as_secs_f64(), "s")?;
    stop.cancel();
    committing.await.context("the committer")
}

/// Minutes that are over and not rolled up.
async fn due(services: &Services) -> Result<i64> {
    let db = &services.db.read;
    let sql = "SELECT count(*) FROM rollup_due WHERE bucket_ms < $1";
    let before = services.now().0 - 5 * 60_000;
    let count = Statement::from_sql_and_values(db.get_database_backend(), sql, [before.into()]);
    let row = db.query_one_raw(count).await?.context("a count")?;
    Ok(row.try_get_by_index(0)?)
}

/// The load of a processor that works by day, in percent: different in every report.
#[allow(clippy::cast_precision_loss, reason = "a few million at most")]
fn load(number: i64) -> f64 {
    let day = (number as f64 / 8_640.0 * std::f64::consts::TAU).sin();
    let minute = (number as f64 * 0.7).sin();
    (40.0 + 30.0 * day + 9.0 * minute).clamp(0.0, 100.0)
}

/// How many readings the series of an answer stand for.
fn readings(answer: &str) -> Result<i64> {
    let series: Value = serde_json::from_str(answer)?;
    let points = series[0]["points"].as_array().context("no series")?;
    ensure!(points.len() <= POINTS as usize, "{} points", points.len());
    let counts = points.iter().map(|point| point["count"].as_i64());
    counts.sum::<Option<i64>>().context("a point's count")
}

/// A new database on this server.
async fn database_on(server: &str) -> Result<String> {
    let (base, _) = server.rsplit_once('/').context("no database in the URL")?;
    let name = format!("madang_bench_{}", DeviceId::random().0.simple());
    let admin = sea_orm::Database::connect(server).await?;
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await?;
    Ok(format!("{base}/{name}"))
}
