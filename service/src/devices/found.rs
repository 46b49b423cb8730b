//! What a list shows, kept until a device changes: every page says how many there are in all, and counting and sorting
//! ten thousand rows costs more than reading the fifty that are shown, which in turn cost more than showing them.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{AppError, device::PresenceCounts, tag::TagCounts};
use parking_lot::Mutex;

use crate::Services;

/// Another process may change what this one found, and need not say so.
const AT_MOST: Duration = Duration::from_secs(2);
/// Things that are kept, in all answers together.
const MOST: usize = 65_536;

/// The answers that still hold.
#[derive(Debug, Default)]
pub struct Found(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// How often a device had changed, as the bus counts it.
    changes: u64,
    /// How often something else had.
    forgotten: u64,
    answers: HashMap<Question, (Arc<dyn Any + Send + Sync>, Instant)>,
    /// How many things they hold.
    holds: usize,
}

/// What was asked, and what kind of an answer it has.
type Question = (TypeId, String);

/// What can be kept.
pub(crate) trait Answer: Send + Sync + 'static {
    /// How many things it holds.
    fn size(&self) -> usize;
}

impl Answer for u64 {
    fn size(&self) -> usize {
        1
    }
}

impl Answer for PresenceCounts {
    fn size(&self) -> usize {
        1
    }
}

impl Answer for TagCounts {
    fn size(&self) -> usize {
        self.tags.len() + 1
    }
}

impl<T: Send + Sync + 'static> Answer for Vec<T> {
    fn size(&self) -> usize {
        self.len() + 1
    }
}

impl Kept {
    /// Forgets everything where devices have changed since.
    fn up_to(&mut self, changes: u64) {
        if self.changes != changes || self.holds >= MOST {
            self.clear();
            self.changes = changes;
        }
    }

    fn clear(&mut self) {
        self.answers.clear();
        self.holds = 0;
    }
}

impl Found {
    /// The answer to `question`, found where no kept one holds.
    pub(crate) async fn answer<T: Answer>(
        &self,
        services: &Services,
        question: String,
        find: impl AsyncFnOnce() -> Result<T, AppError>,
    ) -> Result<Arc<T>, AppError> {
        let question = (TypeId::of::<T>(), question);
        let changes = services.bus.device_changes();
        let forgotten = {
            let mut kept = self.0.lock();
            kept.up_to(changes);
            if let Some((answer, at)) = kept.answers.get(&question)
                && at.elapsed() < AT_MOST
                && let Ok(answer) = answer.clone().downcast()
            {
                return Ok(answer);
            }
            kept.forgotten
        };
        let answer = Arc::new(find().await?);
        let mut kept = self.0.lock();
        // What changed while it was found may not be in it.
        let still = (kept.changes, kept.forgotten) == (changes, forgotten);
        if still && services.bus.device_changes() == changes {
            // One that stood there already counts twice: the bound comes earlier, never later.
            kept.holds += answer.size();
            kept.answers
                .insert(question, (answer.clone(), Instant::now()));
        }
        Ok(answer)
    }

    /// What was found holds no longer, for another reason than that a device has changed.
    pub(super) fn forget(&self) {
        let mut kept = self.0.lock();
        kept.clear();
        kept.forgotten += 1;
    }
}
