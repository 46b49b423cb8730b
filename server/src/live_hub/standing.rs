//! Whether a subject may be watched, and what of it is known.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId,
    live::{DeviceSnapshot, Subject},
};
use service::{Actor, Services, commands::Commander, devices, jobs};

/// The devices of a subject as they stand, as far as the actor may see them; `None` where it is not one of devices. An
/// error where they may not watch it.
pub(super) async fn snapshots(
    services: &Services,
    actor: &Actor,
    subject: &Subject,
) -> Result<Option<Vec<DeviceSnapshot>>, AppError> {
    match subject {
        Subject::Devices { ids } => devices::snapshots(services, actor, ids).await.map(Some),
        Subject::Device { device } => {
            let found = devices::snapshots(services, actor, &[*device]).await?;
            match found.is_empty() {
                true => Err(AppError::NotFound),
                false => Ok(Some(found)),
            }
        }
        _ => Ok(None),
    }
}

/// The revision of each device of a subject that the actor may see; an error where they may not watch it.
pub(super) async fn read(
    services: &Services,
    actor: &Actor,
    subject: &Subject,
) -> Result<HashMap<DeviceId, u64>, AppError> {
    match subject {
        Subject::Overview | Subject::Jobs => Ok(HashMap::new()),
        Subject::Job { job } => {
            jobs::get(services, actor, *job).await?;
            Ok(HashMap::new())
        }
        Subject::Import { import } => {
            let admin = actor.require_admin()?;
            devices::imports::read(services, &admin, *import).await?;
            Ok(HashMap::new())
        }
        Subject::Traffic { device } => {
            Commander::prove(services, actor, *device).await?;
            Ok(HashMap::new())
        }
        Subject::Devices { ids } => devices::revisions(services, actor, ids).await,
        Subject::Device { device } => {
            let known = devices::revisions(services, actor, &[*device]).await?;
            match known.is_empty() {
                true => Err(AppError::NotFound),
                false => Ok(known),
            }
        }
    }
}
