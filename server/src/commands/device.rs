//! `madang device`: what is done to one device on the machine itself.

use clap::Subcommand;
use domain::DeviceId;
use serde_json::json;
use service::{Services, devices};

use super::{Behalf, print_json, print_table, told};

/// What to do with a device.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Gives it another UUID, where two devices have the same. Owner and history stay; its certificates are void, and
    /// it enrols again with the claim link that is printed once.
    SetUuid {
        /// Its UUID now.
        device: DeviceId,
        /// The other one; drawn where left out.
        uuid: Option<DeviceId>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        behalf: Behalf,
    },
}

pub(super) async fn run(services: &Services, command: Command) -> anyhow::Result<()> {
    match command {
        Command::SetUuid {
            device,
            uuid,
            json,
            behalf,
        } => {
            let actor = behalf.actor(services).await?;
            let admin = actor.require_admin().map_err(told)?;
            let uuid = uuid.unwrap_or_else(DeviceId::random);
            let made = devices::set_uuid(services, &admin, device, uuid)
                .await
                .map_err(told)?;
            let (code, link) = (made.code.to_string(), made.link.to_string());
            if json {
                return print_json(
                    &json!({ "device_uuid": made.id, "code": code, "claim_url": link }),
                );
            }
            let row = vec![device.to_string(), made.id.to_string(), link];
            print_table(&["BEFORE", "DEVICE", "CLAIM LINK (shown once)"], &[row])
        }
    }
}
