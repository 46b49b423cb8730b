//! What a component is meant to be, until somebody lets go of it.

use sea_orm::entity::prelude::*;

/// What a component is meant to be, until somebody lets go of it.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "desired")]
pub struct Model {
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// The component.
    #[sea_orm(primary_key, auto_increment = false)]
    pub component_key: String,
    /// The arguments of the `set` that brings it about, a JSON object.
    pub wanted: Json,
    /// What was desired before, for when this is taken back: a list, the latest last, as `service::twin` writes it.
    pub previous: Option<Json>,
    /// The ownership that it was set under; another one voids it.
    pub ownership: i64,
    /// Who set it.
    pub set_by: Option<Uuid>,
    /// When.
    pub set_ms: i64,
    /// The command that was last to bring it about.
    pub command_id: Option<Uuid>,
    /// How often the server itself has tried since the device came or the wish changed.
    pub attempts: i16,
    /// It is not tried again before.
    pub next_ms: i64,
    /// Whether the device last reported something else.
    pub differs: bool,
    /// Whether the device knows `set` only.
    pub by_set: bool,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
