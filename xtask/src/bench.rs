//! `cargo xtask bench`: builds what is measured, optimised, and measures it.

use std::{ffi::OsString, process::Command};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{build, place, step};

/// What to measure, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to measure.
    which: Which,
    /// Prints one JSON object a line: `name`, `value`, `unit`, and where it has one `limit` and `ratio`.
    #[arg(long)]
    json: bool,
    /// Handed to the bench, after `--`: `cargo xtask bench ingest -- --help` lists them.
    #[arg(last = true)]
    rest: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Reports of devices through the whole pipeline.
    Ingest,
    /// The server-rendered device list, and the size of a first visit.
    Pages,
    /// The history of one device over 90 days.
    Chart,
    /// The device list by tags, state and version.
    Finding,
    /// One command to a thousand devices.
    Jobs,
}

/// Builds and measures. With `--json` standard output is the figures alone.
pub(crate) fn run(options: &Options) -> Result<()> {
    step::aside(options.json);
    build::everything(true)?;
    let mut bench = Command::new(place::program("madang-bench", true));
    match options.which {
        Which::Ingest => bench.arg("ingest"),
        Which::Chart => bench.arg("chart"),
        Which::Jobs => bench.arg("jobs"),
        Which::Finding => bench.arg("finding"),
        Which::Pages => bench.arg("pages"),
    };
    if matches!(options.which, Which::Ingest | Which::Finding | Which::Pages) {
        bench.arg("--site-dir").arg(place::site(true));
    }
    if options.json {
        bench.arg("--json");
    }
    let status = bench.args(&options.rest).status()?;
    if !status.success() {
        bail!("the bench failed ({status})");
    }
    Ok(())
}
