//! Every certificate the site issued; the broker admits active serials only.

use sea_orm::entity::prelude::*;

/// Every certificate the site issued; the broker admits active serials only.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate")]
pub struct Model {
    /// Lower-case hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub serial: String,
    /// Whose, where it is a device's.
    pub device_id: Option<i64>,
    /// Whose, where it is an app's.
    pub user_id: Option<Uuid>,
    /// What an app installation is called.
    pub label: Option<String>,
    /// The certificate.
    pub pem: String,
    /// When it was issued.
    pub issued_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was revoked or superseded.
    pub revoked_ms: Option<i64>,
    /// Of which installation, where it is an app's: the serial of that one's first certificate.
    pub installation: Option<String>,
    /// The serial of the one that superseded it.
    pub replaced_by: Option<String>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
