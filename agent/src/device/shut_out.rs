//! A device that its site lets in no more: the broker does not say why, so it is asked over HTTPS.
//!
//! Invariant: only the site's own word that the device was revoked ends it. Whatever else is wrong may pass, and what is
//! measured meanwhile is kept.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

use super::{Device, RunError};
use crate::rest::{AskError, Caller};

/// When a device that is not let in asks why.
#[derive(Default)]
pub(super) struct ShutOut {
    /// None while it is let in.
    ask_at: Option<Instant>,
}

impl ShutOut {
    /// A connection has ended; the first one that does after the device was let in counts.
    pub(super) fn began(&mut self, patience: Duration) {
        if self.ask_at.is_none() {
            self.ask_later(patience);
        }
    }

    /// At a moment of its own, so that a site that was down is not asked by all of its devices at once.
    fn ask_later(&mut self, patience: Duration) {
        let pause = patience.mul_f64(rand::rng().random_range(0.5..1.5));
        self.ask_at = Some(Instant::now() + pause);
    }
}

impl Device {
    /// Asks the site whether it still knows the device, when that is due. Who is not owned asks for an owner anyway.
    pub(super) fn ask_whether_revoked(&mut self) -> Result<(), RunError> {
        let due = self.shut_out.ask_at.is_some_and(|at| at <= Instant::now());
        if !due || self.errand.is_some() {
            return Ok(());
        }
        let Some(owned) = &self.owned else {
            return Ok(());
        };
        let sequence = self.store.next_sequence()?;
        let caller = Caller::new(&self.site, self.id, &owned.secret, sequence);
        self.shut_out.ask_later(self.settings.shut_out_patience);
        self.go_to_be_known(async move { caller?.check_known().await });
        Ok(())
    }

    /// What the site said; it has not said that the device was revoked.
    pub(super) fn note_known(&self, known: Result<(), AskError>) {
        match known {
            Ok(()) => tracing::info!(device = %self.id, "not let in, and not revoked either"),
            Err(error) => {
                tracing::info!(device = %self.id, "not let in, and the site does not say why: {error}");
            }
        }
    }
}
