//! Live updates: what travels on the bus, and what one WebSocket per tab says.
//!
//! An event carries ids and a revision, and small values; the store is the truth. A reader that
//! missed something asks again.

use protocol::{DeviceId, ImportId, JobId, TimestampMs, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    command::Command,
    device::{PresenceCounts, PresenceInfo, StateMap},
    event::DeviceEvent,
};

/// Something changed; published after the commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveEvent {
    /// Reports were stored: the entries that changed, and the device's new revision.
    State {
        /// The device.
        device: DeviceId,
        /// Its revision after the change.
        revision: u64,
        /// When it was measured.
        at: TimestampMs,
        /// When the server had it.
        received_at: TimestampMs,
        /// Only the entries that were reported.
        changed: StateMap,
    },
    /// Reports of earlier moments were stored, such as those of an outage: charts read again.
    History {
        /// The device.
        device: DeviceId,
    },
    /// Presence changed.
    Presence {
        /// The device.
        device: DeviceId,
        /// Its revision after the change.
        revision: u64,
        /// The new presence.
        presence: PresenceInfo,
    },
    /// A command was queued, or moved on.
    Command {
        /// The whole command as it now stands.
        command: Box<Command>,
    },
    /// What is desired of a device has changed, or whether it differs from what it reports.
    Twin {
        /// The device.
        device: DeviceId,
    },
    /// Raw messages of a watched device have passed; told once until a page has read them.
    Traffic {
        /// The device.
        device: DeviceId,
    },
    /// A job was made or moved on; told at most twice a second for each job.
    Job {
        /// The job.
        job: JobId,
        /// Who made it.
        by: Option<UserId>,
        /// How many devices are in each state.
        counts: crate::job::StepCounts,
        /// Where it stands.
        state: crate::job::JobState,
    },
    /// An import has moved on.
    Import {
        /// The import.
        import: ImportId,
    },
    /// Something happened to a device.
    Event {
        /// The device.
        device: DeviceId,
        /// What happened.
        event: DeviceEvent,
    },
    /// A device was registered, claimed, renamed, unlinked, revoked: read it again.
    Device {
        /// The device.
        device: DeviceId,
    },
    /// Who may see what changed for this person.
    Access {
        /// The person.
        user: UserId,
    },
    /// This person was told something, or has read it.
    Notice {
        /// The person.
        user: UserId,
    },
}

impl LiveEvent {
    /// The device it is about.
    pub fn device(&self) -> Option<DeviceId> {
        match self {
            Self::State { device, .. }
            | Self::History { device }
            | Self::Presence { device, .. }
            | Self::Event { device, .. }
            | Self::Twin { device }
            | Self::Traffic { device }
            | Self::Device { device } => Some(*device),
            Self::Command { command } => Some(command.device),
            Self::Access { .. } | Self::Notice { .. } | Self::Job { .. } | Self::Import { .. } => {
                None
            }
        }
    }
}

/// What a page watches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Subject {
    /// One device: state, presence, commands, events.
    Device {
        /// The device.
        device: DeviceId,
    },
    /// Presence and headline values of these devices, such as the rows of a list.
    Devices {
        /// At most 200.
        ids: Vec<DeviceId>,
    },
    /// The site's counts and the latest events, for the overview.
    Overview,
    /// One job.
    Job {
        /// The job.
        job: JobId,
    },
    /// All jobs that the person may see.
    Jobs,
    /// One import.
    Import {
        /// The import.
        import: ImportId,
    },
    /// A device's raw messages, for those who may command it, and its commands.
    Traffic {
        /// The device.
        device: DeviceId,
    },
}

/// What the browser sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Watch a subject; `id` names this subscription on this connection.
    Subscribe {
        /// Chosen by the browser.
        id: u32,
        /// What to watch.
        #[serde(flatten)]
        subject: Subject,
        /// Whether a [`ServerFrame::Snapshot`] of each of its devices is to come first, and changes of presence in
        /// full; for [`Subject::Device`] and [`Subject::Devices`]. Pages read what they show themselves.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        snapshot: bool,
    },
    /// Stop watching.
    Unsubscribe {
        /// The subscription.
        id: u32,
    },
    /// Still there.
    Ping,
}

impl ClientFrame {
    /// To watch a subject as a page does, which reads itself what it shows.
    pub fn subscribe(id: u32, subject: Subject) -> Self {
        Self::Subscribe {
            id,
            subject,
            snapshot: false,
        }
    }
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// A device as it stands, to a subscription that asks for it. One of each device comes before
    /// [`ServerFrame::Subscribed`], and again where something was missed, or who may see what has changed: a device of
    /// which none comes then is not there for this person. No change that follows is older than it.
    Snapshot {
        /// The subscription.
        id: u32,
        /// The device.
        #[serde(flatten)]
        snapshot: Box<DeviceSnapshot>,
    },
    /// From here on changes are told; what the page read before may be older, and it reads again.
    Subscribed {
        /// The subscription.
        id: u32,
    },
    /// A change of a watched subject, which the page reads again; a slow reader gets the latest one, never a growing
    /// queue. Of a new state the values are told too, of anything else what kind of event it was.
    Change {
        /// The subscription.
        id: u32,
        /// What changed.
        event: Box<Change>,
    },
    /// New counts for the overview.
    Counts {
        /// The subscription.
        id: u32,
        /// The counts.
        counts: PresenceCounts,
    },
    /// The subject does not exist or may not be watched.
    Refused {
        /// The subscription.
        id: u32,
    },
    /// How many notices this person has not read.
    Unread {
        /// How many.
        unread: u64,
    },
    /// Answers [`ClientFrame::Ping`].
    Pong,
}

/// A device as it stands at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceSnapshot {
    /// The device.
    pub device: DeviceId,
    /// Its revision: the changes up to this one are in here.
    pub revision: u64,
    /// Whether it is there, why, and since when.
    pub presence: PresenceInfo,
    /// The whole merged state.
    pub state: StateMap,
}

/// What a [`ServerFrame::Change`] says of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Change {
    /// [`LiveEvent::State`]; to a subscription with snapshots also [`LiveEvent::Presence`].
    State(LiveEvent),
    /// Any other: what a person may see of it they read where that is checked.
    Head(EventHead),
}

impl From<&LiveEvent> for Change {
    fn from(event: &LiveEvent) -> Self {
        let kind = match event {
            LiveEvent::State { .. } => return Self::State(event.clone()),
            LiveEvent::History { .. } => EventHeadKind::History,
            _ => EventHeadKind::Other,
        };
        Self::Head(EventHead { kind })
    }
}

/// The head of a [`ServerFrame`]: enough for a reader that asks again for what has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct FrameHead {
    /// The subscription; none in an answer to [`ClientFrame::Ping`].
    pub id: Option<u32>,
    /// Which frame it is.
    #[serde(rename = "type")]
    pub kind: FrameKind,
    /// What changed, in a [`ServerFrame::Change`].
    #[serde(default)]
    pub event: Option<EventHead>,
    /// How many notices are not read, in a [`ServerFrame::Unread`].
    #[serde(default)]
    pub unread: Option<u32>,
}

/// The head of a [`LiveEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventHead {
    /// Which event it is.
    #[serde(rename = "type")]
    pub kind: EventHeadKind,
}

/// Which [`LiveEvent`] it is, as far as a page tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventHeadKind {
    /// [`LiveEvent::History`].
    History,
    /// Any other.
    #[serde(other)]
    Other,
}

/// Which [`ServerFrame`] it is, of those that a page is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameKind {
    /// [`ServerFrame::Subscribed`].
    Subscribed,
    /// [`ServerFrame::Change`].
    Change,
    /// [`ServerFrame::Counts`].
    Counts,
    /// [`ServerFrame::Refused`].
    Refused,
    /// [`ServerFrame::Unread`].
    Unread,
    /// [`ServerFrame::Pong`].
    Pong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subscription_is_understood() {
        let device = DeviceId::random();
        for subject in [
            Subject::Device { device },
            Subject::Devices { ids: vec![device] },
            Subject::Overview,
            Subject::Job {
                job: JobId::random(),
            },
            Subject::Jobs,
            Subject::Import {
                import: ImportId::random(),
            },
            Subject::Traffic { device },
        ] {
            for snapshot in [false, true] {
                let frame = ClientFrame::Subscribe {
                    id: 7,
                    subject: subject.clone(),
                    snapshot,
                };
                let text = serde_json::to_string(&frame).expect("JSON");
                assert_eq!(text.contains("snapshot"), snapshot, "{text}");
                let read: ClientFrame = serde_json::from_str(&text).expect("the frame");
                assert_eq!(read, frame, "{text}");
            }
        }
    }

    #[test]
    fn a_snapshot_is_one_flat_frame() {
        use crate::device::{Presence, PresenceCause};
        let device = DeviceId::random();
        let frame = ServerFrame::Snapshot {
            id: 7,
            snapshot: Box::new(DeviceSnapshot {
                device,
                revision: 3,
                presence: PresenceInfo {
                    presence: Presence::Online,
                    cause: PresenceCause::Connected,
                    since: TimestampMs(5),
                },
                state: [("led".to_owned(), protocol::Scalar::Text("ON".to_owned()))].into(),
            }),
        };
        let value = serde_json::to_value(&frame).expect("JSON");
        let expected = serde_json::json!({
            "type": "snapshot", "id": 7, "device": device, "revision": 3,
            "presence": { "presence": "ONLINE", "cause": "connected", "since": 5 },
            "state": { "led": "ON" },
        });
        assert_eq!(value, expected);
        let read: ServerFrame = serde_json::from_value(value).expect("the frame");
        assert_eq!(read, frame);
    }

    #[test]
    fn every_frame_has_a_head() {
        let device = DeviceId::random();
        let counts = PresenceCounts::default();
        for (frame, id, kind) in [
            (
                ServerFrame::Subscribed { id: 7 },
                Some(7),
                FrameKind::Subscribed,
            ),
            (
                ServerFrame::Change {
                    id: 8,
                    event: Box::new(Change::from(&LiveEvent::Device { device })),
                },
                Some(8),
                FrameKind::Change,
            ),
            (
                ServerFrame::Counts { id: 9, counts },
                Some(9),
                FrameKind::Counts,
            ),
            (ServerFrame::Refused { id: 3 }, Some(3), FrameKind::Refused),
            (ServerFrame::Pong, None, FrameKind::Pong),
        ] {
            let text = serde_json::to_string(&frame).expect("JSON");
            let head: FrameHead = serde_json::from_str(&text).expect("the head");
            assert_eq!((head.id, head.kind), (id, kind), "{text}");
        }
    }

    #[test]
    fn the_head_of_a_change_tells_history_from_the_rest() {
        let device = DeviceId::random();
        for (event, kind) in [
            (LiveEvent::History { device }, EventHeadKind::History),
            (LiveEvent::Device { device }, EventHeadKind::Other),
        ] {
            let event = Box::new(Change::from(&event));
            let frame = ServerFrame::Change { id: 1, event };
            let text = serde_json::to_string(&frame).expect("JSON");
            let head: FrameHead = serde_json::from_str(&text).expect("the head");
            assert_eq!(head.event, Some(EventHead { kind }), "{text}");
        }
    }
}
