//! What is looked at before anything runs: formatting, lints, layers, both languages.

use anyhow::Result;

use crate::{
    build, layers,
    step::{self, cargo},
};

/// Everything that needs no test to run.
pub(crate) fn quick() -> Result<()> {
    build::ensure_wasm_target()?;
    step::run("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    layers::check()?;
    let mut host = cargo(&["clippy", "--all-targets"]);
    host.args(step::HOST).args(["--", "--deny", "warnings"]);
    step::run("lints", &mut host)?;
    let mut own = cargo(&["clippy", "--package", "xtask", "--profile", "tool"]);
    own.args(["--all-targets", "--", "--deny", "warnings"]);
    step::run("lints of xtask", &mut own)?;
    let mut browser = cargo(&["clippy", "--package", "frontend", "--target"]);
    browser.args(["wasm32-unknown-unknown", "--profile", "wasm-dev"]);
    browser.args(["--features", "split", "--", "--deny", "warnings"]);
    step::run("lints for browsers", &mut browser)
}
