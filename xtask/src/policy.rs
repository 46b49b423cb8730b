//! What Madang may be built of: `deny.toml`, held to by cargo-deny.
//!
//! Licences, bans and sources are always checked. Known vulnerabilities need the RustSec database, which is
//! on GitHub: where that cannot be reached the check is skipped and said to be.

use std::{path::PathBuf, process::Command};

use anyhow::{Result, bail};

use crate::{
    place,
    step::{self, cargo},
};

/// Pinned: another version may judge otherwise.
const VERSION: &str = "0.20.2";

/// Whether the advisories were among what was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advisories {
    /// Nothing that is built is known to be vulnerable, yanked, or (our own choices) unmaintained.
    Checked,
    /// Their database could not be reached.
    Skipped,
}

/// Checks everything that can be checked here.
pub(crate) fn check() -> Result<Advisories> {
    let program = installed()?;
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--locked", "--workspace"]).args(arguments);
        command
    };
    let mut lasting = deny(&["check", "--hide-inclusion-graph"]);
    lasting.args(["licenses", "bans", "sources"]);
    step::run("licences, bans and sources of dependencies", &mut lasting)?;
    let mut fetch = deny(&["fetch", "db"]);
    fetch.current_dir(place::root());
    // A closed network answers at once or never; git must neither wait for it nor ask for a password.
    fetch.env("GIT_TERMINAL_PROMPT", "0");
    fetch.env("GIT_HTTP_LOW_SPEED_LIMIT", "1");
    fetch.env("GIT_HTTP_LOW_SPEED_TIME", "20");
    let fetched = fetch.output()?;
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr);
        let why = why.lines().rfind(|line| !line.trim().is_empty());
        step::say(&format!(
            "\n── advisories: SKIPPED, the RustSec database cannot be reached\n   {}",
            why.unwrap_or("no reason given").trim()
        ));
        return Ok(Advisories::Skipped);
    }
    let mut advisories = deny(&["check", "--hide-inclusion-graph"]);
    advisories.arg("advisories");
    step::run("advisories of dependencies", &mut advisories)?;
    Ok(Advisories::Checked)
}

/// cargo-deny in the target folder, built there once (about a minute).
fn installed() -> Result<PathBuf> {
    let root = place::target().join("tools");
    let program = root
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if version_of(&program).is_some_and(|version| version == VERSION) {
        return Ok(program);
    }
    let mut install = cargo(&["install", "cargo-deny", "--locked", "--version", VERSION]);
    install.args(["--profile", "dev", "--config", "profile.dev.debug=false"]);
    install.arg("--root").arg(&root);
    let built = root.join("build");
    install.arg("--target-dir").arg(&built);
    step::run(&format!("cargo-deny {VERSION}"), &mut install)?;
    // Its objects are of no more use.
    let _ = std::fs::remove_dir_all(&built);
    match version_of(&program) {
        Some(_) => Ok(program),
        None => bail!("{} was installed and does not run", program.display()),
    }
}

fn version_of(program: &PathBuf) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().strip_prefix("cargo-deny ")?.to_owned())
}
