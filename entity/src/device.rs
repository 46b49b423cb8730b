//! A board or computer, from pre-registration on.

use sea_orm::entity::prelude::*;

/// A board or computer, from pre-registration on.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device")]
pub struct Model {
    /// Internal id, short in the telemetry's keys.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Public id; the Common Name of its certificate. Unique.
    pub uuid: Uuid,
    /// Its processor's serial number, unique.
    pub cpu_serial: String,
    /// `domain::device::DeviceKind`.
    pub kind: String,
    /// `4B`, `5`, `pc`, …
    pub hardware_version: String,
    /// `Standard`, `Pro`, …
    pub hardware_variant: String,
    /// Its name on the site.
    pub name: String,
    /// The name as it sorts: NFC, lower case.
    pub name_key: String,
    /// `domain::device::Lifecycle`.
    pub lifecycle: String,
    /// `domain::device::Presence`.
    pub presence: String,
    /// `domain::device::PresenceCause`.
    pub presence_cause: String,
    /// Since when.
    pub presence_since_ms: i64,
    /// How bad its status is, 0 the worst: the list's default order.
    pub status_rank: i16,
    /// The owner.
    pub owner_id: Option<Uuid>,
    /// Counts up with every claim and unlinking.
    pub ownership: i64,
    /// This ownership's shared secret, encrypted.
    pub secret: Option<Vec<u8>>,
    /// SHA-256 of the enrolment code.
    pub code_hash: Option<Vec<u8>>,
    /// When the first valid signed report of this ownership used the code up.
    pub code_spent_ms: Option<i64>,
    /// SHA-256 of the public key that used the code first.
    pub enrolled_key: Option<Vec<u8>>,
    /// Whether `reset` is to be told at the next connection.
    pub reset_pending: bool,
    /// How often it should report.
    pub report_interval_ms: i64,
    /// What it last said it is, and its versions.
    pub identity: Option<Json>,
    /// When it said so.
    pub identity_ms: Option<i64>,
    /// From its identity, for sorting.
    pub agent_version: Option<String>,
    /// When it was pre-registered.
    pub created_ms: i64,
    /// When it was claimed; reports from before are refused.
    pub claimed_ms: Option<i64>,
    /// The last sequence the server used towards it.
    pub server_sequence: i64,
    /// Days that its reports are kept; none where the site's own apply.
    pub keep_reports_days: Option<i32>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
