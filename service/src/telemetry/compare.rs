//! Values of several devices over one span of time, to be seen on one paper.

use std::collections::HashMap;

use domain::{
    AppError, ComponentKey, DeviceId,
    device::DeviceQuery,
    filter::Test,
    telemetry::{Comparison, ComparisonQuery, Line, SeriesName, SeriesQuery},
};
use entity::component;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::series::series;
use crate::{
    Actor, Services, ViewerOf, components,
    devices::{self, matching},
    internal,
};

/// Lines that can still be told apart.
pub const MOST_LINES: usize = 12;
/// Devices that a filter may find, of which the first that have the value are drawn.
const MOST_FOUND: u64 = 1_000;

/// The lines that are asked for by name and those that a filter finds, at most [`MOST_LINES`].
pub async fn compare(
    services: &Services,
    actor: &Actor,
    query: &ComparisonQuery,
) -> Result<Comparison, AppError> {
    let mut names = query.series.clone();
    if let Some((key, value)) = &query.value {
        names.extend(found(services, actor, &query.search, key, value).await?);
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let left_out = names.len().saturating_sub(MOST_LINES);
    names.truncate(MOST_LINES);
    let known = names_of(services, actor, &names).await?;
    let mut lines = Vec::with_capacity(names.len());
    let mut missing = 0;
    for name in names {
        let device = known.get(&name.device);
        match line(services, actor, query, &name, device).await {
            Ok(line) => lines.push(line),
            // A link may name what this person may not see, or what is gone.
            Err(AppError::NotFound) => missing += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(Comparison {
        lines,
        missing,
        left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
    })
}

/// Every value in the catalog that can be drawn: `cpu.average`.
pub async fn drawable(services: &Services) -> Result<Vec<String>, AppError> {
    let kinds = entity::component_type::Entity::find()
        .order_by_asc(entity::component_type::Column::ComponentType)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(kinds
        .iter()
        .flat_map(|kind| {
            components::values(kind)
                .into_iter()
                .filter(|value| !value.name.is_empty())
                .map(|value| format!("{}.{}", kind.component_type, value.name))
        })
        .collect())
}

/// The devices that a filter finds and that have the component.
async fn found(
    services: &Services,
    actor: &Actor,
    search: &str,
    key: &ComponentKey,
    value: &str,
) -> Result<Vec<SeriesName>, AppError> {
    let filter = matching::read(search)?;
    let devices = devices::matching(services, actor, &filter, MOST_FOUND).await?;
    let have: Vec<i64> = component::Entity::find()
        .select_only()
        .column(component::Column::DeviceId)
        .filter(component::Column::Key.eq(key.as_str()))
        .filter(component::Column::DeviceId.is_in(devices.iter().map(|device| device.id)))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let have: std::collections::HashSet<i64> = have.into_iter().collect();
    Ok(devices
        .into_iter()
        .filter(|device| have.contains(&device.id))
        .map(|device| SeriesName {
            device: device.uuid,
            component: key.clone(),
            value: value.to_owned(),
        })
        .collect())
}

/// What this person calls these devices.
async fn names_of(
    services: &Services,
    actor: &Actor,
    names: &[SeriesName],
) -> Result<HashMap<DeviceId, String>, AppError> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = names.iter().map(|name| name.device).collect();
    let filter = matching::read("")?.and(Test::Id(ids));
    let query = DeviceQuery {
        search: filter.to_string(),
        page_size: 200,
        ..DeviceQuery::default()
    };
    let page = devices::list(services, actor, &query).await?;
    Ok(page
        .items
        .into_iter()
        .map(|device| (device.id, device.name))
        .collect())
}

async fn line(
    services: &Services,
    actor: &Actor,
    query: &ComparisonQuery,
    name: &SeriesName,
    device: Option<&String>,
) -> Result<Line, AppError> {
    let viewer: ViewerOf = actor.require_viewer(services, name.device).await?;
    let wanted = SeriesQuery {
        component: name.component.clone(),
        value: Some(name.value.clone()),
        period: query.period,
        max_points: query.max_points,
    };
    let read = series(services, &viewer, &wanted).await?;
    let read = read.into_iter().find(|series| series.value == name.value);
    let attached = components::described(&services.db.read, viewer.device().id).await?;
    let value = attached
        .into_iter()
        .find(|component| component.key == name.component)
        .and_then(|it| it.values.into_iter().find(|value| value.name == name.value));
    let label = || format!("{}.{}", name.component, name.value);
    let (label_ko, label_en, unit) = match value {
        Some(value) => (value.label_ko, value.label_en, value.unit),
        None => (label(), label(), String::new()),
    };
    let (bucket_ms, points) = read.map_or_else(
        || (0, Vec::new()),
        |series| (series.bucket_ms, series.points),
    );
    Ok(Line {
        device_name: device.cloned().unwrap_or_else(|| name.device.to_string()),
        name: name.clone(),
        label_ko,
        label_en,
        unit,
        bucket_ms,
        points,
    })
}
