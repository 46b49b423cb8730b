//! A component attached to a device.

use sea_orm::entity::prelude::*;

/// A component attached to a device.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "component")]
pub struct Model {
    /// Internal id, short in the telemetry's keys.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The device.
    pub device_id: i64,
    /// Its key; once used never given to another.
    pub key: String,
    /// Its type in the catalog.
    pub component_type: String,
    /// The name a person gave it.
    pub name: Option<String>,
    /// The pin it is wired to.
    pub pin_number: Option<i32>,
    /// `IN`, `OUT`, `PWM`, …
    pub pin_mode: Option<String>,
    /// The state to take at boot.
    pub default_state: Option<String>,
    /// Where it answers on a bus that several share: `0x76`, `28-0316a2798bff`.
    pub address: Option<String>,
    /// Since when it says nothing although its device speaks.
    pub silent_since_ms: Option<i64>,
    /// When it was attached.
    pub attached_ms: i64,
    /// When it was detached.
    pub detached_ms: Option<i64>,
    /// Reports from before this minute are gone; those that come for it are added to its rollup.
    pub reports_from_ms: i64,
    /// Rollups of minutes from before this hour are gone; later ones are added to the hour's.
    pub minutes_from_ms: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
