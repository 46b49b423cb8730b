//! `cargo xtask`: builds, runs and tests Madang with nothing installed but Rust and a C compiler.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod browser;
mod build;
mod check;
mod contract;
#[cfg(test)]
mod coverage;
mod fuzz;
mod layers;
mod needs;
mod place;
mod policy;
mod postgres;
mod run;
mod step;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, runs and tests Madang.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the server, the agent and the interface.
    Build {
        /// Optimised, with compressed files.
        #[arg(long)]
        release: bool,
        /// Only what browsers load.
        #[arg(long)]
        interface_only: bool,
    },
    /// Builds and starts Madang with a demo site.
    Run(run::Options),
    /// Checks and tests everything, the browser journeys included; installs what that needs.
    Test(test::Options),
    /// Measures an optimised build; what each figure means is in `docs/performance.md`.
    Bench(bench::Options),
    /// The quick part of `test`: formatting, lints, layers.
    Check,
    /// Holds the served interface to its OpenAPI document, also a part of `test`.
    Contract,
    /// Searches for bytes that break a parser; a short run is also a part of `test`.
    Fuzz(fuzz::Options),
    /// What dependencies may be: `deny.toml`, also a part of `test`.
    Policy,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Build {
            release,
            interface_only: true,
        } => build::interface_alone(release),
        Task::Build { release, .. } => build::everything(release),
        Task::Run(options) => run::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Check => check::quick(),
        Task::Contract => contract::check().map(|_| ()),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Policy => policy::check().map(|_| ()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
