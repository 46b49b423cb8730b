//! A watched subject as it stands.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId,
    live::{Snapshot, Subject},
};
use service::{Actor, Services, commands, devices, jobs};

/// Commands of a device that its page shows.
const COMMANDS: u32 = 20;

/// The subject as it stands, and the revision of each device in it.
pub(super) async fn read(
    services: &Services,
    actor: &Actor,
    subject: &Subject,
) -> Result<(Snapshot, HashMap<DeviceId, u64>), AppError> {
    match subject {
        Subject::Overview => {
            let counts = devices::counts(services, actor).await?;
            Ok((Snapshot::Overview { counts }, HashMap::new()))
        }
        Subject::Job { job } => {
            let job = jobs::get(services, actor, *job).await?;
            Ok((Snapshot::Job { job: Box::new(job) }, HashMap::new()))
        }
        Subject::Jobs => Ok((Snapshot::Jobs, HashMap::new())),
        // Kept by the connection itself.
        Subject::Traffic { .. } => Ok((Snapshot::Traffic, HashMap::new())),
        Subject::Import { import } => {
            let admin = actor.require_admin()?;
            let import = devices::imports::read(services, &admin, *import).await?;
            let import = Box::new(import);
            Ok((Snapshot::Import { import }, HashMap::new()))
        }
        Subject::Devices { ids } => {
            let devices = devices::now(services, actor, ids).await?;
            let known = devices.iter().map(|now| (now.id, now.revision)).collect();
            Ok((Snapshot::Devices { devices }, known))
        }
        Subject::Device { device: id } => {
            let viewer = actor.require_viewer(services, *id).await?;
            let now = devices::now(services, actor, &[*id]).await?.pop();
            let now = now.ok_or(AppError::NotFound)?;
            let detail = devices::detail(services, &viewer).await?;
            let commands = commands::list(services, &viewer, None, COMMANDS).await?;
            let known = HashMap::from([(*id, now.revision)]);
            let snapshot = Snapshot::Device {
                revision: now.revision,
                presence: now.presence,
                state: detail.state,
                state_at: detail.state_at,
                commands,
            };
            Ok((snapshot, known))
        }
    }
}
