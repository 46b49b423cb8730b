//! What waits for one browser: at most one entry for each device, command and list of events.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use domain::{
    CommandId, DeviceId, ImportId, JobId,
    live::{Change, LiveEvent},
};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Most events of devices that wait; older ones are dropped, the page's list shows no more.
const MOST_EVENTS: usize = 50;
/// Most commands that wait; beyond it the page reads again.
const MOST_COMMANDS: usize = 200;

/// An event with its JSON, written once for all who watch.
#[derive(Debug)]
pub(super) struct Told {
    pub event: LiveEvent,
    pub json: String,
}

impl Told {
    pub(super) fn new(event: LiveEvent) -> Option<Arc<Self>> {
        let json = serde_json::to_string(&Change::from(&event)).ok()?;
        Some(Arc::new(Self { event, json }))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    State(DeviceId),
    History(DeviceId),
    Presence(DeviceId),
    Command(CommandId),
    Twin(DeviceId),
    Traffic(DeviceId),
    Job(JobId),
    Notice,
    Import(ImportId),
}

/// What a connection takes out of its mailbox.
#[derive(Debug, Default)]
pub(super) struct Post {
    /// In the order in which it happened.
    pub told: Vec<Arc<Told>>,
    /// Whose rows changed, or who may see them: look again.
    pub recheck: Vec<DeviceId>,
    /// What this person may see changed.
    pub access: bool,
    /// Something was missed: read everything again.
    pub read_again: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    order: u64,
    latest: HashMap<Key, (u64, Arc<Told>)>,
    events: VecDeque<(u64, Arc<Told>)>,
    commands: usize,
    post: Post,
}

/// Filled by the fan-out, emptied by the connection.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    pub(super) filled: Notify,
}

impl Mailbox {
    /// Puts an event in; never waits, never grows without bound.
    pub(super) fn put(&self, told: &Arc<Told>) {
        self.waiting.lock().put(told);
        self.filled.notify_one();
    }

    /// Says that something was missed.
    pub(super) fn read_again(&self) {
        let mut waiting = self.waiting.lock();
        *waiting = Waiting::default();
        waiting.post.read_again = true;
        self.filled.notify_one();
    }

    /// Says that what this person may see changed.
    pub(super) fn access(&self) {
        self.waiting.lock().post.access = true;
        self.filled.notify_one();
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Post {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        let mut told: Vec<_> = waiting.latest.into_values().collect();
        told.extend(waiting.events);
        told.sort_unstable_by_key(|(order, _)| *order);
        Post {
            told: told.into_iter().map(|(_, told)| told).collect(),
            ..waiting.post
        }
    }
}

impl Waiting {
    fn put(&mut self, told: &Arc<Told>) {
        self.order += 1;
        let order = self.order;
        let key = match &told.event {
            LiveEvent::State { device, .. } => Key::State(*device),
            LiveEvent::History { device } => Key::History(*device),
            LiveEvent::Presence { device, .. } => Key::Presence(*device),
            LiveEvent::Command { command } => Key::Command(command.id),
            LiveEvent::Twin { device } => Key::Twin(*device),
            LiveEvent::Traffic { device } => Key::Traffic(*device),
            LiveEvent::Job { job, .. } => Key::Job(*job),
            LiveEvent::Notice { .. } => Key::Notice,
            LiveEvent::Import { import } => Key::Import(*import),
            LiveEvent::Event { .. } => {
                if self.events.len() == MOST_EVENTS {
                    self.events.pop_front();
                }
                self.events.push_back((order, told.clone()));
                return;
            }
            LiveEvent::Device { device } => {
                if !self.post.recheck.contains(device) {
                    self.post.recheck.push(*device);
                }
                return;
            }
            LiveEvent::Access { .. } => {
                self.post.access = true;
                return;
            }
        };
        let told = match self.latest.remove(&key) {
            Some((_, before)) => merged(&before.event, told),
            None => {
                self.commands += usize::from(matches!(key, Key::Command(_)));
                told.clone()
            }
        };
        if self.commands > MOST_COMMANDS {
            *self = Self::default();
            self.post.read_again = true;
            return;
        }
        self.latest.insert(key, (order, told));
    }
}

/// A state event tells only what changed: the newer one takes over the keys that it does not tell.
fn merged(before: &LiveEvent, after: &Arc<Told>) -> Arc<Told> {
    let LiveEvent::State { changed: old, .. } = before else {
        return after.clone();
    };
    let mut event = after.event.clone();
    if let LiveEvent::State { changed, .. } = &mut event {
        for (key, value) in old {
            changed.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    Told::new(event).unwrap_or_else(|| after.clone())
}

#[cfg(test)]
mod tests {
    use domain::{Scalar, TimestampMs};

    use super::*;

    fn state(device: DeviceId, revision: u64, key: &str, value: f64) -> Arc<Told> {
        Told::new(LiveEvent::State {
            device,
            revision,
            at: TimestampMs(0),
            received_at: TimestampMs(0),
            changed: [(key.to_owned(), Scalar::Number(value))].into(),
        })
        .expect("JSON")
    }

    #[test]
    fn of_nothing_but_a_state_more_is_told_than_that_it_happened() {
        let device = DeviceId(uuid::Uuid::nil());
        let json = |event| Told::new(event).expect("JSON").json.clone();
        assert_eq!(json(LiveEvent::Device { device }), r#"{"type":"other"}"#);
        assert_eq!(json(LiveEvent::History { device }), r#"{"type":"history"}"#);
        assert!(
            state(device, 1, "led", 1.0)
                .json
                .contains(r#""changed":{"led":1.0}"#)
        );
    }

    #[test]
    fn a_slow_reader_gets_the_latest_of_every_key() {
        let (mailbox, device) = (Mailbox::default(), DeviceId(uuid::Uuid::nil()));
        for revision in 1..=10_000_u32 {
            let key = if revision % 2 == 0 { "even" } else { "odd" };
            mailbox.put(&state(device, revision.into(), key, revision.into()));
        }
        let post = mailbox.take();
        assert_eq!(post.told.len(), 1);
        let LiveEvent::State {
            revision, changed, ..
        } = &post.told[0].event
        else {
            panic!("a state")
        };
        assert_eq!(*revision, 10_000);
        assert_eq!(changed["even"], Scalar::Number(10_000.0));
        assert_eq!(changed["odd"], Scalar::Number(9_999.0));
        assert!(mailbox.take().told.is_empty());
    }

    #[test]
    fn what_was_missed_replaces_what_waits() {
        let (mailbox, device) = (Mailbox::default(), DeviceId(uuid::Uuid::nil()));
        mailbox.put(&state(device, 1, "led", 1.0));
        mailbox.read_again();
        let post = mailbox.take();
        assert!(post.read_again && post.told.is_empty());
    }
}
