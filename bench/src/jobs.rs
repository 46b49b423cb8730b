//! `madang-bench jobs`: one command to many devices, some of which fail, are away, or die over it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::{
    figures::{Figures, count, say},
    fleet::{Fleet, Manner},
    program::{Addresses, Program},
    site::Site,
    visitor::Visitor,
};

/// Devices told at a time.
const CONCURRENCY: u32 = 100;
/// Devices that connect at a time, as they do over the day.
const CONNECTING: usize = 50;
/// How long a device that took it may stay silent about it.
const TIMEOUT_MS: u64 = 10_000;
/// Between two looks at the job.
const LOOK: Duration = Duration::from_millis(100);

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Devices.
    #[arg(long, default_value_t = 1_000)]
    devices: usize,
    /// Seconds for which those that are away are waited for.
    #[arg(long, default_value_t = 60)]
    valid_s: u64,
}

/// 5 % fail, 5 % are away, 2 % die in the middle.
fn manner(number: usize) -> Manner {
    match number % 100 {
        0..5 => Manner::Fails,
        5..10 => Manner::Away,
        10..12 => Manner::Dies,
        _ => Manner::Obeys,
    }
}

/// Runs the job and its retry.
pub(crate) async fn run(options: &Options, figures: Figures) -> Result<()> {
    let site = Site::make(options.devices, 0).await?;
    let (madang, at) = Program::madang(&site.data(), None, &Addresses::default()).await?;
    let mut identities: Vec<_> = site.devices.into_iter().map(Arc::new).collect();
    // As the fleet orders them.
    identities.sort_by_key(|identity| identity.id);
    let manners: Vec<(Manner, Arc<AtomicU32>)> = (0..options.devices)
        .map(|number| (manner(number), Arc::default()))
        .collect();
    let there: Vec<_> = identities
        .iter()
        .zip(&manners)
        .filter(|(_, (manner, _))| *manner != Manner::Away)
        .collect();
    say(&format!("connecting {} devices", there.len()));
    let present: Vec<_> = there
        .iter()
        .map(|(identity, _)| (*identity).clone())
        .collect();
    let heard: Vec<_> = there.iter().map(|(_, manner)| (*manner).clone()).collect();
    let fleet = Fleet::connect_by(CONNECTING, &present, &at.mqtt).await?;
    let obeying = fleet.obey(&heard).await?;

    let mut visitor = Visitor::at(&at.http, Some(&site.session)).await?;
    let wish = json!({
        "filter": "serial:BENCH",
        "name": "print",
        "arguments": { "copies": 3 },
        "valid_for_ms": options.valid_s * 1_000,
        "timeout_ms": TIMEOUT_MS,
        "concurrency": CONCURRENCY,
    });
    let expected = |manner| {
        let such = manners.iter().filter(|(of, _)| *of == manner);
        such.count() as u64
    };
    say("one command to all");
    let began = Instant::now();
    let job = visitor.post("/api/jobs", &wish).await?;
    let all = expected(Manner::Obeys);
    let job = until(&mut visitor, &job, |job| job["counts"]["succeeded"] == all).await?;
    figures.tell("jobs_obeyed_in", began.elapsed().as_secs_f64(), "s")?;
    let job = until(&mut visitor, &job, |job| job["state"] == "finished").await?;
    figures.tell("jobs_finished_in", began.elapsed().as_secs_f64(), "s")?;
    let ends = BTreeMap::from([
        ("succeeded", all),
        ("failed", expected(Manner::Fails)),
        ("expired", expected(Manner::Away)),
        ("timed_out", expected(Manner::Dies)),
    ]);
    for (state, expected) in &ends {
        let such = job["counts"][state].as_u64().context("a count")?;
        figures.tell_beside(
            &format!("jobs_{state}"),
            count(such),
            "devices",
            count(*expected),
        )?;
        ensure!(such == *expected, "{such} devices {state}, not {expected}");
    }

    say("and again to those that failed");
    let before: Vec<u32> = manners
        .iter()
        .map(|(_, told)| told.load(Ordering::Relaxed))
        .collect();
    let path = format!("/api/jobs/{}/retry", job["id"].as_str().context("an id")?);
    let began = Instant::now();
    let again = visitor
        .post(&path, &json!({ "states": ["failed"] }))
        .await?;
    let again = until(&mut visitor, &again, |job| job["state"] == "finished").await?;
    figures.tell("jobs_retried_in", began.elapsed().as_secs_f64(), "s")?;
    ensure!(
        again["counts"]["succeeded"] == ends["failed"],
        "the retry ended with {}",
        again["counts"]
    );
    for ((manner, told), before) in manners.iter().zip(before) {
        let more = u32::from(*manner == Manner::Fails);
        ensure!(
            told.load(Ordering::Relaxed) == before + more,
            "the retry reached a device that {manner:?}"
        );
    }
    drop(obeying);
    madang.stop().await
}

/// The job once this is true of it.
async fn until(visitor: &mut Visitor, job: &Value, is: impl Fn(&Value) -> bool) -> Result<Value> {
    let path = format!("/api/jobs/{}", job["id"].as_str().context("an id")?);
    let mut last = Value::Null;
    let looking = async {
        let mut look = interval(LOOK);
        loop {
            look.tick().await;
            last = serde_json::from_str(&visitor.text(&path).await?)?;
            if is(&last) {
                return anyhow::Ok(());
            }
        }
    };
    match timeout(Duration::from_mins(5), looking).await {
        Ok(looked) => looked.map(|()| last),
        Err(_) => bail!("the job stands at {}", last["counts"]),
    }
}
