//! Slows down and limits wrong tries: passwords, enrolment codes, invitations, setup codes.
//!
//! Only wrong tries count: a try is noted when it begins, so that many at once cannot slip through, and
//! taken back when it was right. Why not a general rate limiter: none takes a try back.

use std::{collections::HashMap, time::Duration};

use domain::{AppError, TimestampMs};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::Services;

/// The time over which wrong tries are counted.
const WINDOW_MS: i64 = 60_000;
/// Wrong tries for one address (of a person or a device) in that time.
const PER_SUBJECT: usize = 5;
/// Wrong tries from one client in that time; several people may sit behind one address.
const PER_CLIENT: usize = 20;
/// Subjects remembered before those whose time is over are dropped.
const SWEEP_AT: usize = 10_000;
/// Passwords hashed at the same time.
const HASHING: usize = 3;

/// The limiters of this process.
#[derive(Debug)]
pub struct Limits {
    tries: Mutex<HashMap<String, Vec<i64>>>,
    pub(super) hashing: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tries: Mutex::default(),
            hashing: Semaphore::new(HASHING),
        }
    }
}

/// A try that has begun; it counts as wrong unless it succeeds.
#[derive(Debug)]
#[must_use]
pub struct Try<'a> {
    limits: &'a Limits,
    keys: Vec<(String, i64)>,
    wrong_before: u32,
}

impl Limits {
    /// Begins a try of `purpose` (such as `password`) for `subject` by the client at `address`, or says
    /// when to come again.
    pub fn begin(
        &self,
        purpose: &str,
        subject: &str,
        address: Option<&str>,
        now: TimestampMs,
    ) -> Result<Try<'_>, AppError> {
        let mut limited = vec![(format!("{purpose}:{subject}"), PER_SUBJECT)];
        if let Some(address) = address {
            limited.push((format!("{purpose}@{address}"), PER_CLIENT));
        }
        let mut tries = self.tries.lock();
        if tries.len() > SWEEP_AT {
            tries.retain(|_, at| at.iter().any(|at| now.0 - at < WINDOW_MS));
        }
        for (key, limit) in &limited {
            let at = tries.entry(key.clone()).or_default();
            at.retain(|at| now.0 - at < WINDOW_MS);
            if at.len() >= *limit {
                let wait_ms = at[at.len() - limit] + WINDOW_MS - now.0;
                let retry_after_s = u32::try_from(wait_ms.max(0) / 1_000 + 1).unwrap_or(60);
                return Err(AppError::TooMany { retry_after_s });
            }
        }
        let wrong_before = tries.get(&limited[0].0).map_or(0, Vec::len);
        for (key, _) in &limited {
            tries.entry(key.clone()).or_default().push(now.0);
        }
        Ok(Try {
            limits: self,
            keys: limited.into_iter().map(|(key, _)| (key, now.0)).collect(),
            wrong_before: u32::try_from(wrong_before).unwrap_or(u32::MAX),
        })
    }
}

impl Try<'_> {
    /// It was right: it does not count.
    pub fn succeed(self) {
        let mut tries = self.limits.tries.lock();
        for (key, at) in &self.keys {
            if let Some(times) = tries.get_mut(key) {
                if let Some(index) = times.iter().position(|t| t == at) {
                    times.swap_remove(index);
                }
                if times.is_empty() {
                    tries.remove(key);
                }
            }
        }
    }

    /// It was wrong: waits, longer each time, before the answer.
    pub async fn fail(self) {
        let wait_ms = 100_u64 << self.wrong_before.min(4);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

/// As [`Limits::begin`], now.
pub fn begin<'a>(
    services: &'a Services,
    purpose: &str,
    subject: &str,
    address: Option<&str>,
) -> Result<Try<'a>, AppError> {
    services
        .limits
        .begin(purpose, subject, address, services.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_tries_a_minute_and_right_ones_do_not_count() {
        let limits = Limits::default();
        let begin = |at| limits.begin("password", "kim", None, TimestampMs(at));
        for at in 0..20 {
            begin(at).unwrap().succeed();
        }
        let wrong: Vec<_> = (0..5).map(|at| begin(at).unwrap()).collect();
        assert_eq!(wrong.len(), 5);
        assert!(matches!(
            begin(10).unwrap_err(),
            AppError::TooMany { retry_after_s: 60 }
        ));
        drop(wrong);
        assert!(begin(59_000).is_err(), "dropping is not succeeding");
        assert!(begin(60_000).is_ok(), "the first has expired");
        assert!(
            limits
                .begin("password", "lee", None, TimestampMs(10))
                .is_ok()
        );
    }

    #[test]
    fn one_client_is_limited_over_all_subjects() {
        let limits = Limits::default();
        for n in 0..20 {
            let _wrong = limits
                .begin("code", &n.to_string(), Some("192.0.2.1"), TimestampMs(n))
                .unwrap();
        }
        assert!(
            limits
                .begin("code", "x", Some("192.0.2.1"), TimestampMs(30))
                .is_err()
        );
        assert!(
            limits
                .begin("code", "x", Some("192.0.2.2"), TimestampMs(30))
                .is_ok()
        );
    }
}
