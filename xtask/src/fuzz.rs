//! `cargo xtask fuzz`: searches for bytes that break a parser, with libFuzzer on stable Rust.
//!
//! The compiler's coverage pass is a stable option, and the engine is built from its crate: nothing is
//! installed. What was reached is kept in the target folder and is where the next run begins.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    needs, place,
    step::{self, cargo},
};

/// What to search, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target; all of them where it is left out.
    target: Option<String>,
}

/// Seconds for each target in `cargo xtask test`.
const IN_TEST: u32 = 3;

/// What `-C` needs to count and compare for libFuzzer.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares \
                        --cfg fuzzing";

/// Runs each target for its time; a finding is kept and ends it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let names = targets()?;
    let chosen: Vec<&String> = match &options.target {
        None => names.iter().collect(),
        Some(wanted) => match names.iter().find(|name| *name == wanted) {
            Some(name) => vec![name],
            None => bail!("no target `{wanted}`; there are: {}", names.join(", ")),
        },
    };
    let host = host()?;
    let folder = place::target().join("fuzz");
    let mut build = cargo(&["build", "--package", "fuzz", "--features", "engine"]);
    build.args(["--profile", "fuzz", "--target", &host, "--target-dir"]);
    build.arg(&folder).env("RUSTFLAGS", COVERAGE);
    step::run("fuzz targets", &mut build)?;
    let program = folder.join(&host).join("fuzz/fuzz");
    for name in chosen {
        let reached = folder.join("corpus").join(name);
        let findings = place::root().join("fuzz/findings").join(name);
        fs::create_dir_all(&reached)?;
        fs::create_dir_all(&findings)?;
        let mut search = Command::new(&program);
        search.env("MADANG_FUZZ_TARGET", name);
        search.arg(format!("-max_total_time={}", options.seconds));
        search.arg(format!("-artifact_prefix={}/", findings.display()));
        search.args(["-timeout=5", "-rss_limit_mb=1024", "-max_len=4096"]);
        search.args(["-print_final_stats=1", "-verbosity=0"]);
        search.arg(&reached);
        search.arg(place::root().join("fuzz/corpus").join(name));
        step::run(&format!("{name} for {} s", options.seconds), &mut search).with_context(|| {
            format!(
                "what broke it is the newest file in {}; `cargo test --package fuzz` tries it again",
                findings.display()
            )
        })?;
        // Empty when nothing was found.
        let _ = fs::remove_dir(&findings);
    }
    Ok(())
}

/// Each target for a moment.
pub(crate) fn briefly() -> Result<()> {
    run(&Options {
        seconds: IN_TEST,
        target: None,
    })
}

/// The targets: the folders of seeds, which a test of `fuzz` holds to the code.
fn targets() -> Result<Vec<String>> {
    let folder = place::root().join("fuzz/corpus");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// This machine's target triple: with it named, build scripts and macros are built without counting.
fn host() -> Result<String> {
    if needs::on_path("c++").is_none() {
        bail!("libFuzzer is C++: install a compiler for it (Debian: g++)");
    }
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc names no host")?.to_owned())
}
