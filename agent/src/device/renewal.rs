//! A certificate is renewed before it ends, in two steps: another one for a new key beside the old, and the change to
//! it once the broker lets it in.
//!
//! Invariant: until then key and certificate of before are kept, and used where the new ones are refused. Key and
//! certificate change together, by one replacement of one file.

use std::{sync::Arc, time::Duration};

use protocol::TimestampMs;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{Device, RunError};
use crate::{
    enroll,
    folder::Renewed,
    rest::{AskError, Caller},
    trust,
};

/// How long the next try waits after a failure, before it is jittered.
const RETRY: Duration = Duration::from_hours(1);

/// Which of its certificates a device shows, and when it asks for another.
pub(super) struct Renewing {
    /// Whether the next connection is tried with the new one.
    new: bool,
    /// Not before then.
    again_at: Option<Instant>,
}

impl Renewing {
    /// What was begun before the start goes on with the new certificate.
    pub(super) fn new() -> Self {
        Self {
            new: true,
            again_at: None,
        }
    }
}

impl Device {
    /// Asks for another certificate when it is time.
    pub(super) fn renew_when_due(&mut self) -> Result<(), RunError> {
        let waits = self.renewing.again_at.is_some_and(|at| at > Instant::now());
        if waits || self.site.renewed.is_some() || self.errand.is_some() {
            return Ok(());
        }
        let due = trust::validity(&self.credentials()?.certificate)
            .map(|(from, to, certificate)| due(from, to, &certificate));
        let Some(owned) = self
            .owned
            .as_ref()
            .filter(|_| due.is_some_and(|at| at <= crate::now()))
        else {
            return Ok(());
        };
        let key_file = self.site.next_key_file();
        let csr = enroll::signing_request(&self.folder.key_pem(&key_file)?)
            .map_err(|error| RunError::Credentials(error.to_string()))?;
        let sequence = self.store.next_sequence()?;
        let caller = Caller::new(&self.site, self.id, &owned.secret, sequence);
        self.go_for_certificate(async move { caller?.certificate(csr, key_file).await });
        Ok(())
    }

    /// Takes the new certificate over; `true` when it is to be tried at once.
    pub(super) fn take_certificate(
        &mut self,
        given: Result<Renewed, AskError>,
    ) -> Result<bool, RunError> {
        let checked = given
            .map_err(|error| error.to_string())
            .and_then(|renewed| {
                let credentials = self.site.credentials.as_ref().ok_or("not enrolled")?;
                let key = self
                    .folder
                    .key_pem(&renewed.key_file)
                    .map_err(|error| error.to_string())?;
                // Fails where the certificate is not for this key.
                trust::mutual(&credentials.ca, &renewed.certificate, &key)
                    .map_err(|error| error.to_string())?;
                Ok(renewed)
            });
        match checked {
            Ok(renewed) => {
                tracing::info!(device = %self.id, "the certificate is renewed");
                self.site.renewed = Some(renewed);
                self.folder.save_site(&self.site)?;
                self.renewing = Renewing::new();
                Ok(true)
            }
            Err(reason) => {
                tracing::warn!(device = %self.id, "the certificate is not renewed: {reason}");
                self.try_later();
                Ok(false)
            }
        }
    }

    fn try_later(&mut self) {
        let pause = RETRY.mul_f64(rand::rng().random_range(0.5..1.5));
        self.renewing.again_at = Some(Instant::now() + pause);
    }

    /// What the next connection shows.
    pub(super) fn shown(&self) -> Result<Arc<rustls::ClientConfig>, RunError> {
        let credentials = self.credentials()?;
        let (certificate, key_file) = match &self.site.renewed {
            Some(renewed) if self.renewing.new => (&renewed.certificate, &renewed.key_file),
            _ => (&credentials.certificate, &self.site.key_file),
        };
        let key = self.folder.key_pem(key_file)?;
        trust::mutual(&credentials.ca, certificate, &key)
            .map(Arc::new)
            .map_err(|error| RunError::Credentials(error.to_string()))
    }

    /// A connection has failed: where there are two certificates, the next one shows the other.
    pub(super) fn show_the_other(&mut self) -> Result<Option<Arc<rustls::ClientConfig>>, RunError> {
        if self.site.renewed.is_none() {
            return Ok(None);
        }
        self.renewing.new = !self.renewing.new;
        self.shown().map(Some)
    }

    /// The server has let the shown certificate in: the other one is no longer needed.
    pub(super) fn let_in(&mut self) -> Result<(), RunError> {
        let Some(renewed) = self.site.renewed.take() else {
            return Ok(());
        };
        let unused = if self.renewing.new {
            let credentials = self.site.credentials.as_mut();
            credentials.ok_or(RunError::NotEnrolled)?.certificate = renewed.certificate;
            std::mem::replace(&mut self.site.key_file, renewed.key_file)
        } else {
            tracing::warn!(device = %self.id, "the renewed certificate was refused; the former one still serves");
            self.try_later();
            renewed.key_file
        };
        self.folder.save_site(&self.site)?;
        if let Err(error) = self.folder.forget_key(&unused) {
            tracing::warn!(device = %self.id, "a key that is no longer used was not deleted: {error}");
        }
        Ok(())
    }
}

/// When a certificate is renewed: after two thirds of its time and before five sixths of it, at a moment that is its
/// own, so that a site's devices do not come all at once.
fn due(from: TimestampMs, to: TimestampMs, certificate: &[u8]) -> TimestampMs {
    let lifetime = to.since(from).max(0);
    let digest = Sha256::digest(certificate);
    let share = i64::from(u16::from_be_bytes([digest[0], digest[1]]));
    let jitter = lifetime / 6 / i64::from(u16::MAX) * share;
    from.plus_ms(lifetime / 3 * 2 + jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_the_same_day_are_renewed_on_many_days() {
        let day = 86_400_000;
        let (from, to) = (TimestampMs(1_000), TimestampMs(1_000 + 397 * day));
        let days: std::collections::BTreeSet<i64> = (0..1_000_u32)
            .map(|number| {
                let at = due(from, to, &number.to_be_bytes());
                assert_eq!(
                    at,
                    due(from, to, &number.to_be_bytes()),
                    "the same after a restart"
                );
                at.since(from) / day
            })
            .collect();
        assert!(
            days.first() >= Some(&264) && days.last() <= Some(&331),
            "{days:?}"
        );
        assert!(days.len() > 60, "{}", days.len());
        assert!(
            due(to, from, b"").0 >= to.0,
            "a certificate without a lifetime is no panic"
        );
    }
}
