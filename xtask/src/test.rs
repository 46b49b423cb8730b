//! `cargo xtask test`: everything, in rings from the quick to the slow.

mod counted;

use std::{fs, process::Command, time::Instant};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use crate::{
    build, check,
    contract::{self, Contract},
    fuzz, needs, place,
    policy::{self, Advisories},
    postgres,
    step::{self, cargo},
};

/// What to leave out.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Without the browser journeys.
    #[arg(long)]
    no_browser: bool,
    /// Only the browser journeys, with what they need built; further words go to Playwright:
    /// `--journeys -- presence --project desktop-ko`.
    #[arg(long, conflicts_with = "no_browser")]
    journeys: bool,
    /// For Playwright.
    #[arg(last = true, requires = "journeys")]
    words: Vec<String>,
}

/// Runs every ring; the first failure ends it and is named.
pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    needs::install()?;
    if options.journeys {
        build::ensure_wasm_target()?;
        let passed = journeys(&options.words)?;
        println!("\n{passed} journeys passed.");
        return Ok(());
    }
    check::quick()?;
    let advisories = policy::check()?;
    let mut own = cargo(&["test", "--quiet", "--package", "xtask"]);
    step::run("tests of xtask", own.args(["--profile", "tool"]))?;
    let passed = {
        let server = postgres::Server::start()?;
        counted::run(&server.url())?
    };
    fuzz::briefly()?;
    let contract = contract::check()?;
    let browser = if options.no_browser {
        ", no journeys".to_owned()
    } else {
        format!(", {} journeys", journeys(&[])?)
    };
    println!(
        "\nEverything passed in {:.0} min: {passed} tests{}.",
        (start.elapsed().as_secs_f32() / 60.0).ceil(),
        browser,
    );
    if advisories == Advisories::Skipped {
        println!(
            "Not checked: known vulnerabilities of dependencies (their database was not reached)."
        );
    }
    if contract == Contract::Skipped {
        println!("Not checked: the interface against its document (PyPI was not reached).");
    }
    Ok(())
}

/// Builds what the browser journeys need and takes them; gives how many passed.
fn journeys(words: &[String]) -> Result<u64> {
    build::programs_of_tests()?;
    build::interface(false)?;
    let folder = place::root().join("end2end");
    let mut install = Command::new("npm");
    install.args(["ci", "--no-audit", "--no-fund", "--prefix"]);
    install.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    step::run("journeys' packages", install.arg(&folder))?;
    let mut tests = Command::new("npm");
    tests.args(["test", "--prefix"]).arg(&folder);
    tests.arg("--").args(words);
    tests
        .env("MADANG", place::program("madang", false))
        .env("MADANG_AGENT", place::program("madang-agent", false))
        .env("MADANG_SITE", place::site(false))
        .env("MADANG_ARTIFACTS", place::target().join("end2end"));
    step::run("journeys", &mut tests)?;
    let report = place::target().join("end2end/report.json");
    let report: Value = serde_json::from_slice(&fs::read(&report)?)?;
    match report["stats"]["expected"].as_u64() {
        Some(passed) if passed > 0 => Ok(passed),
        _ => bail!("journeys: none ran"),
    }
}
