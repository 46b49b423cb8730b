//! `madang certificates`: who may connect to the broker.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use domain::DeviceId;
use service::{
    Services,
    certificates::{self, Holder, Issued},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Behalf, print_json, print_table, told};

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists those that are admitted.
    List {
        /// Also those that are revoked or have ended.
        #[arg(long)]
        all: bool,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        behalf: Behalf,
    },
    /// Issues a device another one for a signing request: its key stays where it was made. It is printed as PEM.
    Issue {
        /// The device.
        device: DeviceId,
        /// The signing request, PEM; `-` is standard input.
        #[arg(long)]
        csr: PathBuf,
        #[command(flatten)]
        behalf: Behalf,
    },
    /// Refuses one for good; its holder needs another to connect again.
    Revoke {
        /// The serial number, as `list` shows it.
        serial: String,
        #[command(flatten)]
        behalf: Behalf,
    },
}

pub(super) async fn run(services: &Services, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { all, json, behalf } => {
            let admin = behalf
                .actor(services)
                .await?
                .require_admin()
                .map_err(told)?;
            let issued = certificates::list(services, &admin, all)
                .await
                .map_err(told)?;
            if json {
                return print_json(&issued);
            }
            let rows: Vec<_> = issued.iter().map(row).collect();
            print_table(&["SERIAL", "HOLDER", "EXPIRES", "REVOKED"], &rows)
        }
        Command::Issue {
            device,
            csr,
            behalf,
        } => {
            let actor = behalf.actor(services).await?;
            let admin = actor.require_admin().map_err(told)?;
            let request = match csr.as_os_str() == "-" {
                true => std::io::read_to_string(std::io::stdin()).context("standard input")?,
                false => {
                    std::fs::read_to_string(&csr).with_context(|| csr.display().to_string())?
                }
            };
            let pem = certificates::issue(services, &admin, device, &request)
                .await
                .map_err(told)?;
            write!(std::io::stdout(), "{pem}").context("standard output")
        }
        Command::Revoke { serial, behalf } => {
            let admin = behalf
                .actor(services)
                .await?
                .require_admin()
                .map_err(told)?;
            let revoked = certificates::revoke(services, &admin, &serial)
                .await
                .map_err(told)?;
            let holder = holder(&revoked);
            writeln!(std::io::stdout(), "{serial} of {holder} is revoked")
                .context("standard output")
        }
    }
}

fn holder(issued: &Issued) -> String {
    match issued.holder {
        Holder::Device(device) => format!("device {device}"),
        Holder::App(user) => {
            let label = issued.label.as_deref().unwrap_or("app");
            format!("{label} of {user}")
        }
        Holder::Nobody => "nobody".to_owned(),
    }
}

fn row(issued: &Issued) -> Vec<String> {
    let day = |ms: i64| {
        let at = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok();
        at.and_then(|at| at.format(&Rfc3339).ok())
            .unwrap_or_default()
    };
    vec![
        issued.serial.clone(),
        holder(issued),
        day(issued.expires_at.0),
        issued.revoked_at.map(|at| day(at.0)).unwrap_or_default(),
    ]
}
