//! One transaction of the group commit: sequences, reports, states, and the minutes to roll up.
//!
//! Each table is written by few statements that take many rows. On SQLite this process is the only writer, so what it last wrote of a device is kept in
//! memory; on PostgreSQL the rows are locked and read, because others may commit for the same device.

use std::collections::{HashMap, HashSet};

use domain::{
    AppError, DeviceId, TimestampMs,
    device::StateMap,
    event::{EventKind, Severity},
    live::LiveEvent,
};
use protocol::Scalar;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
};
use serde::{Serialize, Serializer};

use super::{
    commit::{Committed, Incoming, ReportPart},
    held::{Held, HeldState},
    numbers::Numbers,
    resent, room,
    table::{Column, Table},
    window::{Seen, SequenceWindow},
};
use crate::{Services, events, internal, presence, state_cache::CachedState};

const MINUTE_MS: i64 = 60_000;
/// Devices whose last row is kept in memory; beyond it all are read again.
const MAX_CACHED: usize = 65_536;

/// What is known of a device between commits.
#[derive(Debug, Clone, Default)]
struct Live {
    ownership: i64,
    window: SequenceWindow,
    state: HeldState,
    /// What the state weighs, in bytes.
    bytes: usize,
    last_report: Option<TimestampMs>,
    last_received: Option<TimestampMs>,
    skew_ms: Option<i64>,
}

/// What one batch did to one device.
#[derive(Debug)]
struct Touched {
    id: i64,
    uuid: DeviceId,
    live: Live,
    changed: StateMap,
    measured_at: TimestampMs,
    received_at: TimestampMs,
    report_interval_ms: i64,
    stored: bool,
    duplicates: i64,
    late: Option<events::LateReports>,
    /// The last moment that was reported.
    moment: Option<TimestampMs>,
    /// Whether the newest moment is not all that was reported.
    earlier: bool,
    /// Values that were set by hand until they were reported now.
    released: Vec<String>,
    revision: u64,
}

/// Writes batches, and tells of them afterwards.
pub(super) struct Writer {
    services: Services,
    known: HashMap<i64, Live>,
    /// Open minutes that are already noted for their rollup.
    noted: HashSet<(i64, i64)>,
    committed: Vec<(Touched, CachedState)>,
}

impl Writer {
    pub(super) fn new(services: Services) -> Self {
        Self {
            services,
            known: HashMap::new(),
            noted: HashSet::new(),
            committed: Vec::new(),
        }
    }

    /// Whether the database answers at all.
    pub(super) async fn is_reachable(&self) -> bool {
        self.services.db.write.ping().await.is_ok()
    }

    /// Stores all of `messages` or, with an error, none.
    pub(super) async fn write(
        &mut self,
        messages: &[&Incoming],
    ) -> Result<Vec<Committed>, AppError> {
        self.try_write(messages).await.map_err(|error| {
            // What was kept may be ahead of what is stored.
            self.known.clear();
            self.noted.clear();
            internal(error)
        })
    }

    async fn try_write(&mut self, messages: &[&Incoming]) -> Result<Vec<Committed>, DbErr> {
        let transaction = self.services.db.write.begin().await?;
        let alone = transaction.get_database_backend() == DbBackend::Sqlite;
        let mut touched = self.load(&transaction, messages, alone).await?;
        let mut outcomes = Vec::with_capacity(messages.len());
        let mut rows = Vec::new();
        let mut minutes = HashSet::new();
        let mut repeated = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            let device = touched
                .get_mut(&message.device.id)
                .ok_or_else(|| DbErr::Custom("a device that was not loaded".to_owned()))?;
            let (outcome, lacking) = device.take(message);
            match outcome {
                Committed::Stored | Committed::InPart { .. } => {
                    let mut numbers = Numbers::of(message);
                    for (place, part) in message.reports.iter().enumerate() {
                        let number = numbers.number(part);
                        if lacking.contains(&place) {
                            continue;
                        }
                        rows.push(report_row(part, number, message)?);
                        if part
                            .values
                            .iter()
                            .any(|(_, v)| matches!(v, Scalar::Number(_)))
                        {
                            let minute = part.at.0.div_euclid(MINUTE_MS) * MINUTE_MS;
                            minutes.insert((part.component_id, minute));
                        }
                    }
                }
                Committed::Duplicate => repeated.push(at),
                _ => {}
            }
            outcomes.push(outcome);
        }
        REPORTS.write(&transaction, rows).await?;
        let now = self.services.now();
        minutes.retain(|minute| minute.1 + MINUTE_MS <= now.0 || !self.noted.contains(minute));
        let rows = minutes
            .iter()
            .map(|(component, minute)| [*component, *minute].map(|n| Column::Integer(Some(n))))
            .collect();
        DUE.write(&transaction, rows).await?;
        for at in repeated {
            let Some(device) = touched.get_mut(&messages[at].device.id) else {
                continue;
            };
            let since = device.live.last_report.map_or(now, |last| last.min(now));
            if !resent::may_be_stored(&transaction, messages[at], since).await? {
                outcomes[at] = Committed::SequenceReused;
                device.duplicates -= 1;
            }
        }
        write_live(&transaction, &mut touched).await?;
        transaction.commit().await?;
        self.remember(touched, minutes, now, alone);
        Ok(outcomes)
    }

    /// The devices of these messages as they stand.
    async fn load(
        &mut self,
        transaction: &DatabaseTransaction,
        messages: &[&Incoming],
        alone: bool,
    ) -> Result<HashMap<i64, Touched>, DbErr> {
        for rewritten in self.services.rewritten().take() {
            self.known.remove(&rewritten);
        }
        let mut touched = HashMap::with_capacity(messages.len());
        let mut unknown = Vec::new();
        for message in messages {
            touched.entry(message.device.id).or_insert_with(|| {
                // Taken out: it comes back with the commit, and is read again where there is none.
                let known = self
                    .known
                    .remove(&message.device.id)
                    .filter(|live| live.ownership == message.ownership);
                if known.is_none() {
                    unknown.push(message.device.id);
                }
                Touched::new(message, known.unwrap_or_default())
            });
        }
        unknown.sort_unstable();
        for ids in unknown.chunks(500) {
            let mut query = entity::device_live::Entity::find()
                .filter(entity::device_live::Column::DeviceId.is_in(ids.iter().copied()))
                .order_by_asc(entity::device_live::Column::DeviceId);
            if !alone {
                query = query.lock_exclusive();
            }
            for row in query.all(transaction).await? {
                if let Some(device) = touched.get_mut(&row.device_id) {
                    device.live = Live::from(row);
                }
            }
        }
        Ok(touched)
    }

    fn remember(
        &mut self,
        touched: HashMap<i64, Touched>,
        minutes: HashSet<(i64, i64)>,
        now: TimestampMs,
        alone: bool,
    ) {
        let open = |minute: i64| minute + MINUTE_MS > now.0;
        self.noted.retain(|(_, minute)| open(*minute));
        self.noted
            .extend(minutes.into_iter().filter(|(_, minute)| open(*minute)));
        if self.known.len() > MAX_CACHED {
            self.known.clear();
        }
        for mut device in touched.into_values() {
            let (id, live) = (device.id, std::mem::take(&mut device.live));
            if device.stored {
                let state = live.cached(device.revision);
                self.committed.push((device, state));
            }
            if alone {
                self.known.insert(id, live);
            }
        }
    }

    /// Tells of what was committed: cache, deadlines, live bus. None of it can undo the commit.
    pub(super) async fn publish(&mut self) {
        let (committed, states): (Vec<_>, Vec<_>) = std::mem::take(&mut self.committed)
            .into_iter()
            .map(|(device, state)| {
                let uuid = device.uuid;
                (device, (uuid, state))
            })
            .unzip();
        if committed.is_empty() {
            return;
        }
        if let Err(error) = self.services.cache.put(states).await {
            tracing::warn!(%error, "the state cache did not take {} states", committed.len());
        }
        let alive: Vec<_> = committed
            .iter()
            .map(|d| (d.uuid, d.received_at, d.report_interval_ms))
            .collect();
        if let Err(error) = presence::alive(&self.services, &alive).await {
            tracing::warn!(%error, "deadlines were not moved for {} devices", alive.len());
        }
        for device in &committed {
            if let Some(late) = device.late {
                events::late(&self.services, device.id, device.uuid, late).await;
            }
        }
        for device in &committed {
            for key in &device.released {
                released(&self.services, device, key).await;
            }
        }
        let earlier = committed.iter().filter(|d| d.earlier);
        let mut events: Vec<_> = earlier
            .map(|d| LiveEvent::History { device: d.uuid })
            .collect();
        let changed = committed.into_iter().filter(|d| !d.changed.is_empty());
        events.extend(changed.map(|device| LiveEvent::State {
            device: device.uuid,
            revision: device.revision,
            at: device.measured_at,
            received_at: device.received_at,
            changed: device.changed,
        }));
        self.services.bus.publish(events).await;
    }
}

async fn released(services: &Services, device: &Touched, key: &str) {
    let (kind, detail) = (EventKind::StateReleased, serde_json::json!({ "key": key }));
    let (id, uuid) = (device.id, device.uuid);
    let recorded = events::record(services, id, uuid, kind, Severity::Info, detail).await;
    if let Err(error) = recorded {
        tracing::error!(%error, device = %uuid, "that a forced state has ended was not written down");
    }
}

impl Touched {
    fn new(message: &Incoming, live: Live) -> Self {
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
    /// reports the state has no room for. Where it has room for none, the sequence is still to be used.
    fn take(&mut self, message: &Incoming) -> (Committed, Vec<usize>) {
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
        let lacking = room::lacking(&self.live.state, self.live.bytes, message);
        if !lacking.is_empty()
            && lacking.len() == message.reports.len()
            && self.live.window.clone().note(message.sequence.0) == Seen::New
        {
            return (Committed::TooLarge, lacking);
        }
        match self.live.window.note(message.sequence.0) {
            Seen::TooOld => return (Committed::SequenceTooOld, Vec::new()),
            Seen::Before => {
                self.duplicates += 1;
                return (Committed::Duplicate, Vec::new());
            }
            Seen::New => {}
        }
        self.stored = true;
        self.received_at = self.received_at.max(message.received_at);
        self.report_interval_ms = message.report_interval_ms;
        self.live.last_received = Some(self.received_at);
        if let Some(sent_at) = message.sent_at {
            self.live.skew_ms = Some(sent_at.since(message.received_at));
        }
        for (key, value) in &message.state {
            self.merge(key.clone(), value.clone(), message.received_at);
        }
        for part in with_room(message, &lacking) {
            // The state tells of one moment: what a chart shows of the others is read from the history.
            let before = self.moment.replace(part.at);
            self.earlier |= before.is_some_and(|before| before != part.at)
                || Some(part.at) < self.live.last_report;
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
        let outcome = match u16::try_from(lacking.len()) {
            Ok(0) => Committed::Stored,
            refused => Committed::InPart {
                refused: refused.unwrap_or(u16::MAX),
            },
        };
        (outcome, lacking)
    }

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

    /// As the columns of [`LIVE`].
    fn row(&self) -> Result<[Column; 11], DbErr> {
        let live = &self.live;
        let time = |at: Option<TimestampMs>| Column::Integer(at.map(|at| at.0));
        Ok([
            Column::Integer(Some(self.id)),
            Column::Integer(Some(live.ownership)),
            Column::Integer(Some(live.window.high())),
            Column::Bytes(live.window.bits().to_vec()),
            json(&live.state)?,
            Column::Integer(Some(i64::from(self.stored))),
            time(live.last_report),
            time(live.last_received),
            Column::Integer(live.skew_ms),
            Column::Integer(Some(self.duplicates)),
            Column::Integer(Some(0)),
        ])
    }
}

impl Live {
    fn cached(&self, revision: u64) -> CachedState {
        let values = self.state.iter();
        let forced = |(key, held): (&String, &Held)| {
            let forced = held.2.as_deref()?;
            Some((key.clone(), forced.clone()))
        };
        CachedState {
            revision,
            state: values
                .clone()
                .map(|(key, held)| (key.clone(), held.0.clone()))
                .collect(),
            // What was never reported was never measured.
            state_at: values
                .clone()
                .filter(|(_, held)| held.1.0 > 0)
                .map(|(key, held)| (key.clone(), held.1))
                .collect(),
            forced: values.filter_map(forced).collect(),
        }
    }
}

/// The state of a device as it is stored.
pub(super) fn cached(row: &entity::device_live::Model) -> CachedState {
    let revision = u64::try_from(row.revision).unwrap_or_default();
    Live::from(row.clone()).cached(revision)
}

impl From<entity::device_live::Model> for Live {
    fn from(row: entity::device_live::Model) -> Self {
        let state: HeldState = serde_json::from_value(row.state).unwrap_or_default();
        Self {
            ownership: row.ownership,
            window: SequenceWindow::from_parts(row.sequence_high, &row.sequence_bits),
            bytes: room::of_state(&state),
            state,
            last_report: row.last_report_ms.map(TimestampMs),
            last_received: row.last_received_ms.map(TimestampMs),
            skew_ms: row.clock_skew_ms,
        }
    }
}

const REPORTS: Table = Table {
    sqlite: (
        "INSERT OR IGNORE INTO report \
        (component_id, at_ms, sequence, received_ms, late, status, readings) VALUES ",
        "(?, ?, ?, ?, ?, ?, ?)",
        "",
    ),
    postgres: "INSERT INTO report \
        (component_id, at_ms, sequence, received_ms, late, status, readings) \
        SELECT (v->>0)::bigint, (v->>1)::bigint, (v->>2)::bigint, (v->>3)::bigint, \
        (v->>4)::boolean, v->>5, v->6 FROM jsonb_array_elements($1::text::jsonb) v ON CONFLICT DO NOTHING",
};

/// A note that is there is written again on PostgreSQL, in one order: so this transaction waits for a roller
/// that has just taken it, and one that comes now waits for these reports.
const DUE: Table = Table {
    sqlite: (
        "INSERT OR IGNORE INTO rollup_due (component_id, bucket_ms) VALUES ",
        "(?, ?)",
        "",
    ),
    postgres: "INSERT INTO rollup_due (component_id, bucket_ms) \
        SELECT (v->>0)::bigint, (v->>1)::bigint FROM jsonb_array_elements($1::text::jsonb) v \
        ORDER BY 1, 2 \
        ON CONFLICT (component_id, bucket_ms) DO UPDATE SET bucket_ms = excluded.bucket_ms",
};

/// `excluded.revision` tells whether anything was stored, or only duplicates counted.
const LIVE: Table = Table {
    sqlite: (
        "INSERT INTO device_live (device_id, ownership, sequence_high, sequence_bits, state, \
        revision, last_report_ms, last_received_ms, clock_skew_ms, duplicates, refused_recently) \
        VALUES ",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        " ON CONFLICT (device_id) DO UPDATE SET ownership = excluded.ownership, \
        sequence_high = excluded.sequence_high, sequence_bits = excluded.sequence_bits, \
        state = excluded.state, revision = device_live.revision + excluded.revision, \
        last_report_ms = excluded.last_report_ms, last_received_ms = excluded.last_received_ms, \
        clock_skew_ms = excluded.clock_skew_ms, \
        duplicates = device_live.duplicates + excluded.duplicates, \
        refused_recently = CASE excluded.revision WHEN 1 THEN 0 \
        ELSE device_live.refused_recently END \
        RETURNING device_id, revision",
    ),
    postgres: "INSERT INTO device_live (device_id, ownership, sequence_high, sequence_bits, state, \
        revision, last_report_ms, last_received_ms, clock_skew_ms, duplicates, refused_recently) \
        SELECT (v->>0)::bigint, (v->>1)::bigint, (v->>2)::bigint, decode(v->>3, 'hex'), v->4, \
        (v->>5)::bigint, (v->>6)::bigint, (v->>7)::bigint, (v->>8)::bigint, (v->>9)::bigint, 0 \
        FROM jsonb_array_elements($1::text::jsonb) v ORDER BY 1 \
        ON CONFLICT (device_id) DO UPDATE SET ownership = excluded.ownership, \
        sequence_high = excluded.sequence_high, sequence_bits = excluded.sequence_bits, \
        state = excluded.state, revision = device_live.revision + excluded.revision, \
        last_report_ms = excluded.last_report_ms, last_received_ms = excluded.last_received_ms, \
        clock_skew_ms = excluded.clock_skew_ms, \
        duplicates = device_live.duplicates + excluded.duplicates, \
        refused_recently = CASE excluded.revision WHEN 1 THEN 0 \
        ELSE device_live.refused_recently END \
        RETURNING device_id, revision",
};

async fn write_live(
    transaction: &DatabaseTransaction,
    touched: &mut HashMap<i64, Touched>,
) -> Result<(), DbErr> {
    let rows = touched
        .values()
        .filter(|device| device.stored || device.duplicates > 0)
        .map(Touched::row)
        .collect::<Result<Vec<_>, _>>()?;
    for row in LIVE.write(transaction, rows).await? {
        let id: i64 = row.try_get_by_index(0)?;
        let revision: i64 = row.try_get_by_index(1)?;
        if let Some(device) = touched.get_mut(&id) {
            device.revision = u64::try_from(revision).unwrap_or_default();
        }
    }
    Ok(())
}

/// The reports of a message without those that are `lacking` room.
fn with_room<'a>(
    message: &'a Incoming,
    lacking: &'a [usize],
) -> impl Iterator<Item = &'a ReportPart> {
    let parts = message.reports.iter().enumerate();
    parts.filter_map(|(place, part)| (!lacking.contains(&place)).then_some(part))
}

/// As the columns of [`REPORTS`].
fn report_row(part: &ReportPart, number: i64, message: &Incoming) -> Result<[Column; 7], DbErr> {
    Ok([
        Column::Integer(Some(part.component_id)),
        Column::Integer(Some(part.at.0)),
        Column::Integer(Some(number)),
        Column::Integer(Some(message.received_at.0)),
        Column::Bool(part.late),
        Column::Text(part.status.clone()),
        json(&Readings(part))?,
    ])
}

/// The readings of a report as one JSON object.
pub(super) struct Readings<'a>(pub(super) &'a ReportPart);

impl Serialize for Readings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.values.iter().map(|(name, value)| (name, value)))
    }
}

fn json(value: &impl Serialize) -> Result<Column, DbErr> {
    let text = serde_json::to_string(value).map_err(|error| DbErr::Json(error.to_string()))?;
    Ok(Column::Json(text))
}
