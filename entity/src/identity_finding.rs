//! A difference between what a device is known to be and what it said.

use sea_orm::entity::prelude::*;

/// A difference between what a device is known to be and what it said.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_finding")]
pub struct Model {
    /// Counts up.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The device that it is about.
    pub device_id: i64,
    /// The other device whose serial number was said.
    pub other_device_id: Option<i64>,
    /// `domain::identity::FindingKind`.
    pub kind: String,
    /// `domain::identity::FindingState`.
    pub state: String,
    /// `domain::identity::Reaction`: what the policy did.
    pub reaction: String,
    /// `domain::identity::Traits` as they were known.
    pub known: Json,
    /// `domain::identity::Traits` as they were said.
    pub said: Json,
    /// Tells speakers apart: serial number, storage and UUID as they were said.
    pub speaker: String,
    /// When it was first seen.
    pub opened_ms: i64,
    /// When it was last seen.
    pub last_ms: i64,
    /// How often it was seen.
    pub count: i32,
    /// `domain::identity::Act`: what was done about it.
    pub act: Option<String>,
    /// Who did it; none where the policy did.
    pub resolved_by: Option<Uuid>,
    /// When.
    pub resolved_ms: Option<i64>,
    /// What was before the act, so that it can be undone.
    pub before: Option<Json>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
