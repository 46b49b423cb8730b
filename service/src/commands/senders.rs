//! Whether who sent a command may still command its device when its turn comes.
//!
//! A command waits for days, and its sender may have lost meanwhile what they had when they sent it: their role on the
//! device, their role on the site, or their account. What was delivered was sent while they might, and is not touched.

use std::collections::HashSet;

use domain::{
    AppError,
    command::CommandState,
    role::{DeviceRole, SiteRole},
};
use entity::{command, device_access, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::{components, internal, twin};

/// Why a command ends whose sender may not command its device any more.
pub(crate) const NOT_ALLOWED: &str = "not_allowed";

/// Those who sent what waits for one device and may command it.
#[derive(Debug)]
pub(super) struct Senders(HashSet<Uuid>);

impl Senders {
    /// Of those of these commands that wait: read once for all of them, as it stands when their device is served.
    pub(super) async fn of<C: ConnectionTrait>(
        connection: &C,
        device: i64,
        commands: &[command::Model],
    ) -> Result<Self, AppError> {
        let senders: HashSet<Uuid> = commands
            .iter()
            .filter(|row| waits(row))
            .filter_map(|row| row.created_by)
            .collect();
        if senders.is_empty() {
            return Ok(Self(senders));
        }
        let owners = device_access::Entity::find()
            .select_only()
            .column(device_access::Column::UserId)
            .filter(device_access::Column::DeviceId.eq(device))
            .filter(device_access::Column::Role.eq(DeviceRole::Owner.as_str()))
            .into_query();
        let of_the_site = SiteRole::ALL
            .into_iter()
            .filter(|role| role.sees_all_devices())
            .map(SiteRole::as_str);
        let may = Condition::any()
            .add(user::Column::Role.is_in(of_the_site))
            .add(user::Column::Id.in_subquery(owners));
        let found: Vec<Uuid> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::Id.is_in(senders))
            .filter(user::Column::DisabledMs.is_null())
            .filter(may)
            .into_tuple()
            .all(connection)
            .await
            .map_err(internal)?;
        Ok(Self(found.into_iter().collect()))
    }

    /// Whether this command is not to be sent. What the server sends of its own accord is, whoever it does it for: its try
    /// at a wish, and its word that the components are others now.
    pub(super) async fn bar<C: ConnectionTrait>(
        &self,
        connection: &C,
        row: &command::Model,
    ) -> Result<bool, AppError> {
        let may = row.created_by.is_none_or(|by| self.0.contains(&by));
        if may || !waits(row) || components::is_told(row) {
            return Ok(false);
        }
        Ok(!twin::is_own(connection, row).await?)
    }
}

fn waits(row: &command::Model) -> bool {
    row.state == CommandState::Queued.as_str()
}
