//! `cargo xtask test`: everything, in rings from the quick to the slow.

use std::{process::Command, time::Instant};

use anyhow::Result;
use clap::Args;

use crate::{
    build, check, needs, place, postgres,
    step::{self, cargo},
};

/// What to leave out.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Without the browser journeys.
    #[arg(long)]
    no_browser: bool,
}

/// Runs every ring; the first failure ends it and is named.
pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    needs::install()?;
    check::quick()?;
    {
        let server = postgres::Server::start()?;
        let mut tests = cargo(&["test", "--workspace", "--exclude", "frontend"]);
        tests.args([
            "--exclude",
            "xtask",
            "--features",
            "server/split",
            "--no-fail-fast",
        ]);
        tests.env("MADANG_TEST_POSTGRES_URL", server.url());
        step::run("tests", &mut tests)?;
    }
    build::programs(false)?;
    build::interface(false)?;
    if !options.no_browser {
        journeys()?;
    }
    println!(
        "\nEverything passed in {:.0} min.",
        (start.elapsed().as_secs_f32() / 60.0).ceil()
    );
    Ok(())
}

/// The browser journeys, against the programs that were just built.
fn journeys() -> Result<()> {
    let folder = place::root().join("end2end");
    let mut install = Command::new("npm");
    install.args(["ci", "--no-audit", "--no-fund", "--prefix"]);
    install.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    step::run("journeys' packages", install.arg(&folder))?;
    let mut tests = Command::new("npm");
    tests.args(["test", "--prefix"]).arg(&folder);
    tests
        .env("MADANG", place::program("madang", false))
        .env("MADANG_AGENT", place::program("madang-agent", false))
        .env("MADANG_SITE", place::site(false))
        .env("MADANG_ARTIFACTS", place::target().join("end2end"));
    step::run("journeys", &mut tests)
}
