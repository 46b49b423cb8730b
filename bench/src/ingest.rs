//! `madang-bench ingest`: from devices over MQTT and TLS, through the whole pipeline, into the database.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use sea_orm::{ConnectionTrait, Statement};
use service::Database;
use tokio::time::sleep;

use crate::{
    figures::{Figures, count, say},
    fleet::{Fleet, Outcome, Work},
    limit,
    live::Browser,
    program::{Addresses, Program, resident},
    site::{Identity, Site},
};

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Devices, each with its own connection.
    #[arg(long, default_value_t = 200)]
    devices: usize,
    /// Reports of each device as fast as they are acknowledged.
    #[arg(long, default_value_t = 2_000)]
    reports: usize,
    /// Reports a second of all devices together while a browser watches.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Seconds of that.
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// The folder with the interface's files, as `cargo xtask build` leaves it.
    #[arg(long)]
    site_dir: PathBuf,
}

struct Speed {
    per_second: f64,
    processor_micros: f64,
    outcome: Outcome,
}

/// Runs every measurement.
pub(crate) async fn run(options: &Options, figures: Figures) -> Result<()> {
    let mut site = Site::make(options.devices, 0).await?;
    let identities: Vec<Arc<Identity>> = site.devices.drain(..).map(Arc::new).collect();

    let (madang, at) =
        Program::madang(&site.data(), Some(&options.site_dir), &Addresses::default()).await?;
    let started_ms = madang.started_in.as_secs_f64() * 1_000.0;
    figures.tell("start_to_ready", started_ms, "ms")?;
    figures.tell("idle_memory", megabytes(madang.memory()?), "MB")?;

    // The same messages go to both: composed once, signed once.
    let mut fleet = Fleet::connect(&identities, &at.mqtt, 0).await?;
    let messages = fleet.compose(options.reports);
    let work = || messages.iter().cloned().map(Work::Ready).collect();

    say("the limit: the same messages, acknowledged by a hook that does nothing");
    let (bare, bare_at) = limit::start(&site.data()).await?;
    let other = Fleet::connect(&identities, &bare_at, 0).await?;
    let (other, limit) = measure(other, work(), &bare, |_| Ok(())).await?;
    drop(other);
    bare.stop().await?;

    say("through ingest into the database");
    let memory_before = madang.memory()?;
    let mut memory = Vec::new();
    let (mut fleet, real) = measure(fleet, work(), &madang, |acknowledged| {
        memory.push((acknowledged, madang.memory()?));
        Ok(())
    })
    .await?;
    ensure!(
        real.outcome.refused == 0,
        "{} reports were refused",
        real.outcome.refused
    );
    let memory_after = madang.memory()?;
    figures.tell_beside("ingest", real.per_second, "reports/s", limit.per_second)?;
    let (used, bound) = (real.processor_micros, limit.processor_micros);
    figures.tell_beside("processor_per_report", used, "µs", bound)?;
    figures.tell_waits(
        "acknowledged_at_full_speed",
        &mut real.outcome.waits.clone(),
    )?;
    figures.tell("memory_before", megabytes(memory_before), "MB")?;
    figures.tell("memory_after", megabytes(memory_after), "MB")?;
    figures.tell("memory_per_report_second_half", growth(&memory), "B")?;
    let mut sent = real.outcome.acknowledged;

    say("the server is killed in the middle");
    let messages = fleet.compose(options.reports / 2);
    let half = messages.iter().map(|m| m.len() as u64).sum::<u64>() / 2;
    let work = messages.into_iter().map(Work::Ready).collect();
    let done = Arc::new(AtomicU64::new(0));
    let sending = fleet.send(work, &done);
    let killing = async {
        while done.load(Ordering::Relaxed) < half {
            sleep(Duration::from_millis(1)).await;
        }
        let killed = Instant::now();
        madang.kill().await?;
        let (madang, _) = Program::madang(&site.data(), Some(&options.site_dir), &at).await?;
        anyhow::Ok((madang, killed.elapsed()))
    };
    let (sending, killing) = tokio::join!(sending, killing);
    let (fleet, outcome) = sending?;
    let (madang, back) = killing?;
    figures.tell("ready_again_after_kill", back.as_secs_f64() * 1_000.0, "ms")?;
    figures.tell("resent_after_kill", count(outcome.resent), "reports")?;
    ensure!(
        outcome.refused == 0,
        "{} reports were refused",
        outcome.refused
    );
    sent += outcome.acknowledged;

    let watched = watched(options, fleet, &madang, &at, &site, &identities, figures).await;
    sent += watched.as_ref().map_or(0, |outcome| outcome.acknowledged);
    if watched.is_ok() {
        madang.stop().await?;
        let (rows, distinct) = stored(&site).await?;
        figures.tell("lost", count(sent.saturating_sub(distinct)), "reports")?;
        figures.tell("stored_twice", count(rows - distinct), "reports")?;
        ensure!(
            sent == distinct && rows == distinct,
            "{sent} sent, {rows} stored, {distinct} distinct"
        );
    }
    watched.map(|_| ())
}

/// Reports at a steady rate, from the device to its state and to a browser.
async fn watched(
    options: &Options,
    fleet: Fleet,
    madang: &Program,
    at: &Addresses,
    site: &Site,
    identities: &[Arc<Identity>],
    figures: Figures,
) -> Result<Outcome> {
    say(&format!(
        "{} reports a second, and a browser that watches",
        options.rate
    ));
    let ids: Vec<_> = identities.iter().map(|identity| identity.id).collect();
    let epoch = Instant::now();
    let browser = Browser::watch(&at.http, &site.session, &ids, "cpu_average", epoch).await?;
    let devices = u32::try_from(options.devices)?;
    let every = Duration::from_secs(1) * devices / options.rate;
    let each = usize::try_from(options.rate * options.seconds / devices)?;
    let paced = Work::Paced {
        count: each,
        every,
        epoch,
    };
    let before = madang.processor_seconds()?;
    let began = Instant::now();
    let done = Arc::new(AtomicU64::new(0));
    let (_fleet, mut outcome) = fleet.send(vec![paced; options.devices], &done).await?;
    let busy = (madang.processor_seconds()? - before) / began.elapsed().as_secs_f64();
    ensure!(
        outcome.refused == 0,
        "{} reports were refused",
        outcome.refused
    );
    // The last report has been acknowledged; what it changed is on its way to the browser.
    sleep(Duration::from_millis(500)).await;
    let mut arrived = browser.stop().await?;
    figures.tell_waits("report_to_state", &mut outcome.waits)?;
    figures.tell_waits("report_to_browser", &mut arrived)?;
    let all = count(outcome.acknowledged);
    figures.tell_beside(
        "reports_seen_by_browser",
        count(arrived.len() as u64),
        "reports",
        all,
    )?;
    figures.tell("processor_at_that_rate", busy * 100.0, "% of a core")?;
    figures.tell(
        "memory_at_the_end",
        megabytes(resident(madang.pid())?),
        "MB",
    )?;
    Ok(outcome)
}

async fn measure(
    fleet: Fleet,
    work: Vec<Work>,
    program: &Program,
    mut look: impl FnMut(u64) -> Result<()>,
) -> Result<(Fleet, Speed)> {
    let done = Arc::new(AtomicU64::new(0));
    let before = program.processor_seconds()?;
    let began = Instant::now();
    let mut sending = std::pin::pin!(fleet.send(work, &done));
    let (fleet, outcome) = loop {
        tokio::select! {
            sent = &mut sending => break sent?,
            () = sleep(Duration::from_millis(100)) => look(done.load(Ordering::Relaxed))?,
        }
    };
    let took = began.elapsed().as_secs_f64();
    let all = count(outcome.acknowledged);
    let speed = Speed {
        per_second: all / took,
        processor_micros: (program.processor_seconds()? - before) * 1e6 / all,
        outcome,
    };
    Ok((fleet, speed))
}

/// Bytes by which each report of the second half made the program grow.
fn growth(memory: &[(u64, u64)]) -> f64 {
    let (Some(first), Some(last)) = (memory.get(memory.len() / 2), memory.last()) else {
        return 0.0;
    };
    let reports = count(last.0.saturating_sub(first.0)).max(1.0);
    (count(last.1) - count(first.1)) / reports
}

/// How many reports the database has, and how many of them differ in device and sequence.
async fn stored(site: &Site) -> Result<(u64, u64)> {
    let url = format!("sqlite://{}", site.data().join("madang.db").display());
    let database = Database::open(&url, 1).await?;
    let sql = "SELECT (SELECT COUNT(*) FROM report) AS all_rows, (SELECT COUNT(*) FROM (SELECT DISTINCT \
               component.device_id, report.sequence FROM report JOIN component ON component.id = \
               report.component_id)) AS distinct_rows";
    let backend = database.read.get_database_backend();
    let row = database
        .read
        .query_one_raw(Statement::from_string(backend, sql))
        .await?
        .context("no counts")?;
    let number = |name: &str| -> Result<u64> { Ok(row.try_get::<i64>("", name)?.try_into()?) };
    let counts = (number("all_rows")?, number("distinct_rows")?);
    database.close().await?;
    Ok(counts)
}

fn megabytes(bytes: u64) -> f64 {
    count(bytes) / 1e6
}
