//! Acting on a site whose server does not run: whoever holds its data folder may do what its
//! administrators may, and the audit names one of them.

use domain::{AppError, Email, role::SiteRole};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::me;
use crate::{Actor, Services, internal};

/// What the audit shows instead of an address.
const PLACE: &str = "command line";

/// The prime administrator of this address, or the one who is there for longest; `NotFound` where there is
/// none who may sign in.
pub async fn local_admin(services: &Services, email: Option<&Email>) -> Result<Actor, AppError> {
    use entity::user::{Column, Entity};
    let mut query = Entity::find()
        .filter(Column::Role.eq(SiteRole::PrimeAdmin.as_str()))
        .filter(Column::DisabledMs.is_null())
        .order_by_asc(Column::CreatedMs)
        .order_by_asc(Column::Id);
    if let Some(email) = email {
        query = query.filter(Column::Email.eq(email.as_str()));
    }
    let row = query.one(&services.db.read).await.map_err(internal)?;
    let row = row.ok_or(AppError::NotFound)?;
    Ok(Actor {
        user: me(&row)?,
        address: Some(PLACE.to_owned()),
    })
}
