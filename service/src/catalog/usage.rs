//! Who uses what is to be deleted.

use domain::AppError;
use entity::{component, device};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::internal;

/// Names that an answer lists before it counts the rest.
const NAMED: usize = 5;

/// Refuses when any attached component fits, and names the devices.
pub(super) async fn refuse_where_attached<C: ConnectionTrait>(
    connection: &C,
    which: Condition,
) -> Result<(), AppError> {
    let attached = component::Entity::find()
        .filter(component::Column::DetachedMs.is_null())
        .filter(which)
        .order_by_asc(component::Column::Id)
        .all(connection)
        .await
        .map_err(internal)?;
    let mut devices: Vec<i64> = attached.iter().map(|row| row.device_id).collect();
    devices.sort_unstable();
    devices.dedup();
    let first = devices.iter().copied().take(NAMED);
    let named = device::Entity::find()
        .filter(device::Column::Id.is_in(first))
        .order_by_asc(device::Column::NameKey)
        .all(connection)
        .await
        .map_err(internal)?;
    refuse(named, devices.len())
}

/// Refuses when any device fits, and names them.
pub(super) async fn refuse_where_registered<C: ConnectionTrait>(
    connection: &C,
    which: Condition,
) -> Result<(), AppError> {
    use sea_orm::PaginatorTrait;
    let query = device::Entity::find().filter(which);
    let total = query.clone().count(connection).await.map_err(internal)?;
    let named = query
        .order_by_asc(device::Column::NameKey)
        .limit(u64::try_from(NAMED).unwrap_or(5))
        .all(connection)
        .await
        .map_err(internal)?;
    refuse(named, usize::try_from(total).unwrap_or(usize::MAX))
}

fn refuse(named: Vec<device::Model>, total: usize) -> Result<(), AppError> {
    if named.is_empty() {
        return Ok(());
    }
    let rest = total - named.len();
    let mut names: Vec<String> = named.into_iter().map(|device| device.name).collect();
    if rest > 0 {
        names.push(format!("+{rest}"));
    }
    Err(AppError::conflict_with("in_use", names.join(", ")))
}
