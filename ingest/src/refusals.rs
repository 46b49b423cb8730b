//! What is refused: counted at once, shown to who watches its device, and noted among the device's events.
//!
//! Invariant: of one device one refusal is noted at a time, so that what it is refused does not crowd out what others
//! report.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{
    DeviceId,
    event::RefusalReason,
    traffic::{Fate, Packet},
};
use service::{
    Services,
    devices::directory::Directory,
    events,
    traffic::{self, Passing},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::{Pipeline, Received};

/// Refusals noted at a time; one of a device.
const NOTING: usize = 4;
/// Characters of a topic or filter that are noted.
const NOTED_CHARS: usize = 200;

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

impl Pipeline {
    /// How many messages, subscriptions and connections were refused since the start.
    pub fn refused(&self) -> u64 {
        self.refusals.counted.load(Ordering::Relaxed)
    }

    /// Counts and logs a refusal of a device that is known.
    pub async fn refuse(&self, received: &Received, reason: RefusalReason) {
        let topic = received.topic.to_string();
        let device = received.device;
        self.refusals.count(device, &topic, reason, 1).await;
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
        let device = received.device;
        for (reason, times) in reasons {
            self.refusals.count(device, &topic, reason, times).await;
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
        self.refusals.count(device, topic, reason, 1).await;
    }

    /// As [`Pipeline::refuse_unread`], for a filter; does not wait until it is noted. A packet may hold thousands: those
    /// that come before the first is noted are noted with it.
    pub async fn refuse_filter(&self, device: DeviceId, filter: &str) {
        if traffic::is_watched(&self.services, device) {
            let reason = RefusalReason::ForbiddenSubscribe;
            let passing = Passing::act(Packet::Subscribe, filter, Fate::Refused).refused(reason);
            Box::pin(traffic::note(&self.services, device, passing)).await;
        }
        self.refusals.count_filter(device, filter);
    }
}

/// Counts refusals and notes them, one of a device after the other; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Refusals {
    services: Services,
    directory: Directory,
    counted: Arc<AtomicU64>,
    /// Whose turn it is to note a refusal, by device.
    turns: Arc<[Mutex<()>]>,
    /// Filters that were refused and are not noted yet, by device: the first of them, and how many.
    filters: Arc<parking_lot::Mutex<HashMap<DeviceId, (String, u32)>>>,
}

impl Refusals {
    /// None so far.
    pub(crate) fn new(services: Services, directory: Directory) -> Self {
        Self {
            services,
            directory,
            counted: Arc::default(),
            turns: (0..NOTING).map(|_| Mutex::new(())).collect(),
            filters: Arc::default(),
        }
    }

    /// Counts what was refused of a device so many times, and returns when it is noted.
    pub(crate) async fn count(
        &self,
        device: DeviceId,
        topic: &str,
        reason: RefusalReason,
        times: u32,
    ) {
        let more = u64::from(times);
        self.counted.fetch_add(more, Ordering::Relaxed);
        let topic = beginning(topic);
        let refusals = self.clone();
        // In a task: whoever waits for this may stop polling, and must not keep the turn meanwhile.
        let noted = tokio::spawn(async move {
            let _turn = refusals.turn(device).await;
            refusals.note(device, &topic, reason, times).await;
        });
        if let Err(error) = noted.await {
            tracing::error!(%device, %error, "a refusal was not noted");
        }
    }

    /// Counts a filter that a device was refused, and leaves it to a task to note it, with those that come meanwhile.
    fn count_filter(&self, device: DeviceId, filter: &str) {
        self.counted.fetch_add(1, Ordering::Relaxed);
        {
            let mut filters = self.filters.lock();
            if let Some((_, times)) = filters.get_mut(&device) {
                *times = times.saturating_add(1);
                return;
            }
            filters.insert(device, (beginning(filter), 1));
        }
        let refusals = self.clone();
        tokio::spawn(async move {
            let _turn = refusals.turn(device).await;
            let waiting = refusals.filters.lock().remove(&device);
            if let Some((filter, times)) = waiting {
                let reason = RefusalReason::ForbiddenSubscribe;
                refusals.note(device, &filter, reason, times).await;
            }
        });
    }

    async fn turn(&self, device: DeviceId) -> MutexGuard<'_, ()> {
        let turn = usize::from(device.0.as_bytes()[15]) % self.turns.len();
        self.turns[turn].lock().await
    }

    /// Writes a refusal down; its device has the turn.
    async fn note(&self, device: DeviceId, topic: &str, reason: RefusalReason, times: u32) {
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

fn beginning(topic: &str) -> String {
    topic.chars().take(NOTED_CHARS).collect()
}
