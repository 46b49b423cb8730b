//! Slows down and limits wrong tries: passwords, enrolment codes, invitations, setup codes; and accounts that somebody
//! makes whom nobody invited.
//!
//! Only wrong tries count; of accounts every one does, as nothing says who is right. A try takes a place when it begins,
//! so that many at once cannot slip through; where no place is left, the next one waits until it is known whether one of
//! those was right. Why not a general rate limiter: none takes a try back.

use std::{collections::HashMap, time::Duration};

use domain::{AppError, TimestampMs};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

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
    tries: Mutex<HashMap<String, Tries>>,
    settled: Notify,
    pub(super) hashing: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tries: Mutex::default(),
            settled: Notify::new(),
            hashing: Semaphore::new(HASHING),
        }
    }
}

/// The tries of one subject or client.
#[derive(Debug, Default)]
struct Tries {
    /// When the wrong ones began.
    wrong: Vec<i64>,
    /// Those that are under way.
    pending: usize,
}

/// A try that has begun; it counts as wrong unless it succeeds, also where nobody waits for its answer.
#[derive(Debug)]
#[must_use]
pub struct Try<'a> {
    limits: &'a Limits,
    keys: Vec<String>,
    began: i64,
    wrong_before: u32,
    settled: bool,
}

impl Limits {
    /// Begins a try of `purpose` (such as `password`) for `subject` by the client at `address`, or says
    /// when to come again. Waits for tries under way where they may yet turn out right.
    pub async fn begin(
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
        loop {
            // Listening before looking: what settles in between is not missed.
            let mut settled = std::pin::pin!(self.settled.notified());
            settled.as_mut().enable();
            if let Some(begun) = self.take_place(&limited, now)? {
                return Ok(begun);
            }
            settled.await;
        }
    }

    /// A place for a try; none where those under way may fill them all.
    fn take_place(
        &self,
        limited: &[(String, usize)],
        now: TimestampMs,
    ) -> Result<Option<Try<'_>>, AppError> {
        let mut tries = self.tries.lock();
        if tries.len() > SWEEP_AT {
            tries.retain(|_, tries| {
                tries.pending > 0 || tries.wrong.iter().any(|at| now.0 - at < WINDOW_MS)
            });
        }
        let mut is_full = false;
        for (key, limit) in limited {
            let Some(known) = tries.get_mut(key) else {
                continue;
            };
            let at = &mut known.wrong;
            at.retain(|at| now.0 - at < WINDOW_MS);
            if at.len() >= *limit {
                let wait_ms = at[at.len() - limit] + WINDOW_MS - now.0;
                let retry_after_s = u32::try_from(wait_ms.max(0) / 1_000 + 1).unwrap_or(60);
                return Err(AppError::TooMany { retry_after_s });
            }
            is_full |= at.len() + known.pending >= *limit;
        }
        if is_full {
            return Ok(None);
        }
        let before = tries.get(&limited[0].0);
        let wrong_before = before.map_or(0, |known| known.wrong.len() + known.pending);
        for (key, _) in limited {
            tries.entry(key.clone()).or_default().pending += 1;
        }
        Ok(Some(Try {
            limits: self,
            keys: limited.iter().map(|(key, _)| key.clone()).collect(),
            began: now.0,
            wrong_before: u32::try_from(wrong_before).unwrap_or(u32::MAX),
            settled: false,
        }))
    }
}

impl Try<'_> {
    /// It was right: it does not count.
    pub fn succeed(mut self) {
        self.settle(true);
    }

    /// It was wrong: waits, longer each time, before the answer.
    pub async fn fail(mut self) {
        self.settle(false);
        let wait_ms = 100_u64 << self.wrong_before.min(4);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }

    fn settle(&mut self, right: bool) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let mut tries = self.limits.tries.lock();
        for key in &self.keys {
            let Some(known) = tries.get_mut(key) else {
                continue;
            };
            known.pending = known.pending.saturating_sub(1);
            if !right {
                known.wrong.push(self.began);
                known.wrong.sort_unstable();
            }
            if known.pending == 0 && known.wrong.is_empty() {
                tries.remove(key);
            }
        }
        drop(tries);
        self.limits.settled.notify_waiters();
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        self.settle(false);
    }
}

/// As [`Limits::begin`], now.
pub async fn begin<'a>(
    services: &'a Services,
    purpose: &str,
    subject: &str,
    address: Option<&str>,
) -> Result<Try<'a>, AppError> {
    services
        .limits
        .begin(purpose, subject, address, services.now())
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn five_wrong_tries_a_minute_and_right_ones_do_not_count() {
        let limits = Limits::default();
        let begin = async |at| limits.begin("password", "kim", None, TimestampMs(at)).await;
        for at in 0..20 {
            begin(at).await.unwrap().succeed();
        }
        for at in 0..5 {
            drop(begin(at).await.unwrap());
        }
        assert!(matches!(
            begin(10).await.unwrap_err(),
            AppError::TooMany { retry_after_s: 60 }
        ));
        assert!(begin(59_000).await.is_err(), "dropping is not succeeding");
        assert!(begin(60_000).await.is_ok(), "the first has expired");
        let other = limits.begin("password", "lee", None, TimestampMs(10));
        assert!(other.await.is_ok());
    }

    #[tokio::test]
    async fn one_client_is_limited_over_all_subjects() {
        let limits = Limits::default();
        for n in 0..20 {
            let subject = n.to_string();
            let wrong = limits.begin("code", &subject, Some("192.0.2.1"), TimestampMs(n));
            drop(wrong.await.unwrap());
        }
        let same = limits.begin("code", "x", Some("192.0.2.1"), TimestampMs(30));
        assert!(same.await.is_err());
        let other = limits.begin("code", "x", Some("192.0.2.2"), TimestampMs(30));
        assert!(other.await.is_ok());
    }

    #[tokio::test]
    async fn the_sixth_at_once_waits_for_how_the_others_end() {
        use futures::FutureExt as _;
        for right in [true, false] {
            let limits = Limits::default();
            let begin = || limits.begin("password", "kim", None, TimestampMs(0));
            let mut first = Vec::new();
            for _ in 0..5 {
                first.push(begin().await.unwrap());
            }
            let mut sixth = Box::pin(begin());
            assert!(sixth.as_mut().now_or_never().is_none(), "it waits");
            for attempt in first {
                match right {
                    true => attempt.succeed(),
                    false => drop(attempt),
                }
            }
            assert_eq!(sixth.await.is_ok(), right);
        }
    }
}
