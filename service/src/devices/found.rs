//! What searches have found, kept until a device changes: every page of a list says how many there are
//! in all, and counting and sorting ten thousand rows costs more than reading the fifty that are shown.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{AppError, device::PresenceCounts, tag::TagCounts};
use parking_lot::Mutex;

use crate::Services;

/// Another process may change what this one found, and need not say so.
const AT_MOST: Duration = Duration::from_secs(2);
/// Different questions that are kept.
const MOST: usize = 4_096;

/// The answers that still hold.
#[derive(Debug, Default)]
pub struct Found(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    changes: u64,
    answers: HashMap<String, (Answer, Instant)>,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Total(u64),
    ByStatus(PresenceCounts),
    ByTag(Arc<TagCounts>),
    Ids(Arc<Vec<i64>>),
}

impl Found {
    /// The answer to `question`, found where no kept one holds.
    pub(super) async fn answer(
        &self,
        services: &Services,
        question: String,
        find: impl AsyncFnOnce() -> Result<Answer, AppError>,
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
                return Ok(answer.clone());
            }
        }
        let answer = find().await?;
        let mut kept = self.0.lock();
        // What changed while it was found may not be in it.
        if kept.changes == changes && services.bus.device_changes() == changes {
            kept.answers
                .insert(question, (answer.clone(), Instant::now()));
        }
        Ok(answer)
    }
}
