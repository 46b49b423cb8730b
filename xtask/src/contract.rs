//! `cargo xtask contract`: the served OpenAPI document against the served interface, by schemathesis.
//!
//! schemathesis comes from PyPI, every version pinned, into the target folder. Where PyPI cannot be reached
//! the step is skipped and said to be; a finding fails it.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Result, bail};

use crate::{
    place,
    step::{self, cargo},
};

/// What is installed: also what tells an old folder from a current one.
const PINNED: &str = include_str!("../python/contract.txt");

/// Whether the interface was held to its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    /// It keeps it.
    Checked,
    /// PyPI could not be reached.
    Skipped,
}

/// Runs it as an administrator and as a member.
pub(crate) fn check() -> Result<Contract> {
    let Some(program) = installed()? else {
        return Ok(Contract::Skipped);
    };
    let mut test = cargo(&["test", "--test", "contract"]);
    test.args(step::HOST).args(["--", "--ignored"]);
    test.env("MADANG_SCHEMATHESIS", program);
    step::run("the interface against its OpenAPI document", &mut test)?;
    Ok(Contract::Checked)
}

/// schemathesis in the target folder; `None` where it cannot be fetched.
fn installed() -> Result<Option<PathBuf>> {
    let folder = place::target().join("tools/schemathesis");
    let program = folder.join("bin/schemathesis");
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|pinned| pinned == PINNED) {
        return Ok(Some(program));
    }
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(&folder);
    step::run("a place for schemathesis", &mut environment)?;
    let pip = |words: &[&str]| {
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
        pip.args(words).current_dir(place::root());
        pip
    };
    let wanted = "xtask/python/contract.txt";
    let install = ["install", "--quiet", "--no-deps", "--only-binary", ":all:"];
    let output = pip(&install).args(["--requirement", wanted]).output()?;
    if output.status.success() {
        fs::write(complete, PINNED)?;
        return Ok(Some(program));
    }
    let why = String::from_utf8_lossy(&output.stderr);
    if !is_unreachable(&why) {
        bail!("schemathesis was not installed:\n{why}");
    }
    let last = why.lines().rfind(|line| !line.trim().is_empty());
    step::say(&format!(
        "\n── the interface against its OpenAPI document: SKIPPED, PyPI cannot be reached\n   {}",
        last.unwrap_or("no reason given").trim()
    ));
    Ok(None)
}

/// Whether pip failed for want of a network; a version that is gone from PyPI is a failure.
fn is_unreachable(why: &str) -> bool {
    [
        "NewConnectionError",
        "ConnectTimeoutError",
        "NameResolutionError",
        "ProxyError",
    ]
    .iter()
    .any(|cause| why.contains(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_network_that_is_not_there_is_a_reason_to_skip() {
        let closed = "WARNING: Retrying after connection broken by 'NewConnectionError('<pip…>: Failed to \
                      establish a new connection')'\nERROR: No matching distribution found";
        assert!(is_unreachable(closed));
        assert!(!is_unreachable(
            "ERROR: No matching distribution found for schemathesis==99"
        ));
    }

    #[test]
    fn every_version_is_pinned() {
        assert!(PINNED.lines().all(|line| line.contains("==")), "{PINNED}");
        assert!(PINNED.contains("schemathesis=="));
    }
}
