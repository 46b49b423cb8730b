//! The stages in their order, and what is answered at the end.

use std::{sync::Arc, time::Duration};

use domain::{AppError, DeviceId, Email, event::RefusalReason, traffic::Fate};
use protocol::Topic;
use service::{
    Services,
    devices::{client_state, directory::Directory},
    telemetry::{Committer, Ticket},
    traffic::{self, Passing},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    Received,
    known::Known,
    received::Said,
    refusals::Refusals,
    signatures::Signatures,
    stored::{Stored, Taken},
    verified::Verified,
};

/// Between two tries to store a message while the database is away.
const RETRY: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable, now or before: acknowledge.
    Stored,
    /// Refused for good, counted and logged: acknowledge, with the reason where the protocol has room.
    Refused(RefusalReason),
    /// It could not be stored now: do not acknowledge; the sender keeps it.
    NotNow(AppError),
}

/// The pipeline; cheap to clone.
///
/// What happens to few messages is boxed: thousands of them wait at a time, and each would have the size
/// of the largest query that one of them may need.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub(crate) services: Services,
    pub(crate) committer: Committer,
    pub(crate) directory: Directory,
    pub(crate) signatures: Signatures,
    pub(crate) refusals: Refusals,
}

impl Pipeline {
    /// A pipeline into this committer.
    pub fn new(services: Services, committer: Committer, directory: Directory) -> Self {
        Self {
            refusals: Refusals::new(services.clone(), directory.clone()),
            services,
            committer,
            directory,
            signatures: Signatures::default(),
        }
    }

    /// What is known of the devices.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The short way of most messages: a report that is right and whose device is known is in the
    /// committer's hands at once. `None` for every other, which goes the long way of
    /// [`Pipeline::keep_trying`], with its reasons.
    ///
    /// It is no future, so that a message keeps little while it waits: there are thousands of them.
    pub fn at_once(&self, received: &Received) -> Option<Ticket> {
        let sender = received.sender.as_ref()?;
        let known = match &received.session {
            Some(session) => session.said() == Said::Known,
            None => sender.held.is_none(),
        };
        if !known || !matches!(received.topic, Topic::Report { .. }) || !sender.code_spent {
            return None;
        }
        if traffic::is_watched(&self.services, received.device) {
            return None;
        }
        let envelope = received.open().ok()?;
        let verified = Verified::check(received, sender, &envelope).ok()?;
        let ready = Known::resolve(&verified).ok()?;
        self.committer.offer(ready.incoming).ok()
    }

    /// As [`Pipeline::take`], again and again until it is stored or refused; `None` where its sender has
    /// `gone` meanwhile or the program is to `stop`: then it must not be acknowledged.
    ///
    /// Each try is a task of its own: a session that waits to write to its device polls none of its messages, and one
    /// that has the writer of the database would keep it.
    pub async fn keep_trying(
        &self,
        received: Received,
        gone: impl Fn() -> bool,
        stop: &CancellationToken,
    ) -> Option<Result<(), RefusalReason>> {
        let mut tries = 0;
        let received = Arc::new(received);
        loop {
            let (pipeline, message) = (self.clone(), received.clone());
            let take = async move { pipeline.take(&message).await };
            match service::joined(tokio::spawn(take.in_current_span())).await? {
                Outcome::Stored => return Some(Ok(())),
                Outcome::Refused(reason) => return Some(Err(reason)),
                Outcome::NotNow(error) => {
                    let wait = RETRY[tries.min(RETRY.len() - 1)];
                    tries += 1;
                    tracing::warn!(device = %received.device, %error, "a message waits to be stored");
                    let stopped = tokio::time::timeout(wait, stop.cancelled());
                    if Box::pin(stopped).await.is_ok() || gone() {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes one message through all stages.
    pub async fn take(&self, received: &Received) -> Outcome {
        let stored = self.store(received).await;
        if traffic::is_watched(&self.services, received.device) {
            Box::pin(self.show(received, &stored)).await;
        }
        match stored {
            Ok(Ok(_)) => Outcome::Stored,
            Ok(Err(reason)) => {
                if reason == RefusalReason::ClockAhead {
                    self.note_clock(received).await;
                }
                self.refuse(received, reason).await;
                Outcome::Refused(reason)
            }
            Err(error) => Outcome::NotNow(error),
        }
    }

    /// Takes a message from one stage to the next.
    async fn store(&self, received: &Received) -> Stored {
        let envelope = match received.open() {
            Ok(envelope) => envelope,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut sender = match &received.sender {
            Some(sender) => Some(sender.clone()),
            None => self.directory.get(&self.services, received.device).await?,
        };
        let mut read_again = false;
        loop {
            let Some(known) = sender else {
                return Ok(Err(RefusalReason::ForbiddenPublish));
            };
            let stage = Verified::check(received, &known, &envelope)
                .and_then(|verified| Ok((Known::resolve(&verified)?, verified)));
            match stage {
                Ok((ready, verified)) => return self.finish(&verified, ready).await,
                // What is kept of the device may be old: nothing is refused for that.
                Err(_) if !read_again => {
                    read_again = true;
                    sender = self
                        .directory
                        .fresh(&self.services, received.device)
                        .await?;
                }
                Err(reason) => return Ok(Err(reason)),
            }
        }
    }

    /// Shows a message, and what became of it, to who watches its device.
    async fn show(&self, received: &Received, stored: &Stored) {
        let topic = received.topic.to_string();
        let passing = |fate| Passing::up(&topic, &received.payload, fate);
        let passing = match stored {
            Ok(Ok(Taken::Whole(fate))) => passing(*fate),
            Ok(Ok(Taken::InPart(reason))) => Passing {
                fate: Fate::TakenInPart,
                ..passing(Fate::TakenInPart).refused(*reason)
            },
            Ok(Err(reason)) => passing(Fate::Refused).refused(*reason),
            Err(_) => passing(Fate::KeptBack),
        };
        traffic::note(&self.services, received.device, passing).await;
    }

    /// How far ahead the clock is of a device whose signature is right, and whose report is refused for it.
    async fn note_clock(&self, received: &Received) {
        let Ok(envelope) = received.open() else {
            return;
        };
        let said = envelope.sent_at.unwrap_or(envelope.timestamp);
        let ahead_ms = said.since(received.received_at);
        let noted = service::health::seen_ahead(&self.services, received.device, ahead_ms);
        if let Err(error) = Box::pin(noted).await {
            tracing::warn!(device = %received.device, %error, "a wrong clock was not noted");
        }
    }

    /// Publishes a device's state to the apps of the person who asks; whether the person may see it.
    pub async fn answer_request(&self, email: &Email, device: DeviceId) -> bool {
        let answered =
            client_state::answer_request(&self.services, &self.directory, email, device).await;
        match answered {
            Ok(()) => true,
            Err(AppError::NotFound) => {
                let why = "asked for the state of a device that they have no access to";
                tracing::warn!(target: "security", %email, %device, why, "an app was refused");
                false
            }
            Err(error) => {
                tracing::error!(%error, %device, "a state that was asked for was not sent");
                true
            }
        }
    }
}
