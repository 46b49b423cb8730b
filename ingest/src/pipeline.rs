//! The stages in their order, and what is answered at the end.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{
    AppError, DeviceId, Email,
    event::RefusalReason,
    traffic::{Fate, Packet},
};
use protocol::{CommandResult, Topic, identity::Identity};
use serde::Deserialize;
use serde_json::Value;
use service::{
    Services, commands,
    devices::{
        client_state,
        directory::{Directory, Known as Sender},
    },
    events,
    telemetry::{self, Committed, Committer, Ticket, window::Seen},
    traffic::{self, Passing},
};
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use crate::{
    Received, Session, doubt::Kept, known::Known, received::Said, signatures::Signatures,
    verified::Verified,
};

/// Between two tries to store a message while the database is away.
const RETRY: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Refusals noted at a time; one of a device.
const REFUSING: usize = 4;

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

/// What became of a message that was not refused.
enum Taken {
    Whole(Fate),
    /// Some of a batch's reports were refused, the first of them for this.
    InPart(RefusalReason),
}

type Stored = Result<Result<Taken, RefusalReason>, AppError>;

/// What was refused before the pipeline read it.
#[derive(Debug, Clone, Copy)]
pub struct Unread<'a> {
    /// What it was.
    pub packet: Packet,
    /// Its topic or filter; empty for a connection.
    pub topic: &'a str,
    /// Its bytes, where it has any.
    pub payload: Option<&'a [u8]>,
}

impl<'a> Unread<'a> {
    /// Of a connection, which has no topic.
    pub const CONNECT: Self = Self {
        packet: Packet::Connect,
        topic: "",
        payload: None,
    };

    /// A message on this topic.
    pub fn publish(topic: &'a str, payload: Option<&'a [u8]>) -> Self {
        Self {
            packet: Packet::Publish,
            topic,
            payload,
        }
    }
}

/// The pipeline; cheap to clone.
///
/// What happens to few messages is boxed: thousands of them wait at a time, and each would have the size
/// of the largest query that one of them may need.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub(crate) services: Services,
    pub(crate) committer: Committer,
    directory: Directory,
    signatures: Signatures,
    refused: Arc<AtomicU64>,
    /// Whose turn it is to note a refusal, by device.
    refusing: Arc<[Mutex<()>]>,
    /// Filters that were refused and are not noted yet, by device: the first of them, and how many.
    filters: Arc<parking_lot::Mutex<HashMap<DeviceId, (String, u32)>>>,
}

impl Pipeline {
    /// A pipeline into this committer.
    pub fn new(services: Services, committer: Committer, directory: Directory) -> Self {
        Self {
            services,
            committer,
            directory,
            signatures: Signatures::default(),
            refused: Arc::default(),
            filters: Arc::default(),
            refusing: (0..REFUSING).map(|_| Mutex::new(())).collect(),
        }
    }

    /// How many messages, subscriptions and connections were refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
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

    /// As [`Pipeline::take`], again and again until it is stored or refused; `None` where its sender has
    /// `gone` meanwhile or the program is to `stop`: then it must not be acknowledged.
    pub async fn keep_trying(
        &self,
        received: Received,
        gone: impl Fn() -> bool,
        stop: &CancellationToken,
    ) -> Option<Result<(), RefusalReason>> {
        let mut tries = 0;
        loop {
            match Box::pin(self.take(&received)).await {
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
                Ok((ready, verified)) => {
                    return self.finish(received, &known, &verified, ready).await;
                }
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

    /// The message's own effect, which may happen twice, then its place in the order, which may not.
    async fn finish(
        &self,
        received: &Received,
        sender: &Arc<Sender>,
        verified: &Verified<'_>,
        ready: Known,
    ) -> Stored {
        let body = || Value::Object(verified.body.clone().into_owned());
        let seen = async || match sender.secret {
            Some(_) => {
                let (device, ownership) = (sender.device, sender.ownership);
                let sequence = verified.envelope.sequence;
                telemetry::seen(&self.services, device, ownership, sequence).await
            }
            // An unclaimed device has no order yet.
            None => Ok(Seen::New),
        };
        let by_content = matches!(received.topic, Topic::Report { .. } | Topic::Batch { .. });
        // Two contents under one sequence: the second one has no effect.
        let is_another = sender.secret.is_some()
            && !by_content
            && self.signatures.tell_of_another(sender, verified.envelope);
        match &received.topic {
            Topic::Identity(_) => match Identity::deserialize(body()) {
                // Nobody is judged by what nobody can be sure was said.
                Ok(_) if is_another => {}
                Ok(identity) => {
                    // One that comes again may be of a new connection, which has to know who speaks.
                    let is_old = seen().await? == Seen::TooOld;
                    let judged = self.judge(received, sender, &identity, is_old);
                    if let Kept::Apart = Box::pin(judged).await? {
                        // A doubtful speaker must not use up the sequences of the device.
                        return Ok(Ok(Taken::Whole(Fate::KeptApart)));
                    }
                }
                Err(_) => return Ok(Err(RefusalReason::Malformed)),
            },
            Topic::Result { command, .. } => match CommandResult::deserialize(body()) {
                Ok(_) if !Box::pin(self.may_answer(received, sender)).await? => {
                    return Ok(Err(RefusalReason::Quarantined));
                }
                // The committer counts or refuses it.
                Ok(_) if is_another || seen().await? != Seen::New => {}
                Ok(result) => {
                    let (device, command) = (received.device, *command);
                    let recorded = commands::record_result(&self.services, device, command, result);
                    match Box::pin(recorded).await {
                        // An answer to a command that nobody sent is noted and forgotten.
                        Ok(()) | Err(AppError::NotFound) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(_) => return Ok(Err(RefusalReason::Malformed)),
            },
            topic => match Box::pin(self.keep_apart(received, sender, topic, &ready)).await? {
                Kept::Not => {}
                Kept::Apart => return Ok(Ok(Taken::Whole(Fate::KeptApart))),
                Kept::Refused(reason) => return Ok(Err(reason)),
            },
        }
        let doubtful = |s: &Session| matches!(s.said(), Said::Doubtful(_));
        if received.session.as_ref().is_some_and(doubtful) {
            return Ok(Ok(Taken::Whole(Fate::KeptApart)));
        }
        if sender.secret.is_none() {
            // An unclaimed device has no order yet.
            return Ok(Ok(Taken::Whole(Fate::Taken)));
        }
        if is_another {
            Box::pin(self.reused(received.device)).await?;
            return Ok(Err(RefusalReason::SequenceReused));
        }
        let mut refused = ready.refused;
        let committed = self.committer.submit(ready.incoming).await?;
        let is_stored = matches!(committed, Committed::Stored | Committed::Duplicate);
        if is_stored && !by_content {
            self.signatures.note(sender, verified.envelope);
        }
        match committed {
            Committed::Stored => {}
            Committed::InPart { refused: more } => {
                let large = RefusalReason::PayloadTooLarge;
                refused.extend(std::iter::repeat_n(large, usize::from(more)));
            }
            Committed::TooLarge => {
                self.refuse_parts(received, &refused).await;
                return Ok(Err(RefusalReason::PayloadTooLarge));
            }
            Committed::Duplicate => return Ok(Ok(Taken::Whole(Fate::Duplicate))),
            Committed::SequenceReused => {
                Box::pin(self.reused(received.device)).await?;
                return Ok(Err(RefusalReason::SequenceReused));
            }
            Committed::SequenceTooOld => return Ok(Err(RefusalReason::SequenceTooOld)),
            Committed::OwnershipEnded => return Ok(Err(RefusalReason::WrongSignature)),
        }
        if !sender.code_spent {
            self.directory.spend_code(&self.services, sender).await?;
        }
        self.refuse_parts(received, &refused).await;
        let in_part = refused.first().copied();
        Ok(Ok(in_part.map_or(Taken::Whole(Fate::Taken), Taken::InPart)))
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

    /// Counts and logs a refusal of a device that is known.
    pub async fn refuse(&self, received: &Received, reason: RefusalReason) {
        let topic = received.topic.to_string();
        self.count(received.device, &topic, reason, 1).await;
    }

    /// Counts and logs what was refused of one message, each reason once.
    pub(crate) async fn refuse_parts(&self, received: &Received, refused: &[RefusalReason]) {
        let mut reasons: Vec<(RefusalReason, u32)> = Vec::new();
        for reason in refused {
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, times)) => *times += 1,
                None => reasons.push((*reason, 1)),
            }
        }
        let topic = received.topic.to_string();
        for (reason, times) in reasons {
            self.count(received.device, &topic, reason, times).await;
        }
    }

    /// As [`Pipeline::refuse`], for what did not come as far as the pipeline; its topic may be outside the
    /// contract.
    pub async fn refuse_unread(&self, device: DeviceId, what: Unread<'_>, reason: RefusalReason) {
        let topic = what.topic;
        if traffic::is_watched(&self.services, device) {
            let passing = Passing {
                payload: what.payload,
                ..Passing::act(what.packet, topic, Fate::Refused).refused(reason)
            };
            Box::pin(traffic::note(&self.services, device, passing)).await;
        }
        self.count(device, topic, reason, 1).await;
    }

    pub(crate) async fn count(
        &self,
        device: DeviceId,
        topic: &str,
        reason: RefusalReason,
        times: u32,
    ) {
        let more = u64::from(times);
        self.refused.fetch_add(more, Ordering::Relaxed);
        let topic: String = topic.chars().take(200).collect();
        let pipeline = self.clone();
        // In a task: whoever waits for this may stop polling, and must not keep the turn meanwhile.
        let noted = tokio::spawn(async move { pipeline.note(device, &topic, reason, times).await });
        if let Err(error) = noted.await {
            tracing::error!(%device, %error, "a refusal was not noted");
        }
    }

    /// As [`Pipeline::refuse_unread`], for a filter; does not wait until it is noted. A packet may hold thousands: those
    /// that come before the first is noted are noted with it.
    pub async fn refuse_filter(&self, device: DeviceId, filter: &str) {
        if traffic::is_watched(&self.services, device) {
            let reason = RefusalReason::ForbiddenSubscribe;
            let passing = Passing::act(Packet::Subscribe, filter, Fate::Refused).refused(reason);
            Box::pin(traffic::note(&self.services, device, passing)).await;
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        {
            let mut filters = self.filters.lock();
            if let Some((_, times)) = filters.get_mut(&device) {
                *times = times.saturating_add(1);
                return;
            }
            filters.insert(device, (filter.chars().take(200).collect(), 1));
        }
        let pipeline = self.clone();
        tokio::spawn(async move {
            let _turn = pipeline.turn(device).await;
            let waiting = pipeline.filters.lock().remove(&device);
            if let Some((filter, times)) = waiting {
                let reason = RefusalReason::ForbiddenSubscribe;
                pipeline.write_down(device, &filter, reason, times).await;
            }
        });
    }

    /// One after the other: what a device is refused must not crowd out what others report.
    async fn turn(&self, device: DeviceId) -> MutexGuard<'_, ()> {
        let turn = usize::from(device.0.as_bytes()[15]) % self.refusing.len();
        self.refusing[turn].lock().await
    }

    async fn note(&self, device: DeviceId, topic: &str, reason: RefusalReason, times: u32) {
        let _turn = self.turn(device).await;
        self.write_down(device, topic, reason, times).await;
    }

    async fn write_down(&self, device: DeviceId, topic: &str, reason: RefusalReason, times: u32) {
        match self.directory.get(&self.services, device).await {
            Ok(Some(known)) => {
                let of = (known.device.id, device);
                events::refused(&self.services, of, reason, topic, times).await;
            }
            _ => tracing::warn!(
                target: "security", %device, reason = reason.as_str(), topic,
                "refused {} of an unknown device", reason.as_str()
            ),
        }
    }
}
