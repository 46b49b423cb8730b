//! What changes with every commit of a device's reports.

use sea_orm::entity::prelude::*;

/// What changes with every commit of a device's reports.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device_live")]
pub struct Model {
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// The ownership that the sequences belong to.
    pub ownership: i64,
    /// The highest sequence stored; -1 before the first.
    pub sequence_high: i64,
    /// 128 bytes: bit n tells whether `sequence_high - n` is stored.
    pub sequence_bits: Vec<u8>,
    /// The flat state: key → [value, measured ms].
    pub state: Json,
    /// Counts up with every change of state or presence.
    pub revision: i64,
    /// When the newest report was measured.
    pub last_report_ms: Option<i64>,
    /// When the last one was received.
    pub last_received_ms: Option<i64>,
    /// Sent minus received at the last report.
    pub clock_skew_ms: Option<i64>,
    /// Messages that came again.
    pub duplicates: i64,
    /// Refusals since the last accepted report.
    pub refused_recently: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
