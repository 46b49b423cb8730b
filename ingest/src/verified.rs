//! A message whose signature is that of its sender's present ownership.

use std::{borrow::Cow, fmt::Write as _};

use domain::{device::Lifecycle, event::RefusalReason};
use protocol::{Envelope, LATE_AFTER_MS, Topic};
use serde_json::{Map, Value};
use service::{devices::directory::Known, storable::storable};

use crate::Received;

/// A message whose signature, owner and time are right.
#[derive(Debug)]
pub(crate) struct Verified<'a> {
    pub received: &'a Received,
    pub sender: &'a Known,
    pub envelope: &'a Envelope,
    /// What it says, in what the store can keep; the signature is that of what was sent.
    pub body: Cow<'a, Map<String, Value>>,
}

impl<'a> Verified<'a> {
    /// Checks the signature, the owner that the topic names, and the clock.
    pub(crate) fn check(
        received: &'a Received,
        sender: &'a Known,
        envelope: &'a Envelope,
    ) -> Result<Self, RefusalReason> {
        if sender.lifecycle == Lifecycle::Revoked || sender.blocked {
            return Err(RefusalReason::ForbiddenPublish);
        }
        let unclaimed = sender.lifecycle == Lifecycle::Unclaimed;
        match (&sender.secret, &received.topic) {
            // An unclaimed device has nothing to sign with; its certificate speaks for it.
            (None, Topic::Identity(_)) if unclaimed => {}
            (None, _) => return Err(RefusalReason::ForbiddenPublish),
            (Some(secret), topic) => {
                let mut text = String::with_capacity(160);
                if write!(text, "{topic}").is_err() || !envelope.verify(&text, secret) {
                    return Err(RefusalReason::WrongSignature);
                }
            }
        }
        if let Topic::Report { owner, .. } | Topic::Batch { owner, .. } = &received.topic
            && !sender.is_owned_by(owner, received.received_at)
        {
            return Err(RefusalReason::WrongOwner);
        }
        if envelope.timestamp.since(received.received_at) > LATE_AFTER_MS {
            return Err(RefusalReason::ClockAhead);
        }
        // Each report is judged by its own moment. Who a device is and what it did is no former owner's measurement, and
        // a device speaks right after its claim: a clock that is a little slow must not shut it out. An unclaimed one has no
        // claim to be older than.
        let claimed = sender.secret.as_ref().map(|_| sender.claimed_ms);
        let is_before = |claimed| claimed - envelope.timestamp.0 > LATE_AFTER_MS;
        if !received.has_reports() && claimed.is_some_and(is_before) {
            return Err(RefusalReason::TooOld);
        }
        Ok(Self {
            received,
            sender,
            envelope,
            body: storable(&envelope.body),
        })
    }
}
