//! `madang seed` and `madang simulate`: what a site begins with, and devices that are none.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use domain::{AppError, device::DeviceKind};
use serde_json::json;
use service::{
    Services, accounts, catalog,
    devices::{self, NewDevice},
};

use super::{Behalf, told};
use crate::demo;

/// Most devices of one simulation.
const MOST: usize = 10_000;
/// How the simulator can have a device behave; `madang-agent simulate` knows what each means.
const BEHAVIOURS: [&str; 12] = [
    "well",
    "silent",
    "absent",
    "stuck",
    "clone",
    "board_swap",
    "card_swap",
    "collision",
    "flapping",
    "burst",
    "garbage",
    "clock_skew",
];

/// What to begin with.
#[derive(Debug, Args)]
pub struct Seed {
    /// Makes the demo site too, and writes what its simulator needs into this file.
    #[arg(long, value_name = "MANIFEST")]
    demo: Option<PathBuf>,
    #[command(flatten)]
    behalf: Behalf,
}

/// Which devices to simulate.
#[derive(Debug, Args)]
pub struct Simulate {
    /// How many devices.
    count: usize,
    /// How some of them behave, such as `clone=2`; may be said again. The others behave well.
    #[arg(long = "fault", value_name = "BEHAVIOUR=COUNT")]
    faults: Vec<Fault>,
    /// The file for `madang-agent simulate --manifest`; it holds codes and is readable by this user alone.
    #[arg(long)]
    manifest: PathBuf,
    #[command(flatten)]
    behalf: Behalf,
}

/// So many devices that behave so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    behaviour: &'static str,
    count: usize,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, count) = text.split_once('=').unwrap_or((text, "1"));
        let behaviour = BEHAVIOURS.into_iter().find(|known| *known == name);
        Ok(Self {
            behaviour: behaviour
                .ok_or_else(|| format!("a behaviour is one of {}", BEHAVIOURS.join(", ")))?,
            count: count
                .parse()
                .map_err(|_| format!("{count} is no number of devices"))?,
        })
    }
}

pub(super) async fn seed(services: &Services, data_dir: &Path, wish: Seed) -> anyhow::Result<()> {
    catalog::seed(services).await.map_err(told)?;
    let restored = restore(services, &wish.behalf).await?;
    writeln!(
        std::io::stdout(),
        "the catalog has what is built in; it was without {} types, {} models, {} variants and {} pin rules of it",
        restored.types,
        restored.versions,
        restored.variants,
        restored.rules
    )
    .context("standard output")?;
    if let Some(manifest) = wish.demo {
        let sign_in = demo::seed(services, data_dir, &manifest).await?;
        let (email, password) = (sign_in.email, sign_in.password);
        writeln!(std::io::stdout(), "sign in as {email} / {password}")
            .context("standard output")?;
    }
    Ok(())
}

async fn restore(services: &Services, behalf: &Behalf) -> anyhow::Result<catalog::Restored> {
    // Before there is an administrator nobody has deleted anything.
    if behalf.administrator.is_none()
        && let Err(AppError::NotFound) = accounts::local_admin(services, None).await
    {
        return Ok(catalog::Restored::default());
    }
    let actor = behalf.actor(services).await?;
    let admin = actor.require_admin().map_err(told)?;
    catalog::restore(services, &admin).await.map_err(told)
}

/// Makes the devices, claims them, and writes the manifest. Where one is refused the manifest holds those that were
/// made.
pub(super) async fn simulate(services: &Services, wish: Simulate) -> anyhow::Result<()> {
    let faulty: usize = wish.faults.iter().map(|fault| fault.count).sum();
    if faulty > wish.count {
        bail!("{faulty} devices with faults are more than {}", wish.count);
    }
    if wish.count > MOST {
        bail!("at most {MOST} devices are simulated at a time");
    }
    // Codes are told once: devices whose manifest cannot be written would be lost.
    demo::writable(&wish.manifest)?;
    catalog::seed(services).await.map_err(told)?;
    let mut behaviours: Vec<&str> = wish
        .faults
        .iter()
        .flat_map(|fault| std::iter::repeat_n(fault.behaviour, fault.count))
        .collect();
    behaviours.resize(wish.count, "well");
    let mut made = Vec::with_capacity(wish.count);
    let done = make(services, &wish.behalf, &behaviours, &mut made).await;
    let manifest = json!({
        "site": services.site.public_url,
        "state": "simulated",
        "devices": made,
    });
    demo::write(&wish.manifest, &manifest)?;
    done?;
    let path = wish.manifest.display();
    writeln!(
        std::io::stdout(),
        "{} devices: start the site, then madang-agent simulate --manifest {path}",
        made.len()
    )
    .context("standard output")
}

async fn make(
    services: &Services,
    behalf: &Behalf,
    behaviours: &[&str],
    made: &mut Vec<serde_json::Value>,
) -> anyhow::Result<()> {
    let actor = behalf.actor(services).await?;
    let admin = actor.require_admin().map_err(told)?;
    let mut number = 0_u32;
    for behaviour in behaviours {
        let (serial, link, code) = loop {
            number += 1;
            let serial = format!("SIM-{number:05}");
            match devices::preregister(services, &admin, board(&serial)).await {
                Ok(made) => break (serial, made.link.to_string(), made.code.to_string()),
                // An earlier simulation has it.
                Err(AppError::Conflict { message }) if message == "serial_known" => {}
                Err(error) => return Err(told(error).context(serial)),
            }
        };
        devices::claim(services, &actor, &serial, &code)
            .await
            .map_err(|error| anyhow!("{serial}: {error}"))?;
        made.push(json!({
            "link": link,
            "model": "Raspberry Pi 5",
            "os": "Raspberry Pi OS 13",
            "behaviour": behaviour,
        }));
    }
    Ok(())
}

fn board(serial: &str) -> NewDevice {
    let components = ["cpu", "dht22", "led", "pump"];
    NewDevice {
        cpu_serial: serial.to_owned(),
        uuid: None,
        kind: DeviceKind::Board,
        hardware_version: "5".to_owned(),
        hardware_variant: "Standard".to_owned(),
        name: None,
        components: components
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect(),
    }
}
