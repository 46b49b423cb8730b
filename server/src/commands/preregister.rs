//! `madang preregister`: devices for which labels are printed elsewhere.

use clap::Args;
use domain::{ComponentType, DeviceId, device::DeviceKind};
use serde::Serialize;
use service::{
    Services,
    devices::{self, NewDevice},
};

use super::{Behalf, print_json, print_table, told};

/// What to pre-register.
#[derive(Debug, Args)]
pub struct Wish {
    /// Serial numbers of processors.
    #[arg(required = true)]
    serials: Vec<String>,
    /// `board` or `computer`.
    #[arg(long, value_parser = read_kind, default_value = "board")]
    kind: DeviceKind,
    /// `4B`, `5`, …; `5` for a board and `pc` for a computer where left out.
    #[arg(long)]
    hardware_version: Option<String>,
    /// `Standard`, `Pro`, …
    #[arg(long, default_value = "Standard")]
    hardware_variant: String,
    /// A component to attach, such as `led`; may be said again. The usual ones where left out.
    #[arg(long = "component")]
    components: Vec<ComponentType>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    behalf: Behalf,
}

fn read_kind(name: &str) -> Result<DeviceKind, String> {
    DeviceKind::parse(name).ok_or_else(|| "the kinds are board and computer".to_owned())
}

#[derive(Serialize)]
struct Made {
    cpu_serial: String,
    device_uuid: DeviceId,
    code: String,
    claim_url: String,
}

/// Goes on to the first that is refused; what was made is printed in any case, for it is shown once.
pub(super) async fn run(services: &Services, wish: Wish) -> anyhow::Result<()> {
    let actor = wish.behalf.actor(services).await?;
    let admin = actor.require_admin().map_err(told)?;
    let version = wish.hardware_version.unwrap_or_else(|| {
        let usual = match wish.kind {
            DeviceKind::Computer => "pc",
            DeviceKind::Board => "5",
        };
        usual.to_owned()
    });
    let mut all = Vec::new();
    let mut refused = None;
    for cpu_serial in wish.serials {
        let device = NewDevice {
            cpu_serial: cpu_serial.clone(),
            uuid: None,
            kind: wish.kind,
            hardware_version: version.clone(),
            hardware_variant: wish.hardware_variant.clone(),
            name: None,
            components: wish.components.clone(),
        };
        match devices::preregister(services, &admin, device).await {
            Ok(made) => all.push(Made {
                cpu_serial,
                device_uuid: made.id,
                code: made.code.to_string(),
                claim_url: made.link.to_string(),
            }),
            Err(error) => {
                refused = Some(told(error).context(cpu_serial));
                break;
            }
        }
    }
    if wish.json {
        print_json(&all)?;
    } else {
        let rows: Vec<_> = all
            .into_iter()
            .map(|made| {
                vec![
                    made.cpu_serial,
                    made.device_uuid.to_string(),
                    made.claim_url,
                ]
            })
            .collect();
        print_table(&["SERIAL", "DEVICE", "CLAIM LINK (shown once)"], &rows)?;
    }
    refused.map_or(Ok(()), Err)
}
