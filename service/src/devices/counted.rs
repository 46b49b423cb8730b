//! How many devices there are, kept until one of them changes: every page of a list says it, and
//! counting ten thousand rows costs more than reading the fifty that are shown.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use domain::{AppError, device::PresenceCounts};
use parking_lot::Mutex;

use crate::Services;

/// Another process may change what this one counted, and need not say so.
const AT_MOST: Duration = Duration::from_secs(2);
/// Different questions that are kept.
const MOST: usize = 4_096;

/// The counts that still hold.
#[derive(Debug, Default)]
pub struct Counted(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    changes: u64,
    answers: HashMap<String, (Answer, Instant)>,
}

/// An answer that was counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Total(u64),
    ByStatus(PresenceCounts),
}

impl Counted {
    /// The answer to `question`, counted where no kept one holds.
    pub(super) async fn answer(
        &self,
        services: &Services,
        question: String,
        count: impl AsyncFnOnce() -> Result<Answer, AppError>,
    ) -> Result<Answer, AppError> {
        let changes = services.bus.device_changes();
        {
            let mut kept = self.0.lock();
            if kept.changes != changes || kept.answers.len() >= MOST {
                kept.answers.clear();
                kept.changes = changes;
            }
            if let Some((answer, at)) = kept.answers.get(&question)
                && at.elapsed() < AT_MOST
            {
                return Ok(*answer);
            }
        }
        let answer = count().await?;
        let mut kept = self.0.lock();
        // What changed while it was counted may not be in it.
        if kept.changes == changes && services.bus.device_changes() == changes {
            kept.answers.insert(question, (answer, Instant::now()));
        }
        Ok(answer)
    }
}
