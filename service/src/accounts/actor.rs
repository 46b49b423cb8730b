//! Who acts, and proofs of what they may: a missing permission check does not compile.

use domain::{
    AppError, DeviceId, UserId,
    account::Me,
    event::EventKind,
    role::{DeviceRole, SiteRole},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::{Services, internal};

/// The person behind a request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub user: Me,
    /// From where.
    pub address: Option<String>,
}

/// Proof: administers the site.
#[derive(Debug, Clone)]
pub struct Admin(Actor);

/// Proof: administers the site and grants administrators' roles.
#[derive(Debug, Clone)]
pub struct PrimeAdmin(Actor);

/// Proof: sees every device and debugs; every command is audited and shown to the owner.
#[derive(Debug, Clone)]
pub struct Debugger(Actor);

/// A device that a proof speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRef {
    /// Internal id.
    pub id: i64,
    /// Public id.
    pub uuid: DeviceId,
}

/// Proof: may see this device.
#[derive(Debug, Clone)]
pub struct ViewerOf {
    actor: Actor,
    device: DeviceRef,
    role: Option<DeviceRole>,
    /// The history from before this moment belongs to former owners; administrators see it all.
    pub history_from_ms: i64,
}

/// Proof: may command and manage this device.
#[derive(Debug, Clone)]
pub struct OwnerOf {
    actor: Actor,
    device: DeviceRef,
    role: Option<DeviceRole>,
}

macro_rules! has_actor {
    ($($name:ident),+) => {$(
        impl $name {
            /// Who it is.
            pub fn actor(&self) -> &Actor {
                &self.0
            }
        }
    )+};
}
has_actor!(Admin, PrimeAdmin, Debugger);

macro_rules! has_device {
    ($($name:ident),+) => {$(
        impl $name {
            /// Who it is.
            pub fn actor(&self) -> &Actor {
                &self.actor
            }

            /// Which device.
            pub fn device(&self) -> DeviceRef {
                self.device
            }

            /// Their own role on it, apart from any role on the site.
            pub fn role(&self) -> Option<DeviceRole> {
                self.role
            }
        }
    )+};
}
has_device!(ViewerOf, OwnerOf);

impl Actor {
    /// Whether they are told of such events of devices that they may see: what was refused is for
    /// administrators alone.
    pub fn is_told(&self, kind: EventKind) -> bool {
        kind != EventKind::Refused || self.user.role.is_admin()
    }

    /// Proof that they administer the site.
    pub fn require_admin(&self) -> Result<Admin, AppError> {
        if self.user.role.is_admin() {
            Ok(Admin(self.clone()))
        } else {
            Err(AppError::Forbidden)
        }
    }

    /// Proof that they may grant administrators' roles.
    pub fn require_prime_admin(&self) -> Result<PrimeAdmin, AppError> {
        match self.user.role {
            SiteRole::PrimeAdmin => Ok(PrimeAdmin(self.clone())),
            _ => Err(AppError::Forbidden),
        }
    }

    /// Proof that they may debug devices.
    pub fn require_debugger(&self) -> Result<Debugger, AppError> {
        if self.user.role.sees_all_devices() {
            Ok(Debugger(self.clone()))
        } else {
            Err(AppError::Forbidden)
        }
    }

    /// Proof that they may see a device; one that they may not see is not found.
    pub async fn require_viewer(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<ViewerOf, AppError> {
        let (row, role) = self.device_and_role(services, device).await?;
        if role.is_none() && !self.user.role.sees_all_devices() {
            return Err(AppError::NotFound);
        }
        let history_from_ms = match self.user.role.sees_all_devices() {
            true => 0,
            false => row.claimed_ms.unwrap_or(i64::MAX),
        };
        Ok(ViewerOf {
            actor: self.clone(),
            device: DeviceRef {
                id: row.id,
                uuid: device,
            },
            role,
            history_from_ms,
        })
    }

    /// Proof that they may command and manage a device: its owner or an administrator. Who debugs it may command it by
    /// [`Commander`](crate::commands::Commander).
    pub async fn require_owner(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<OwnerOf, AppError> {
        let (row, role) = self.device_and_role(services, device).await?;
        let may = role == Some(DeviceRole::Owner) || self.user.role.is_admin();
        match (may, role.is_some() || self.user.role.sees_all_devices()) {
            (true, _) => Ok(OwnerOf {
                actor: self.clone(),
                device: DeviceRef {
                    id: row.id,
                    uuid: device,
                },
                role,
            }),
            (false, true) => Err(AppError::Forbidden),
            (false, false) => Err(AppError::NotFound),
        }
    }

    async fn device_and_role(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<(entity::device::Model, Option<DeviceRole>), AppError> {
        let row = entity::device::Entity::find()
            .filter(entity::device::Column::Uuid.eq(device.0))
            .one(&services.db.read)
            .await
            .map_err(internal)?
            .ok_or(AppError::NotFound)?;
        let role = role_on(&services.db.read, row.id, self.user.id).await?;
        Ok((row, role))
    }
}

impl OwnerOf {
    /// Looks again whether they may, in a transaction that has locked the device's row: what was taken away while they
    /// waited for it is theirs no more. Refuses as [`Actor::require_owner`] does.
    pub(crate) async fn confirm<C: ConnectionTrait>(&self, connection: &C) -> Result<(), AppError> {
        let now = Standing::of(connection, &self.actor, self.device).await?;
        now.allows(now.is_owner() || now.site.is_admin())
    }

    /// As [`OwnerOf::confirm`], for what only administrators may.
    pub(crate) async fn confirm_admin<C: ConnectionTrait>(
        &self,
        connection: &C,
    ) -> Result<(), AppError> {
        let now = Standing::of(connection, &self.actor, self.device).await?;
        now.allows(now.site.is_admin())
    }
}

/// What somebody is on the site and on a device, as it is now and not when a proof was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// On the site.
    pub(crate) site: SiteRole,
    /// On the device.
    role: Option<DeviceRole>,
}

impl Standing {
    /// Reads it by this connection: the transaction that has locked the device's row. `SignedOut` where they may not sign
    /// in any more.
    pub(crate) async fn of<C: ConnectionTrait>(
        connection: &C,
        actor: &Actor,
        device: DeviceRef,
    ) -> Result<Self, AppError> {
        let user = actor.user.id;
        let role = role_on(connection, device.id, user).await?;
        let row = entity::user::Entity::find_by_id(user.0)
            .filter(entity::user::Column::DisabledMs.is_null())
            .one(connection)
            .await
            .map_err(internal)?
            .ok_or(AppError::SignedOut)?;
        let site = super::me(&row)?.role;
        Ok(Self { site, role })
    }

    /// Whether the device is theirs.
    pub(crate) fn is_owner(self) -> bool {
        self.role == Some(DeviceRole::Owner)
    }

    /// Refuses where they may not: to whom does not see the device it does not exist.
    pub(crate) fn allows(self, may: bool) -> Result<(), AppError> {
        match (may, self.role.is_some() || self.site.sees_all_devices()) {
            (true, _) => Ok(()),
            (false, true) => Err(AppError::Forbidden),
            (false, false) => Err(AppError::NotFound),
        }
    }
}

/// A person's own role on a device, as it is now.
async fn role_on<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    user: UserId,
) -> Result<Option<DeviceRole>, AppError> {
    let access = entity::device_access::Entity::find_by_id((device, user.0))
        .one(connection)
        .await
        .map_err(internal)?;
    Ok(access.and_then(|access| DeviceRole::parse(access.role.as_deref()?)))
}
