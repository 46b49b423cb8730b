//! The one way in which a command moves.
//!
//! Invariant: who moves a command has its device's row locked, and reads the command after that. So nobody
//! moves what somebody else has moved on meanwhile, on either engine; the end of an ownership ([`ended`]) ends
//! all of them under the same lock. The order of locks is the same for everybody: a job, then devices by their
//! ids, then their commands.
//!
//! [`ended`]: super::ended

use std::collections::HashMap;

use domain::{
    AppError, CommandId, DeviceId,
    command::{Command, CommandState},
};
use entity::{command, device};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::{retry, row};
use crate::{Services, downlink, internal, twin};

/// The commands of one device, which nobody else moves until the transaction ends.
#[derive(Debug)]
pub(crate) struct Held<'t> {
    transaction: &'t DatabaseTransaction,
    /// The device as it stands.
    pub(crate) device: device::Model,
}

/// What moved in a transaction, to be told after its commit.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Moved {
    /// Commands that moved, and further tries.
    pub(crate) commands: Vec<Command>,
    /// Devices of which something else is desired now.
    pub(crate) wishes: Vec<DeviceId>,
}

/// Holds the commands of one device.
pub(crate) async fn hold(
    transaction: &DatabaseTransaction,
    device: DeviceId,
) -> Result<Held<'_>, AppError> {
    let device = downlink::lock_device(transaction, device).await?;
    Ok(Held {
        transaction,
        device,
    })
}

/// Holds the commands of these devices, by their internal ids; those that are gone are left out.
pub(crate) async fn hold_all(
    transaction: &DatabaseTransaction,
    devices: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Held<'_>>, AppError> {
    let devices = device::Entity::find()
        .filter(device::Column::Id.is_in(devices))
        .order_by_asc(device::Column::Id)
        .lock_exclusive()
        .all(transaction)
        .await
        .map_err(internal)?;
    Ok(devices
        .into_iter()
        .map(|device| {
            let held = Held {
                transaction,
                device,
            };
            (held.device.id, held)
        })
        .collect())
}

impl Held<'_> {
    /// Which device.
    pub(crate) fn uuid(&self) -> DeviceId {
        DeviceId(self.device.uuid)
    }

    /// One of its commands as it stands.
    pub(crate) async fn command(&self, id: CommandId) -> Result<command::Model, AppError> {
        row::find(self.transaction, self.device.id, id).await
    }

    /// Moves a command that was read by [`Held::command`], and does what follows of its end: another try, or
    /// what it means for the wish that it was to fulfil.
    pub(crate) async fn step(
        &self,
        from: command::Model,
        now: i64,
        change: impl FnOnce(&mut command::ActiveModel),
    ) -> Result<Moved, AppError> {
        let mut next = from.into_active_model();
        change(&mut next);
        let after = next.update(self.transaction).await.map_err(internal)?;
        let ended = Box::pin(retry::ended(self.transaction, now, &after)).await?;
        let mut moved = Moved::default();
        for row in [Some(after), ended.again].into_iter().flatten() {
            let command = row::one_to_domain(self.transaction, self.uuid(), row).await?;
            moved.commands.push(command);
        }
        moved.wishes.extend(ended.wishes.then_some(self.uuid()));
        Ok(moved)
    }

    /// Ends a command so, for this reason.
    pub(crate) async fn end(
        &self,
        from: command::Model,
        now: i64,
        state: CommandState,
        reason: Option<&str>,
    ) -> Result<Moved, AppError> {
        self.step(from, now, |change| {
            change.state = Set(state.as_str().to_owned());
            change.finished_ms = Set(Some(now));
            if let Some(reason) = reason {
                change.reason = Set(Some(reason.to_owned()));
            }
        })
        .await
    }
}

impl Moved {
    /// And this.
    pub(crate) fn and(&mut self, other: Self) {
        self.commands.extend(other.commands);
        self.wishes.extend(other.wishes);
    }

    /// Tells of it; to be called after the commit.
    pub(crate) async fn tell(self, services: &Services) {
        row::publish(services, self.commands).await;
        for device in self.wishes {
            twin::tell(services, device).await;
        }
    }
}
