//! Series for charts: as many points as the chart can show, with their extremes.
//!
//! Short spans come from the reports themselves; long ones from the coarsest rollup that is fine enough,
//! with what is not rolled up yet taken from the reports.

use std::collections::BTreeMap;

use domain::{
    AppError, TimestampMs,
    telemetry::{Point, Series, SeriesQuery},
};
use entity::{component, report, rollup};
use protocol::ComponentKey;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::rollup::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::{Services, ViewerOf, internal};

/// Points, or buckets, of a series at most, whatever is asked for.
pub const MOST_POINTS: u32 = 5_000;
/// Reports read at most for one answer; beyond it minutes are fine enough for any chart.
const MOST_REPORTS: i64 = 20_000;
/// Minutes that may not be rolled up yet.
const UNROLLED_MS: i64 = 5 * MINUTE_MS;

type Points = BTreeMap<String, Vec<Point>>;

/// Series for a chart: at most `max_points`, and never more than [`MOST_POINTS`], each, from raw reports or the coarsest
/// rollup that is fine enough.
pub async fn series(
    services: &Services,
    viewer: &ViewerOf,
    query: &SeriesQuery,
) -> Result<Vec<Series>, AppError> {
    let most = query.max_points.clamp(1, MOST_POINTS);
    let from = query.period.from().0.max(viewer.history_from_ms);
    if query.period.to().0 <= from {
        return Ok(Vec::new());
    }
    let component = component_of(services, viewer, &query.component).await?;
    let want = Want {
        component: component.id,
        value: query.value.as_deref(),
        from,
        to: query.period.to().0,
        reports_from: component.reports_from_ms,
    };
    // The first bucket may be cut off: one fewer fits.
    let buckets = i64::from(most).saturating_sub(1).max(1);
    let bucket_ms = (want.to - want.from).div_euclid(buckets) + 1;
    let (points, resolution) = read(services, &want, bucket_ms).await.map_err(internal)?;
    Ok(points
        .into_iter()
        .map(|(value, points)| {
            let over = points.len() > usize::try_from(most).unwrap_or(usize::MAX);
            let points = match over {
                true => merge(points, want.from, bucket_ms),
                false => points,
            };
            Series {
                component: query.component.clone(),
                value,
                bucket_ms: if over {
                    bucket_ms.max(resolution)
                } else {
                    resolution
                },
                points,
            }
        })
        .collect())
}

/// Series in buckets of `bucket_ms`, which begin at multiples of it: a whole number of minutes, or less than
/// a minute and then out of the reports. A span of more than `max_points` (or [`MOST_POINTS`]) buckets is refused.
pub async fn buckets(
    services: &Services,
    viewer: &ViewerOf,
    query: &SeriesQuery,
    bucket_ms: i64,
) -> Result<Vec<Series>, AppError> {
    let whole = bucket_ms >= MINUTE_MS && bucket_ms % MINUTE_MS == 0;
    if !whole && !(1_000..MINUTE_MS).contains(&bucket_ms) {
        return Err(AppError::invalid("bucket", "bucket"));
    }
    let component = component_of(services, viewer, &query.component).await?;
    let begin = query.period.from().0.div_euclid(bucket_ms) * bucket_ms;
    let buckets = (query.period.to().0 - begin).div_euclid(bucket_ms);
    if buckets > i64::from(query.max_points.min(MOST_POINTS)) {
        return Err(AppError::invalid("bucket", "too_many_buckets"));
    }
    let want = Want {
        component: component.id,
        value: query.value.as_deref(),
        from: begin.max(viewer.history_from_ms),
        to: query.period.to().0,
        reports_from: component.reports_from_ms,
    };
    if want.to <= want.from {
        return Ok(Vec::new());
    }
    // A rollup is read only where its buckets lie within the wanted ones.
    let fine = [DAY_MS, HOUR_MS, MINUTE_MS]
        .into_iter()
        .find(|length| bucket_ms % length == 0)
        .unwrap_or(bucket_ms);
    let (points, resolution) = read(services, &want, fine).await.map_err(internal)?;
    if resolution > bucket_ms {
        return Err(AppError::invalid("bucket", "too_many_reports"));
    }
    Ok(points
        .into_iter()
        .map(|(value, points)| Series {
            component: query.component.clone(),
            value,
            bucket_ms,
            points: merge(points, begin, bucket_ms),
        })
        .collect())
}

/// A component of the device that one may see.
pub(super) async fn component_of(
    services: &Services,
    viewer: &ViewerOf,
    key: &ComponentKey,
) -> Result<component::Model, AppError> {
    component::Entity::find()
        .filter(component::Column::DeviceId.eq(viewer.device().id))
        .filter(component::Column::Key.eq(key.as_str()))
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

struct Want<'a> {
    component: i64,
    value: Option<&'a str>,
    from: i64,
    to: i64,
    /// Reports from before this are gone.
    reports_from: i64,
}

/// The points and how long one stands for; 0 where each is a report.
async fn read(
    services: &Services,
    want: &Want<'_>,
    bucket_ms: i64,
) -> Result<(Points, i64), DbErr> {
    if bucket_ms < MINUTE_MS && want.from >= want.reports_from {
        let reports = reports(services, want, want.from, want.to).await?;
        if let Some(points) = reports {
            return Ok((points, 0));
        }
    }
    let resolution = match bucket_ms {
        DAY_MS.. => DAY_MS,
        HOUR_MS.. => HOUR_MS,
        _ => MINUTE_MS,
    };
    let mut points = rollups(services, want, resolution).await?;
    let unrolled = (services.now().0 - UNROLLED_MS)
        .div_euclid(resolution)
        .saturating_mul(resolution)
        .max(want.from);
    if unrolled < want.to
        && let Some(tail) = reports(services, want, unrolled, want.to).await?
    {
        for (value, tail) in tail {
            let line = points.entry(value).or_default();
            line.retain(|point| point.at.0 < unrolled);
            line.extend(merge(tail, unrolled, resolution));
        }
    }
    Ok((points, resolution))
}

/// Every report as a point; `None` where there are too many to read.
async fn reports(
    services: &Services,
    want: &Want<'_>,
    from: i64,
    to: i64,
) -> Result<Option<Points>, DbErr> {
    let rows: Vec<(i64, bool, serde_json::Value)> = report::Entity::find()
        .select_only()
        .columns([
            report::Column::AtMs,
            report::Column::Late,
            report::Column::Readings,
        ])
        .filter(report::Column::ComponentId.eq(want.component))
        .filter(report::Column::AtMs.gte(from))
        .filter(report::Column::AtMs.lt(to))
        .order_by_asc(report::Column::AtMs)
        .limit(u64::try_from(MOST_REPORTS + 1).unwrap_or_default())
        .into_tuple()
        .all(&services.db.read)
        .await?;
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > MOST_REPORTS {
        return Ok(None);
    }
    let mut points = Points::new();
    for (at, late, readings) in rows {
        let serde_json::Value::Object(readings) = readings else {
            continue;
        };
        for (name, value) in readings {
            let wanted = want.value.is_none_or(|value| value == name);
            if let (true, Some(number)) = (wanted, value.as_f64()) {
                points.entry(name).or_default().push(Point {
                    at: TimestampMs(at),
                    min: number,
                    max: number,
                    mean: number,
                    count: 1,
                    late,
                });
            }
        }
    }
    Ok(Some(points))
}

async fn rollups(services: &Services, want: &Want<'_>, resolution: i64) -> Result<Points, DbErr> {
    let values: Vec<String> = match want.value {
        Some(value) => vec![value.to_owned()],
        None => {
            // Days are few: they tell which values there are without reading the minutes.
            rollup::Entity::find()
                .select_only()
                .column(rollup::Column::Value)
                .distinct()
                .filter(rollup::Column::ComponentId.eq(want.component))
                .filter(rollup::Column::ResolutionMs.eq(DAY_MS))
                .into_tuple()
                .all(&services.db.read)
                .await?
        }
    };
    // Rounded up: what was before the beginning may be another owner's.
    let start = (want.from + resolution - 1).div_euclid(resolution) * resolution;
    let mut points = Points::new();
    for value in values {
        let rows: Vec<(i64, f64, f64, f64, i64, bool)> = rollup::Entity::find()
            .select_only()
            .columns([
                rollup::Column::BucketMs,
                rollup::Column::Min,
                rollup::Column::Max,
                rollup::Column::Sum,
                rollup::Column::Count,
                rollup::Column::Late,
            ])
            .filter(rollup::Column::ComponentId.eq(want.component))
            .filter(rollup::Column::Value.eq(&value))
            .filter(rollup::Column::ResolutionMs.eq(resolution))
            .filter(rollup::Column::BucketMs.gte(start))
            .filter(rollup::Column::BucketMs.lt(want.to))
            .order_by_asc(rollup::Column::BucketMs)
            .into_tuple()
            .all(&services.db.read)
            .await?;
        let line = rows
            .into_iter()
            .map(|(at, min, max, sum, count, late)| Point {
                at: TimestampMs(at),
                min,
                max,
                mean: mean(sum, count),
                count: u32::try_from(count).unwrap_or(u32::MAX),
                late,
            })
            .collect();
        points.insert(value, line);
    }
    Ok(points)
}

/// Merges points into buckets of `bucket_ms` from `from` on; smallest and largest readings stay.
fn merge(points: Vec<Point>, from: i64, bucket_ms: i64) -> Vec<Point> {
    let mut merged: Vec<Point> = Vec::new();
    for point in points {
        let at = TimestampMs(from + (point.at.0 - from).div_euclid(bucket_ms) * bucket_ms);
        match merged.last_mut() {
            Some(bucket) if bucket.at == at => {
                let sum =
                    bucket.mean * f64::from(bucket.count) + point.mean * f64::from(point.count);
                bucket.min = bucket.min.min(point.min);
                bucket.max = bucket.max.max(point.max);
                bucket.count = bucket.count.saturating_add(point.count);
                bucket.mean = sum / f64::from(bucket.count.max(1));
                bucket.late |= point.late;
            }
            _ => merged.push(Point { at, ..point }),
        }
    }
    merged
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a bucket holds fewer readings than a double counts"
)]
fn mean(sum: f64, count: i64) -> f64 {
    sum / (count.max(1) as f64)
}
