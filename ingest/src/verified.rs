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
        // Each report is judged by its own moment. An identity is said once a connection, and without it all that follows
        // is kept apart: a slow clock must not do that. A command may come right after the claim, hence the five minutes.
        let answers = matches!(received.topic, Topic::Result { .. } | Topic::OtaStatus(_));
        if answers && sender.claimed_ms - envelope.timestamp.0 > LATE_AFTER_MS {
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
