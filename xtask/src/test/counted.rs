//! The tests of the host's crates, shown as they run and counted.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Instant,
};

use anyhow::{Context as _, bail};

use crate::step::{self, cargo};

/// Runs them with this `PostgreSQL` server; gives how many passed.
pub(super) fn run(postgres_url: &str) -> anyhow::Result<u64> {
    println!("\n── tests");
    let start = Instant::now();
    let mut command = cargo(&["test", "--no-fail-fast"]);
    step::clean(&mut command)
        .args(step::HOST)
        .env("MADANG_TEST_POSTGRES_URL", postgres_url)
        .stdout(Stdio::piped());
    let mut running = command.spawn().context("cargo did not start")?;
    let out = running.stdout.take().context("cargo's output")?;
    let mut passed = 0;
    for line in BufReader::new(out).lines() {
        let line = line?;
        passed += count(&line).unwrap_or(0);
        // One line for each passing test would hide the ones that fail.
        if !(line.is_empty() || line.ends_with("... ok") || line.starts_with("running ")) {
            println!("{line}");
        }
    }
    let status = running.wait()?;
    if !status.success() {
        bail!("tests failed ({status}) {passed} passed");
    }
    if passed == 0 {
        bail!("cargo test ran nothing");
    }
    step::done("tests", start.elapsed());
    Ok(passed)
}

fn count(line: &str) -> Option<u64> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    counts.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn reads_the_result_line() {
        let line = "test result: ok. 17 passed; 0 failed; 1 ignored; 0 measured";
        assert_eq!(count(line), Some(17));
        assert_eq!(count("test result: FAILED. 3 passed; 1 failed"), Some(3));
        assert_eq!(count("test a ... ok"), None);
    }
}
