//! `madang-bench`: measures Madang from outside, as devices and browsers use it.
//!
//! The measured program is a process of its own, on data made through the use cases. Every figure that
//! has a limit is told beside that limit, measured in the same run. Bounded in count and time; all
//! traffic stays on loopback.

#![allow(
    clippy::cast_precision_loss,
    reason = "figures are rounded to three digits"
)]

mod chart;
mod figures;
mod finding;
mod fleet;
mod ingest;
mod jobs;
mod limit;
mod live;
mod pages;
mod program;
mod site;
mod visitor;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::figures::Figures;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(
    name = "madang-bench",
    about = "Measures Madang; `cargo xtask bench` builds and runs it"
)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
    /// Prints one JSON object a line: `name`, `value`, `unit`, and where it has one `limit` and `ratio`.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Reports over MQTT and TLS through the whole pipeline into the database.
    Ingest(ingest::Options),
    /// The server-rendered device list, and the size of a first visit.
    Pages(pages::Options),
    /// The history of one device over 90 days, as its charts ask for it.
    Chart(chart::Options),
    /// The device list found by tags, state and version, and sorted.
    Finding(finding::Options),
    /// One command to many devices, some of which fail, are away, or die over it.
    Jobs(jobs::Options),
    /// The broker without ingest; `ingest` starts it.
    #[command(hide = true)]
    BareBroker {
        /// The data folder with the certificates.
        data: PathBuf,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "madang-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let cli = Cli::parse();
    rlimit::increase_nofile_limit(u64::MAX)?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let figures = Figures { json: cli.json };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            match cli.bench {
                Bench::Ingest(options) => ingest::run(&options, figures).await,
                Bench::Pages(options) => pages::run(&options, figures).await,
                Bench::Chart(options) => chart::run(&options, figures).await,
                Bench::Finding(options) => finding::run(&options, figures).await,
                Bench::Jobs(options) => jobs::run(&options, figures).await,
                Bench::BareBroker { data } => limit::serve(&data).await,
            }
        })
}
