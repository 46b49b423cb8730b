//! What is known of a device between commits: its place in the order, its state, and when it was heard last.

use domain::TimestampMs;

use super::{
    held::{Held, HeldState},
    room,
    window::SequenceWindow,
};
use crate::state_cache::CachedState;

/// A row of `device_live`, as the committer works on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    pub ownership: i64,
    pub window: SequenceWindow,
    pub state: HeldState,
    /// What the state weighs, in bytes.
    pub bytes: usize,
    pub last_report: Option<TimestampMs>,
    pub last_received: Option<TimestampMs>,
    pub skew_ms: Option<i64>,
}

impl Live {
    /// As the state cache holds it.
    pub(super) fn cached(&self, revision: u64) -> CachedState {
        let values = self.state.iter();
        let forced = |(key, held): (&String, &Held)| {
            let forced = held.2.as_deref()?;
            Some((key.clone(), forced.clone()))
        };
        CachedState {
            revision,
            state: values
                .clone()
                .map(|(key, held)| (key.clone(), held.0.clone()))
                .collect(),
            // What was never reported was never measured.
            state_at: values
                .clone()
                .filter(|(_, held)| held.1.0 > 0)
                .map(|(key, held)| (key.clone(), held.1))
                .collect(),
            forced: values.filter_map(forced).collect(),
        }
    }
}

impl From<entity::device_live::Model> for Live {
    fn from(row: entity::device_live::Model) -> Self {
        let state: HeldState = serde_json::from_value(row.state).unwrap_or_default();
        Self {
            ownership: row.ownership,
            window: SequenceWindow::from_parts(row.sequence_high, &row.sequence_bits),
            bytes: room::of_state(&state),
            state,
            last_report: row.last_report_ms.map(TimestampMs),
            last_received: row.last_received_ms.map(TimestampMs),
            skew_ms: row.clock_skew_ms,
        }
    }
}

/// The state of a device as it is stored.
pub(super) fn cached(row: &entity::device_live::Model) -> CachedState {
    let revision = u64::try_from(row.revision).unwrap_or_default();
    Live::from(row.clone()).cached(revision)
}
