//! Who sees a device, and under which name.

use sea_orm::entity::prelude::*;

/// Who sees a device, and under which name.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device_access")]
pub struct Model {
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// The person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// `domain::role::DeviceRole`; none for a nickname of an administrator.
    pub role: Option<String>,
    /// This person's name for it.
    pub nickname: Option<String>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
