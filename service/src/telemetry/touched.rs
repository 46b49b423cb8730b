//! What one batch does to one device: its messages are merged in memory, and written at the end.

use domain::{DeviceId, TimestampMs, device::StateMap};
use protocol::Scalar;

use super::{
    commit::{Committed, Incoming, ReportPart},
    held::Held,
    live::Live,
    room,
    window::Seen,
};
use crate::events;

/// A device as a batch leaves it, and what is to be told of it afterwards.
#[derive(Debug)]
pub(super) struct Touched {
    pub id: i64,
    pub uuid: DeviceId,
    pub live: Live,
    pub changed: StateMap,
    pub measured_at: TimestampMs,
    pub received_at: TimestampMs,
    pub report_interval_ms: i64,
    pub stored: bool,
    pub duplicates: i64,
    pub late: Option<events::LateReports>,
    /// The last moment that was reported.
    moment: Option<TimestampMs>,
    /// Whether the newest moment is not all that was reported.
    pub earlier: bool,
    /// Values that were set by hand until they were reported now.
    pub released: Vec<String>,
    pub revision: u64,
}

impl Touched {
    /// The sender of this message, as it stood before the batch.
    pub(super) fn new(message: &Incoming, live: Live) -> Self {
        Self {
            id: message.device.id,
            uuid: message.device.uuid,
            live,
            changed: StateMap::new(),
            measured_at: TimestampMs(0),
            received_at: message.received_at,
            report_interval_ms: message.report_interval_ms,
            stored: false,
            duplicates: 0,
            late: None,
            moment: None,
            earlier: false,
            released: Vec::new(),
            revision: 0,
        }
    }

    /// Notes the sequence and, where it is new, merges what the message reports into the state; also which of its
    /// reports, by their place in it, the state has no room for. Where it has room for none, the sequence is still to
    /// be used.
    pub(super) fn take(&mut self, message: &Incoming) -> (Committed, Vec<usize>) {
        if message.ownership < self.live.ownership {
            return (Committed::OwnershipEnded, Vec::new());
        }
        if message.ownership > self.live.ownership {
            // A new secret starts the sequences again, and the former owner's state is not the new one's.
            self.live = Live {
                ownership: message.ownership,
                ..Live::default()
            };
        }
        let sequence = message.sequence.0;
        let lacking = room::lacking(&self.live.state, self.live.bytes, message);
        let is_too_large = !lacking.is_empty() && lacking.len() == message.reports.len();
        if is_too_large && self.live.window.look(sequence) == Seen::New {
            return (Committed::TooLarge, lacking);
        }
        match self.live.window.note(sequence) {
            Seen::TooOld => return (Committed::SequenceTooOld, Vec::new()),
            Seen::Before => {
                self.duplicates += 1;
                return (Committed::Duplicate, Vec::new());
            }
            Seen::New => {}
        }
        self.hear(message);
        for (key, value) in &message.state {
            self.merge(key.clone(), value.clone(), message.received_at);
        }
        for part in with_room(message, &lacking) {
            self.report(part);
        }
        let outcome = match u16::try_from(lacking.len()) {
            Ok(0) => Committed::Stored,
            refused => Committed::InPart {
                refused: refused.unwrap_or(u16::MAX),
            },
        };
        (outcome, lacking)
    }

    /// A message came that is to be stored.
    fn hear(&mut self, message: &Incoming) {
        self.stored = true;
        self.received_at = self.received_at.max(message.received_at);
        self.report_interval_ms = message.report_interval_ms;
        self.live.last_received = Some(self.received_at);
        if let Some(sent_at) = message.sent_at {
            self.live.skew_ms = Some(sent_at.since(message.received_at));
        }
    }

    fn report(&mut self, part: &ReportPart) {
        // The state tells of one moment: what a chart shows of the others is read from the history.
        let before = self.moment.replace(part.at);
        self.earlier |=
            before.is_some_and(|before| before != part.at) || Some(part.at) < self.live.last_report;
        self.live.last_report = self.live.last_report.max(Some(part.at));
        if part.late {
            self.late = Some(events::LateReports::with(self.late, part.at));
        }
        if let Some(status) = &part.status {
            let value = Scalar::Text(status.clone());
            self.merge(part.key.to_string(), value, part.at);
        }
        for (name, value) in &part.values {
            self.merge(format!("{}_{name}", part.key), value.clone(), part.at);
        }
    }

    /// Puts a value into the state, unless a newer one stands there.
    fn merge(&mut self, key: String, value: Scalar, at: TimestampMs) {
        let after = room::of_entry(&key, &value);
        match self.live.state.get_mut(&key) {
            Some(Held(_, known, _)) if *known > at => return,
            Some(known) => {
                let before = room::of_entry(&key, &known.0);
                self.live.bytes = self.live.bytes + after - before;
                if known.2.is_some() {
                    self.released.push(key.clone());
                }
                *known = Held(value.clone(), at, None);
            }
            None => {
                self.live.bytes += after;
                let first = Held(value.clone(), at, None);
                self.live.state.insert(key.clone(), first);
            }
        }
        self.measured_at = self.measured_at.max(at);
        self.changed.insert(key, value);
    }
}

/// The reports of a message without those that are `lacking` room.
fn with_room<'a>(
    message: &'a Incoming,
    lacking: &'a [usize],
) -> impl Iterator<Item = &'a ReportPart> {
    let parts = message.reports.iter().enumerate();
    parts.filter_map(|(place, part)| (!lacking.contains(&place)).then_some(part))
}
