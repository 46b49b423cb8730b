//! One transaction of the group commit: sequences, reports, states, and the minutes to roll up.
//!
//! Each table is written by few statements that take many rows. On SQLite this process is the only writer, so what it
//! last wrote of a device is kept in memory; on PostgreSQL the rows are locked and read, because others may commit for
//! the same device.

use std::collections::{HashMap, HashSet};

use domain::{AppError, DeviceId, TimestampMs};
use protocol::Scalar;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
};

use super::{
    commit::{Committed, Incoming},
    live::Live,
    numbers::Numbers,
    resent,
    rows::{DUE, LIVE, REPORTS, due_row, live_row, report_row},
    table::Column,
    told,
    touched::Touched,
};
use crate::{Services, internal, state_cache::CachedState};

const MINUTE_MS: i64 = 60_000;
/// Devices whose last row is kept in memory; beyond it all are read again.
const MAX_CACHED: usize = 65_536;

/// Writes batches, and tells of them afterwards.
pub(super) struct Writer {
    services: Services,
    known: HashMap<i64, Live>,
    /// Open minutes that are already noted for their rollup.
    noted: HashSet<(i64, i64)>,
    committed: Vec<Touched>,
    states: Vec<(DeviceId, CachedState)>,
}

impl Writer {
    pub(super) fn new(services: Services) -> Self {
        Self {
            services,
            known: HashMap::new(),
            noted: HashSet::new(),
            committed: Vec::new(),
            states: Vec::new(),
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

    /// Puts what was committed where pages read it.
    pub(super) async fn show(&mut self) {
        let states = std::mem::take(&mut self.states);
        let count = states.len();
        if count > 0
            && let Err(error) = self.services.cache.put(states).await
        {
            tracing::warn!(%error, "the state cache did not take {count} states");
        }
    }

    /// Tells of what was committed.
    pub(super) async fn publish(&mut self) {
        told::tell(&self.services, std::mem::take(&mut self.committed)).await;
    }

    async fn try_write(&mut self, messages: &[&Incoming]) -> Result<Vec<Committed>, DbErr> {
        let transaction = self.services.db.write.begin().await?;
        let alone = transaction.get_database_backend() == DbBackend::Sqlite;
        let mut touched = self.load(&transaction, messages, alone).await?;
        let Merged {
            mut outcomes,
            reports,
            mut minutes,
            repeated,
        } = Merged::of(messages, &mut touched)?;
        REPORTS.write(&transaction, reports).await?;
        let now = self.services.now();
        minutes.retain(|minute| !is_open(minute.1, now) || !self.noted.contains(minute));
        let due = minutes
            .iter()
            .map(|(component, minute)| due_row(*component, *minute))
            .collect();
        DUE.write(&transaction, due).await?;
        for place in repeated {
            let message = messages[place];
            if let Some(device) = touched.get_mut(&message.device.id) {
                outcomes[place] = tell_apart(&transaction, message, device, now).await?;
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

    /// Keeps what was written for the next batch, and what is to be told of this one.
    fn remember(
        &mut self,
        touched: HashMap<i64, Touched>,
        minutes: HashSet<(i64, i64)>,
        now: TimestampMs,
        alone: bool,
    ) {
        self.noted.retain(|(_, minute)| is_open(*minute, now));
        let open = minutes
            .into_iter()
            .filter(|(_, minute)| is_open(*minute, now));
        self.noted.extend(open);
        if self.known.len() > MAX_CACHED {
            self.known.clear();
        }
        for mut device in touched.into_values() {
            let (id, live) = (device.id, std::mem::take(&mut device.live));
            if device.stored {
                let state = live.cached(device.revision);
                self.states.push((device.uuid, state));
                self.committed.push(device);
            }
            if alone {
                self.known.insert(id, live);
            }
        }
    }
}

/// Whether the minute that begins at this moment is not over.
fn is_open(minute: i64, now: TimestampMs) -> bool {
    minute + MINUTE_MS > now.0
}

/// What the messages of a batch come to, beside what they do to their devices.
#[derive(Default)]
struct Merged {
    /// What becomes of each message.
    outcomes: Vec<Committed>,
    /// The rows of the history.
    reports: Vec<[Column; 7]>,
    /// What is to be rolled up: each component, and when the minute began.
    minutes: HashSet<(i64, i64)>,
    /// Which messages have a sequence that was stored before.
    repeated: Vec<usize>,
}

impl Merged {
    /// Merges messages into their devices.
    fn of(messages: &[&Incoming], touched: &mut HashMap<i64, Touched>) -> Result<Self, DbErr> {
        let mut merged = Self {
            outcomes: Vec::with_capacity(messages.len()),
            ..Self::default()
        };
        for (place, message) in messages.iter().enumerate() {
            let device = touched
                .get_mut(&message.device.id)
                .ok_or_else(|| DbErr::Custom("a device that was not loaded".to_owned()))?;
            let (outcome, lacking) = device.take(message);
            match outcome {
                Committed::Stored | Committed::InPart { .. } => merged.add(message, &lacking)?,
                Committed::Duplicate => merged.repeated.push(place),
                _ => {}
            }
            merged.outcomes.push(outcome);
        }
        Ok(merged)
    }

    /// Adds the reports of a message but for those that are `lacking` room; their numbers are counted all the same.
    fn add(&mut self, message: &Incoming, lacking: &[usize]) -> Result<(), DbErr> {
        let mut numbers = Numbers::of(message);
        for (place, part) in message.reports.iter().enumerate() {
            let number = numbers.number(part);
            if lacking.contains(&place) {
                continue;
            }
            self.reports.push(report_row(part, number, message)?);
            let mut values = part.values.iter();
            if values.any(|(_, value)| matches!(value, Scalar::Number(_))) {
                let minute = part.at.0.div_euclid(MINUTE_MS) * MINUTE_MS;
                self.minutes.insert((part.component_id, minute));
            }
        }
        Ok(())
    }
}

/// Whether a message whose sequence was stored before came again, or is another one.
async fn tell_apart(
    transaction: &DatabaseTransaction,
    message: &Incoming,
    device: &mut Touched,
    now: TimestampMs,
) -> Result<Committed, DbErr> {
    let since = device.live.last_report.map_or(now, |last| last.min(now));
    if resent::may_be_stored(transaction, message, since).await? {
        return Ok(Committed::Duplicate);
    }
    device.duplicates -= 1;
    Ok(Committed::SequenceReused)
}

/// Writes the devices that the batch has changed, and notes their revisions.
async fn write_live(
    transaction: &DatabaseTransaction,
    touched: &mut HashMap<i64, Touched>,
) -> Result<(), DbErr> {
    let rows = touched
        .values()
        .filter(|device| device.stored || device.duplicates > 0)
        .map(live_row)
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
