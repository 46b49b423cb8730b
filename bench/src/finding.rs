//! `madang-bench finding`: the device list, found by tags, state and version and sorted.

use std::{path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use domain::{DeviceId, filter::Filter, tag::Tag};
use protocol::{
    ComponentKey, Scalar, Sequence,
    identity::{Identity as Shown, Versions},
};
use serde_json::Value;
use service::{
    Actor, Services,
    devices::{self, directory::Directory, tags},
    telemetry::{Committed, Committer, Incoming, ReportPart},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    figures::{Figures, micros, say},
    program::{Addresses, Program},
    site::{Plan, Site},
    visitor::Visitor,
};

/// What is asked for: a name for the figures, a filter, and the order.
const QUESTIONS: [(&str, &str, &str); 5] = [
    ("tag", "tag:greenhouse", "name"),
    ("state", "state.cpu_average>80", "name"),
    ("version", "version<2.4", "version"),
    (
        "together",
        "tag:lab state.cpu_average>60 version>=2.3 presence:offline",
        "name",
    ),
    (
        "without",
        "-tag:spare (온실 OR state.cpu_average<10)",
        "version",
    ),
];
/// What 95 of 100 answers may take at most.
const LIMIT_MS: f64 = 50.0;

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder with the interface's files.
    #[arg(long)]
    site_dir: PathBuf,
    /// Size of the list.
    #[arg(long, default_value_t = 10_000)]
    devices: usize,
    /// Connections that ask at the same time.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Answers of each question to each connection.
    #[arg(long, default_value_t = 50)]
    times: usize,
}

/// Runs every measurement.
pub(crate) async fn run(options: &Options, figures: Figures) -> Result<()> {
    let plan = Plan {
        others: options.devices,
        ..Plan::default()
    };
    let site = Site::prepared(plan, fill).await?;
    let (madang, at) =
        Program::madang(&site.data(), Some(&options.site_dir), &Addresses::default()).await?;
    let mut visitor = Visitor::at(&at.http, Some(&site.session)).await?;
    for (name, filter, sort) in QUESTIONS {
        let filter = encoded(filter);
        let rest = format!("/api/devices?search={filter}&sort={sort}&page_size=50");
        let found: Value = serde_json::from_str(&visitor.text(&rest).await?)?;
        let total = found["total"].as_u64().context("no total")?;
        ensure!(
            (50..options.devices as u64).contains(&total),
            "{name} finds {total} of {}",
            options.devices
        );
        say(&format!("{name}: {total} of {} devices", options.devices));
        let page = format!("/devices?q={filter}&sort={sort}");
        for (kind, path) in [("rest", rest), ("page", page)] {
            let mut waits = ask(options, &at.http, &site.session, &path).await?;
            figures.tell_waits_below(&format!("finding_{name}_{kind}"), &mut waits, LIMIT_MS)?;
        }
    }
    madang.stop().await
}

async fn ask(options: &Options, http: &str, session: &str, path: &str) -> Result<Vec<u32>> {
    let mut asking = JoinSet::new();
    for _ in 0..options.connections {
        let mut visitor = Visitor::at(http, Some(session)).await?;
        let (path, times) = (path.to_owned(), options.times);
        asking.spawn(async move {
            let mut waits = Vec::with_capacity(times);
            for _ in 0..times {
                let began = Instant::now();
                visitor.text(&path).await?;
                waits.push(micros(began.elapsed()));
            }
            anyhow::Ok(waits)
        });
    }
    let mut waits = Vec::new();
    while let Some(asked) = asking.join_next().await {
        waits.extend(asked??);
    }
    Ok(waits)
}

/// Gives every device a version and a state, and most of them tags.
async fn fill(services: &Services, actor: &Actor, devices: &[DeviceId]) -> Result<()> {
    say("giving them versions, states and tags");
    let directory = Directory::default();
    let stop = CancellationToken::new();
    let (committer, committing) = Committer::start(services.clone(), stop.clone())?;
    let key: ComponentKey = "cpu".parse()?;
    for (number, device) in devices.iter().enumerate() {
        let shown = Shown {
            device_uuid: *device,
            cpu_serial: format!("BENCH-{number:06}"),
            macs: Vec::new(),
            storage_id: None,
            versions: Versions {
                agent: Some(format!("2.{}.{}", number / 7 % 6, number % 11)),
                ..Versions::default()
            },
            network: None,
        };
        devices::identified(services, *device, &shown).await?;
        let known = directory.get(services, *device).await?;
        let known = known.context("the device")?;
        let component = known.components.get(&key).context("its processor")?;
        let at = services.now();
        let load = u32::try_from(number * 37 % 1_000)?;
        let part = ReportPart {
            component_id: component.id,
            key: key.clone(),
            at,
            late: false,
            status: None,
            values: vec![("average".parse()?, Scalar::Number(f64::from(load) / 10.0))],
        };
        let committed = committer
            .submit(Incoming {
                device: known.device,
                ownership: known.ownership,
                sequence: Sequence(1),
                sent_at: None,
                received_at: at,
                report_interval_ms: known.report_interval_ms,
                reports: vec![part],
                state: domain::device::StateMap::new(),
            })
            .await?;
        ensure!(committed == Committed::Stored, "not stored: {committed:?}");
    }
    stop.cancel();
    committing.await.context("the committer")?;
    for (words, tag) in [
        ("온실", "greenhouse"),
        ("실습실 OR Lab", "lab"),
        ("창고", "spare"),
    ] {
        let filter: Filter = words.parse()?;
        let tag: Tag = tag.parse()?;
        let done = tags::tag_matching(services, actor, &filter, &[tag], &[]).await?;
        ensure!(done.changed > 0, "{words} finds nothing");
    }
    Ok(())
}

/// A query's value in an address.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
