//! Who may send a command: the device's owner, an administrator, or a developer who debugs.

use domain::{AppError, DeviceId};
use sea_orm::ConnectionTrait;

use crate::{
    Actor, OwnerOf, Services,
    accounts::actor::{DeviceRef, Standing},
};

/// A proof that somebody may command one device.
pub trait MayCommand: sealed::Proof + Sync {
    /// Who it is.
    fn actor(&self) -> &Actor;
    /// Which device.
    fn device(&self) -> DeviceRef;
}

/// Looks again whether they may command the device, in a transaction that has locked its row: what was taken away while
/// they waited for it is theirs no more. Refuses as [`Commander::prove`] does.
pub(crate) async fn confirm<C: ConnectionTrait>(
    sender: &impl MayCommand,
    connection: &C,
) -> Result<(), AppError> {
    let now = Standing::of(connection, sender.actor(), sender.device()).await?;
    now.allows(now.is_owner() || now.site.sees_all_devices())
}

mod sealed {
    /// Only the proofs of this crate speak for a permission.
    pub trait Proof {}
    impl Proof for crate::OwnerOf {}
    impl Proof for super::Commander {}
}

impl MayCommand for OwnerOf {
    fn actor(&self) -> &Actor {
        OwnerOf::actor(self)
    }

    fn device(&self) -> DeviceRef {
        OwnerOf::device(self)
    }
}

/// Proof: may command this device, if only to debug it.
#[derive(Debug, Clone)]
pub struct Commander {
    actor: Actor,
    device: DeviceRef,
}

impl Commander {
    /// The proof for an owner, an administrator or a developer; a viewer is forbidden it, and to
    /// others the device does not exist.
    pub async fn prove(
        services: &Services,
        actor: &Actor,
        device: DeviceId,
    ) -> Result<Self, AppError> {
        let device = match actor.require_owner(services, device).await {
            Ok(owner) => OwnerOf::device(&owner),
            Err(AppError::Forbidden) => {
                actor.require_debugger()?;
                actor.require_viewer(services, device).await?.device()
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            actor: actor.clone(),
            device,
        })
    }
}

impl MayCommand for Commander {
    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn device(&self) -> DeviceRef {
        self.device
    }
}
