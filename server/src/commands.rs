//! The subcommands beside `serve`: what an administrator does on the machine itself.
//!
//! They work on the data folder while the server is stopped, through the same use cases and with the same
//! audit as the interface.

mod authority;
mod certificates;
mod device;
mod preregister;
mod seed;
mod users;
mod variants;

use std::io::Write as _;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use domain::{AppError, Email};
use serde::Serialize;
use service::{Actor, Services, accounts};

use crate::{Config, offline};

/// What to do on a stopped site.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists people, adds one, changes a role.
    #[command(subcommand)]
    Users(users::Command),
    /// Pre-registers devices and prints their claim links, which are shown once.
    Preregister(preregister::Wish),
    /// Shows the site's certificate authority, or takes one of one's own.
    #[command(subcommand)]
    Authority(authority::Command),
    /// Lists the certificates that the site issued, or revokes one.
    #[command(subcommand)]
    Certificates(certificates::Command),
    /// Lists, adds and deletes variants of hardware.
    #[command(subcommand)]
    Variants(variants::Command),
    /// Gives a device another UUID.
    #[command(subcommand)]
    Device(device::Command),
    /// Brings back what is missing of the built-in catalog, also what was deleted, and makes the demo site where that
    /// is asked for.
    Seed(seed::Seed),
    /// Makes devices for the simulator, also faulty ones, and the manifest that it runs.
    Simulate(seed::Simulate),
}

/// On whose behalf.
#[derive(Debug, Args)]
pub struct Behalf {
    /// The prime administrator whom the audit names; the one who is there for longest where left out.
    #[arg(long = "as", value_name = "EMAIL")]
    administrator: Option<Email>,
}

impl Behalf {
    async fn actor(&self, services: &Services) -> anyhow::Result<Actor> {
        accounts::local_admin(services, self.administrator.as_ref())
            .await
            .map_err(|error| match (error, &self.administrator) {
                (AppError::NotFound, Some(email)) => {
                    anyhow!("{email} is no prime administrator of this site")
                }
                (AppError::NotFound, None) => anyhow!(
                    "this site has no administrator yet: make one with `madang users add EMAIL --role \
                     prime_admin`"
                ),
                (error, _) => told(error),
            })
    }
}

/// Runs it on the locked site.
pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    // It may come before there is a site.
    let command = match command {
        Command::Authority(command) => return authority::run(config, command),
        command => command,
    };
    let site = offline::open(config).await?;
    let done = match command {
        Command::Authority(_) => unreachable!("it needs no site"),
        Command::Users(command) => users::run(&site.services, command).await,
        Command::Preregister(wish) => preregister::run(&site.services, wish).await,
        Command::Certificates(command) => certificates::run(&site.services, command).await,
        Command::Variants(command) => variants::run(&site.services, command).await,
        Command::Device(command) => device::run(&site.services, command).await,
        Command::Seed(wish) => seed::seed(&site.services, &config.data_dir, wish).await,
        Command::Simulate(wish) => seed::simulate(&site.services, wish).await,
    };
    site.close().await;
    done
}

/// A refusal in words for somebody at a terminal.
fn told(error: AppError) -> anyhow::Error {
    match error {
        AppError::Conflict { message } => match message.as_str() {
            "serial_known" => anyhow!("the serial number is registered already"),
            "uuid_known" => anyhow!("another device has this UUID"),
            "certificate_revoked" => anyhow!("the certificate is revoked already"),
            "last_prime_admin" => anyhow!("the last prime administrator stays one"),
            other => anyhow!("it contradicts what is there: {other}"),
        },
        AppError::Invalid { field, message } => match message.as_str() {
            "email_taken" => anyhow!("the address has an account already"),
            "password_length" => anyhow!("a password has 10 to 200 characters"),
            "name_characters" => anyhow!(
                "a name shows something, and has no control characters and none that turn its direction"
            ),
            "uuid_nil" => anyhow!("a UUID of zeros is no device's"),
            _ => anyhow!("{field} was refused: {message}"),
        },
        AppError::NotFound => anyhow!("there is no such thing"),
        AppError::Gone => anyhow!("it is revoked"),
        other => anyhow!(other),
    }
}

/// One JSON text on standard output.
fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(std::io::stdout().lock(), "{text}").context("standard output")
}

/// Columns on standard output, as wide as their widest cell.
fn print_table(heads: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let widest = cells.map(|cell| cell.chars().count()).max();
        widest.unwrap_or(0).max(heads[at].len())
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    let mut out = std::io::stdout().lock();
    for row in std::iter::once(&heads).chain(rows) {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end()).context("standard output")?;
    }
    Ok(())
}
