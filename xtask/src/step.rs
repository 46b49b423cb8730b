//! Running one step with visible progress.

use std::{
    env,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

static ASIDE: AtomicBool = AtomicBool::new(false);

/// Whether progress goes to standard error, where standard output is for programs to read.
pub(crate) fn aside(aside: bool) {
    ASIDE.store(aside, Ordering::Relaxed);
}

/// Says how far it is.
pub(crate) fn say(text: &str) {
    if ASIDE.load(Ordering::Relaxed) {
        eprintln!("{text}");
    } else {
        println!("{text}");
    }
}

/// Runs `command` in the workspace and says how long `what` took; its output is shown as it comes.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    say(&format!("\n── {what}"));
    let start = Instant::now();
    let status = clean(command)
        .status()
        .with_context(|| format!("{what}: {command:?} could not be started"))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    done(what, start.elapsed());
    Ok(())
}

/// Says how long a step took.
pub(crate) fn done(what: &str, took: Duration) {
    say(&format!("── {what}: {:.1} s", took.as_secs_f32()));
}

/// What every build and test of the host's crates names, so that each dependency is built with one set of
/// features. `frontend` would switch `app` to the browser's side; `xtask` stands in a profile of its own.
pub(crate) const HOST: [&str; 7] = [
    "--workspace",
    "--exclude",
    "frontend",
    "--exclude",
    "xtask",
    "--features",
    "server/split",
];

/// A cargo command in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Without what `cargo run` sets for its own program: build scripts watch some of it, and half of the
/// dependencies would be built again.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    command.current_dir(super::place::root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"];
        if own.iter().any(|prefix| text.starts_with(prefix)) || text == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    command
}
