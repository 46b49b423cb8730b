//! The last hour of a list row's value, kept for the minute in which it was read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use domain::AppError;
use parking_lot::Mutex;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait as _, QueryFilter, QuerySelect,
    sea_query::{Expr, Query},
};

use crate::{Services, internal};

const MINUTE_MS: i64 = 60_000;
const PART_MS: i64 = 3 * MINUTE_MS;
const PARTS: usize = 20;
const MOST: usize = 65_536;

/// Means of parts of three minutes, oldest first.
type Line = Vec<Option<f32>>;

/// The lines that were read this minute.
#[derive(Debug, Clone, Default)]
pub struct Sparklines(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    minute: i64,
    lines: HashMap<(i64, String), Line>,
}

impl Sparklines {
    /// The last hour of `(device, state key)`, by device.
    pub(super) async fn last_hour(
        &self,
        services: &Services,
        wanted: &[(i64, &str)],
    ) -> Result<HashMap<i64, Line>, AppError> {
        let minute = services.now().0.div_euclid(MINUTE_MS);
        let mut lines = HashMap::with_capacity(wanted.len());
        let mut missing: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        {
            let mut kept = self.0.lock();
            if kept.minute != minute || kept.lines.len() > MOST {
                kept.minute = minute;
                kept.lines.clear();
            }
            for (device, key) in wanted {
                match kept.lines.get(&(*device, (*key).to_owned())) {
                    Some(line) => {
                        lines.insert(*device, line.clone());
                    }
                    None => missing.entry((*key).to_owned()).or_default().push(*device),
                }
            }
        }
        for (key, devices) in missing {
            let read = read(services, &key, &devices, minute * MINUTE_MS).await?;
            let mut kept = self.0.lock();
            for device in devices {
                let line = read.get(&device).cloned().unwrap_or_default();
                kept.lines.insert((device, key.clone()), line.clone());
                lines.insert(device, line);
            }
        }
        Ok(lines)
    }
}

async fn read(
    services: &Services,
    key: &str,
    devices: &[i64],
    now_ms: i64,
) -> Result<HashMap<i64, Line>, AppError> {
    use entity::{component, rollup};
    let Some((component_key, value)) = key.split_once('_') else {
        return Ok(HashMap::new());
    };
    let components: HashMap<i64, i64> = component::Entity::find()
        .select_only()
        .columns([component::Column::Id, component::Column::DeviceId])
        .filter(component::Column::DeviceId.is_in(devices.iter().copied()))
        .filter(component::Column::Key.eq(component_key))
        .into_tuple::<(i64, i64)>()
        .all(&services.db.read)
        .await
        .map_err(internal)?
        .into_iter()
        .collect();
    if components.is_empty() {
        return Ok(HashMap::new());
    }
    let from = now_ms - i64::try_from(PARTS).unwrap_or(20) * PART_MS;
    let query = Query::select()
        .columns([
            rollup::Column::ComponentId,
            rollup::Column::BucketMs,
            rollup::Column::Sum,
            rollup::Column::Count,
        ])
        .from(rollup::Entity)
        .and_where(Expr::col(rollup::Column::ComponentId).is_in(components.keys().copied()))
        .and_where(Expr::col(rollup::Column::Value).eq(value))
        .and_where(Expr::col(rollup::Column::ResolutionMs).eq(MINUTE_MS))
        .and_where(Expr::col(rollup::Column::BucketMs).gte(from))
        .to_owned();
    let mut parts: HashMap<i64, Vec<(f64, i64)>> = HashMap::new();
    for row in services.db.read.query_all(&query).await.map_err(internal)? {
        let component: i64 = row.try_get_by_index(0).map_err(internal)?;
        let bucket: i64 = row.try_get_by_index(1).map_err(internal)?;
        let sum: f64 = row.try_get_by_index(2).map_err(internal)?;
        let count: i64 = row.try_get_by_index(3).map_err(internal)?;
        let part = usize::try_from((bucket - from) / PART_MS).unwrap_or(usize::MAX);
        let line = parts
            .entry(components[&component])
            .or_insert_with(|| vec![(0.0, 0); PARTS]);
        if let Some((total, readings)) = line.get_mut(part) {
            *total += sum;
            *readings += count;
        }
    }
    Ok(parts
        .into_iter()
        .map(|(device, line)| (device, line.into_iter().map(mean).collect()))
        .collect())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a picture 60 pixels wide"
)]
fn mean((sum, count): (f64, i64)) -> Option<f32> {
    (count > 0).then(|| (sum / count as f64) as f32)
}
