//! Telemetry: the group commit, the history behind the charts, rollups and retention.
//!
//! A report is answered after its commit, never before; what was stored once is never stored twice.

mod batch;
pub mod commit;
mod compare;
mod held;
mod live;
mod numbers;
mod reports;
mod resent;
mod retention;
mod rollup;
mod room;
mod rows;
mod series;
mod table;
mod told;
mod touched;
pub mod window;

use domain::AppError;
use protocol::Sequence;
use sea_orm::EntityTrait as _;

use crate::{Services, accounts::actor::DeviceRef, internal};

pub use commit::{CommitCounters, Committed, Committer, Incoming, ReportPart, Ticket};
pub use compare::{MOST_LINES, compare, drawable};
pub(crate) use held::{Held, HeldState, Rewritten, begin_ownership, rewrite};
pub(crate) use numbers::{Numbers, sequence_of};
pub use reports::{MOST_REPORTS_OF_PAGE, reports};
pub use retention::{Keep, delete_old, keep_reports};
pub use rollup::{roll_due, roll_up};
pub use series::{MOST_POINTS, buckets, series};

/// Whether a sequence of a device's ownership was stored; what is under way at this moment is not seen.
pub async fn seen(
    services: &Services,
    device: DeviceRef,
    ownership: i64,
    sequence: Sequence,
) -> Result<window::Seen, AppError> {
    let row = entity::device_live::Entity::find_by_id(device.id)
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .filter(|row| row.ownership == ownership);
    Ok(row.map_or(window::Seen::New, |row| {
        let window = window::SequenceWindow::from_parts(row.sequence_high, &row.sequence_bits);
        window.look(sequence.0)
    }))
}

/// The state of a device as it is stored.
pub(crate) fn state_of(row: &entity::device_live::Model) -> crate::state_cache::CachedState {
    live::cached(row)
}
