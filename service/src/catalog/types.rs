//! Types of components: what there is to attach.

use domain::{
    AppError, ComponentType, Page,
    catalog::CatalogComponent,
    component::ComponentCategory,
    text::{is_misleading, is_unseen},
};
use entity::component_type::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    QueryFilter, QueryOrder, sea_query::Expr,
};
use serde_json::json;

use super::{
    Search, change::Change, checked_name, checked_words, is_like, page_of, patterns, state_keys,
    usage,
};
use crate::{Actor, Admin, Services, internal};

/// Most values of one type.
const MAX_VALUES: usize = 32;
/// Most bytes of what is noted about a type.
const MAX_METADATA: usize = 16 * 1024;

/// Every type of the catalog, by name.
pub async fn all<C: ConnectionTrait>(connection: &C) -> Result<Vec<CatalogComponent>, AppError> {
    let rows = Entity::find()
        .filter(Column::DeletedMs.is_null())
        .order_by_asc(Column::ComponentType)
        .all(connection)
        .await
        .map_err(internal)?;
    rows.into_iter().map(from_row).collect()
}

/// Every type of the catalog, for whoever is signed in.
pub async fn list(services: &Services, _: &Actor) -> Result<Vec<CatalogComponent>, AppError> {
    all(&services.db.read).await
}

/// One page of the types that all words are found in.
pub async fn find(
    services: &Services,
    _: &Actor,
    search: &Search,
) -> Result<Page<CatalogComponent>, AppError> {
    let mut query = Entity::find()
        .filter(Column::DeletedMs.is_null())
        .order_by_asc(Column::ComponentType);
    for pattern in patterns(&search.words) {
        let columns = [
            Column::ComponentType,
            Column::DisplayNameKo,
            Column::DisplayNameEn,
            Column::Category,
            Column::TelemetryCategory,
        ];
        query = query.filter(columns.into_iter().fold(Condition::any(), |any, column| {
            any.add(is_like(column, &pattern))
        }));
    }
    page_of(&services.db.read, query, search.page, from_row).await
}

/// One type; a deleted one is not found.
pub(crate) async fn get<C: ConnectionTrait>(
    connection: &C,
    kind: &ComponentType,
) -> Result<Option<CatalogComponent>, AppError> {
    let row = Entity::find_by_id(kind.as_str())
        .filter(Column::DeletedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?;
    row.map(from_row).transpose()
}

/// Adds a type; the name of a deleted one may be used again.
pub async fn create(
    services: &Services,
    admin: &Admin,
    new: CatalogComponent,
) -> Result<CatalogComponent, AppError> {
    let new = checked(new)?;
    let change = Change::begin(services, admin).await?;
    let known = Entity::find_by_id(new.component_type.as_str())
        .one(&*change)
        .await
        .map_err(internal)?;
    if known.as_ref().is_some_and(|row| row.deleted_ms.is_none()) {
        return Err(AppError::conflict_with("type_known", &new.component_type));
    }
    state_keys::check(&*change, &new).await?;
    let row = to_row(&new)?;
    match known {
        Some(_) => row.update(&*change).await,
        None => row.insert(&*change).await,
    }
    .map_err(internal)?;
    change
        .done("catalog.add_type", &new.component_type, json!(new))
        .await?;
    Ok(new)
}

/// Changes a type; its name stays, and so does what it is for while it is attached somewhere.
pub async fn update(
    services: &Services,
    admin: &Admin,
    new: CatalogComponent,
) -> Result<CatalogComponent, AppError> {
    let new = checked(new)?;
    let change = Change::begin(services, admin).await?;
    let before = get(&*change, &new.component_type)
        .await?
        .ok_or(AppError::NotFound)?;
    if before.category != new.category {
        usage::refuse_where_attached(&*change, of(&new.component_type)).await?;
    }
    state_keys::check(&*change, &new).await?;
    to_row(&new)?.update(&*change).await.map_err(internal)?;
    change
        .done("catalog.change_type", &new.component_type, json!(new))
        .await?;
    Ok(new)
}

/// Deletes a type and its pin rules; one that is attached somewhere is not.
pub async fn delete(
    services: &Services,
    admin: &Admin,
    kind: &ComponentType,
) -> Result<CatalogComponent, AppError> {
    let change = Change::begin(services, admin).await?;
    let old = get(&*change, kind).await?.ok_or(AppError::NotFound)?;
    usage::refuse_where_attached(&*change, of(kind)).await?;
    let now = services.now().0;
    mark(&*change, kind, None, Some(now)).await?;
    change
        .done("catalog.delete_type", &old.component_type, json!(old))
        .await?;
    Ok(old)
}

/// Brings a deleted type back as it was, and with it the pin rules that went with it.
pub async fn restore(
    services: &Services,
    admin: &Admin,
    kind: &ComponentType,
) -> Result<CatalogComponent, AppError> {
    let change = Change::begin(services, admin).await?;
    let row = Entity::find_by_id(kind.as_str())
        .one(&*change)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let deleted = row.deleted_ms;
    let old = from_row(row)?;
    if deleted.is_none() {
        return Ok(old);
    }
    state_keys::check(&*change, &old).await?;
    mark(&*change, kind, deleted, None).await?;
    change
        .done("catalog.restore_type", &old.component_type, json!(old))
        .await?;
    Ok(old)
}

/// Marks a type, and those of its rules that carry the same mark, as deleted or not.
async fn mark<C: ConnectionTrait>(
    connection: &C,
    kind: &ComponentType,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<(), AppError> {
    use entity::pin_rule;
    let before = |column: Expr| match from {
        Some(at) => sea_orm::sea_query::ExprTrait::eq(column, at),
        None => sea_orm::sea_query::ExprTrait::is_null(column),
    };
    Entity::update_many()
        .col_expr(Column::DeletedMs, Expr::value(to))
        .filter(Column::ComponentType.eq(kind.as_str()))
        .exec(connection)
        .await
        .map_err(internal)?;
    pin_rule::Entity::update_many()
        .col_expr(pin_rule::Column::DeletedMs, Expr::value(to))
        .filter(pin_rule::Column::ComponentType.eq(kind.as_str()))
        .filter(before(Expr::col(pin_rule::Column::DeletedMs)))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(())
}

fn of(kind: &ComponentType) -> Condition {
    Condition::all().add(entity::component::Column::ComponentType.eq(kind.as_str()))
}

fn checked(new: CatalogComponent) -> Result<CatalogComponent, AppError> {
    let mut metadata = new.metadata;
    for value in &mut metadata.values {
        let named = value.name.is_empty() || value.name.parse::<protocol::ValueName>().is_ok();
        let long = [&value.label_ko, &value.label_en, &value.unit, &value.icon]
            .into_iter()
            .any(|text| text.chars().count() > super::MAX_NAME);
        if !named || long {
            return Err(AppError::invalid("values", "value_name"));
        }
        if [&value.label_ko, &value.label_en, &value.unit]
            .into_iter()
            .any(|text| text.chars().any(is_misleading))
        {
            return Err(AppError::invalid("values", "name_characters"));
        }
        // What has no label of its own is called by its name.
        for label in [&mut value.label_ko, &mut value.label_en] {
            if label.chars().all(is_unseen) {
                label.clone_from(&value.name);
            }
        }
    }
    let size = serde_json::to_vec(&metadata).map_err(internal)?.len();
    if metadata.values.len() > MAX_VALUES || size > MAX_METADATA {
        return Err(AppError::invalid("component_metadata", "too_large"));
    }
    if metadata
        .i2c_addresses
        .iter()
        .any(|at| !(0x08..=0x77).contains(at))
    {
        return Err(AppError::invalid("i2c_addresses", "i2c_address"));
    }
    Ok(CatalogComponent {
        display_name_ko: checked_name("display_name_ko", &new.display_name_ko)?,
        display_name_en: checked_name("display_name_en", &new.display_name_en)?,
        telemetry_category: checked_words("telemetry_category", new.telemetry_category.as_deref())?,
        description: checked_words("description", new.description.as_deref())?,
        metadata,
        ..new
    })
}

fn to_row(new: &CatalogComponent) -> Result<ActiveModel, AppError> {
    Ok(ActiveModel {
        component_type: Set(new.component_type.to_string()),
        display_name_ko: Set(new.display_name_ko.clone()),
        display_name_en: Set(new.display_name_en.clone()),
        category: Set(new.category.as_str().to_owned()),
        telemetry_category: Set(new.telemetry_category.clone()),
        description: Set(new.description.clone()),
        metadata: Set(serde_json::to_value(&new.metadata).map_err(internal)?),
        deleted_ms: Set(None),
    })
}

/// The type of a row.
pub(crate) fn from_row(row: Model) -> Result<CatalogComponent, AppError> {
    Ok(CatalogComponent {
        component_type: row.component_type.parse().map_err(internal)?,
        display_name_ko: row.display_name_ko,
        display_name_en: row.display_name_en,
        category: ComponentCategory::parse(&row.category)
            .ok_or_else(|| internal(format!("the category `{}`", row.category)))?,
        telemetry_category: row.telemetry_category,
        description: row.description,
        metadata: serde_json::from_value(row.metadata).map_err(internal)?,
    })
}
