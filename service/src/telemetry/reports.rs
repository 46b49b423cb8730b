//! Single reports as they came, page by page, and series in buckets of a wanted length.

use domain::{
    AppError, TimestampMs,
    telemetry::{Report, ReportPage, ReportQuery},
};
use entity::report::{Column, Entity};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{numbers::sequence_of, series::component_of};
use crate::{Services, ViewerOf, internal};

/// Reports of one page at most.
pub const MOST_REPORTS_OF_PAGE: u32 = 5_000;

/// A page of the reports of one component, oldest first. A report is in one page only, also where others
/// come late between two pages.
pub async fn reports(
    services: &Services,
    viewer: &ViewerOf,
    query: &ReportQuery,
) -> Result<ReportPage, AppError> {
    let component = component_of(services, viewer, &query.component).await?;
    let limit = query.limit.clamp(1, MOST_REPORTS_OF_PAGE);
    let from = query.period.from().0.max(viewer.history_from_ms);
    let mut filter = Condition::all()
        .add(Column::ComponentId.eq(component.id))
        .add(Column::AtMs.gte(from))
        .add(Column::AtMs.lt(query.period.to().0));
    if let Some((at, sequence)) = query.after {
        let later = Condition::any().add(Column::AtMs.gt(at.0)).add(
            Condition::all()
                .add(Column::AtMs.eq(at.0))
                .add(Column::Sequence.gt(sequence)),
        );
        // The first bound is what the index is entered by.
        filter = filter.add(Column::AtMs.gte(at.0)).add(later);
    }
    let mut rows = Entity::find()
        .filter(filter)
        .order_by_asc(Column::AtMs)
        .order_by_asc(Column::Sequence)
        .limit(u64::from(limit) + 1)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        rows.pop();
    }
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| (TimestampMs(row.at_ms), row.sequence));
    let items = rows
        .into_iter()
        .map(|row| Report {
            at: TimestampMs(row.at_ms),
            received_at: TimestampMs(row.received_ms),
            sequence: i64::try_from(sequence_of(row.sequence).0).unwrap_or(i64::MAX),
            late: row.late,
            status: row.status,
            values: row.readings,
        })
        .collect();
    Ok(ReportPage { items, next })
}
