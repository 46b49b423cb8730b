//! What a device is known to be, apart from its serial number, and how it stands with the site.

use sea_orm::entity::prelude::*;

/// What a device is known to be, apart from its serial number, and how it stands with the site.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_known")]
pub struct Model {
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// The storage that it started from.
    pub storage_id: Option<String>,
    /// Its network interfaces' addresses, a list of texts.
    pub macs: Json,
    /// The finding about who speaks for it now, where what that one says is kept apart.
    pub held_finding_id: Option<i64>,
    /// Since when nobody may connect as this device.
    pub blocked_ms: Option<i64>,
    /// Reports of it that are kept apart.
    pub quarantined: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
