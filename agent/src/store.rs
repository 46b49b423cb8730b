//! Store and forward: what was measured and answered, on disk until the server has it.
//!
//! Two tables: `reports` holds what nobody was told yet, in the order it was measured; `messages` holds
//! what was handed to MQTT under a sequence and a signature, until its acknowledgement. Moving from one
//! to the other is one transaction, so each report is in exactly one message. `reports` is bounded:
//! past the limit the oldest go first, and their number is kept.

use std::{collections::BTreeMap, path::Path};

use protocol::{CommandId, CommandResult, ComponentKey, Scalar, TimestampMs, ValueName};
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use serde::{Deserialize, Serialize};

const REPORTS: TableDefinition<u64, &[u8]> = TableDefinition::new("reports");
const MESSAGES: TableDefinition<u64, &[u8]> = TableDefinition::new("messages");
const EXECUTED: TableDefinition<&[u8], &[u8]> = TableDefinition::new("executed");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// Memory for the store's pages, in bytes.
const CACHE_BYTES: usize = 1024 * 1024;
/// Commands that are remembered, so that none is executed twice.
const EXECUTED_KEPT: u64 = 2_000;

/// The store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the device's store: {0}")]
pub struct StoreError(String);

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self(error.into().to_string())
    }
}

/// One measurement of one component, not yet in a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Which component.
    pub component: ComponentKey,
    /// When.
    pub timestamp: TimestampMs,
    /// An actuator's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Readings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<ValueName, Scalar>,
}

/// A message as it was, or will be, handed to MQTT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its signed payload, JSON text.
    pub payload: String,
}

/// How a command was answered last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Executed {
    /// When it came.
    pub at: TimestampMs,
    /// The last answer.
    pub result: CommandResult,
}

/// How much the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Reports that no message carries yet.
    pub reports: u64,
    /// Messages without an acknowledgement.
    pub messages: u64,
    /// Reports given up for lack of room, ever.
    pub dropped: u64,
}

/// The device's store.
#[derive(Debug)]
pub struct Store {
    database: Database,
    max_reports: u64,
}

/// Makes a message under the sequence that the store gives it.
pub type Compose<'a> = dyn Fn(u64) -> Message + Send + Sync + 'a;

impl Store {
    /// Opens the store, making it where it is missing; it holds up to `max_reports` unsent reports.
    pub fn open(path: &Path, max_reports: u64) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(REPORTS)?;
        transaction.open_table(MESSAGES)?;
        transaction.open_table(EXECUTED)?;
        transaction.open_table(META)?;
        transaction.commit()?;
        Ok(Self {
            database,
            max_reports,
        })
    }

    /// Keeps measurements for later.
    pub fn keep(&self, measured: &[Measured]) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        {
            let mut reports = transaction.open_table(REPORTS)?;
            let first = reports.last()?.map_or(0, |(key, _)| key.value() + 1);
            for (key, one) in (first..).zip(measured) {
                reports.insert(key, encode(one)?.as_slice())?;
            }
            let mut dropped = 0;
            while reports.len()? > self.max_reports && reports.pop_first()?.is_some() {
                dropped += 1;
            }
            if dropped > 0 {
                let mut meta = transaction.open_table(META)?;
                let before = number(&meta, "dropped")?;
                meta.insert("dropped", before + dropped)?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// The oldest unsent reports: at most `count`, and about `bytes` of them.
    pub fn oldest(&self, count: usize, bytes: usize) -> Result<Vec<(u64, Measured)>, StoreError> {
        let transaction = self.database.begin_read()?;
        let reports = transaction.open_table(REPORTS)?;
        let mut taken = Vec::new();
        let mut size = 0;
        for entry in reports.iter()? {
            let (key, value) = entry?;
            size += value.value().len();
            if taken.len() >= count || (size > bytes && !taken.is_empty()) {
                break;
            }
            taken.push((key.value(), decode(value.value())?));
        }
        Ok(taken)
    }

    /// Gives each of `messages` the next sequence, and keeps it until [`Store::acknowledged`]; the
    /// reports up to `carried` are in them now.
    pub fn send(
        &self,
        messages: &[&Compose<'_>],
        carried: Option<u64>,
    ) -> Result<Vec<(u64, Message)>, StoreError> {
        let transaction = self.database.begin_write()?;
        let sent = put_messages(&transaction, messages)?;
        if let Some(last) = carried {
            let mut reports = transaction.open_table(REPORTS)?;
            reports.retain_in(..=last, |_, _| false)?;
        }
        transaction.commit()?;
        Ok(sent)
    }

    /// Takes a sequence for a message that is not kept.
    pub fn next_sequence(&self) -> Result<u64, StoreError> {
        let transaction = self.database.begin_write()?;
        let next = take_sequence(&transaction)?;
        transaction.commit()?;
        Ok(next)
    }

    /// The server has these messages.
    pub fn acknowledged(&self, sequences: &[u64]) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        {
            let mut messages = transaction.open_table(MESSAGES)?;
            for sequence in sequences {
                messages.remove(sequence)?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// The messages without an acknowledgement, in sending order.
    pub fn unacknowledged(&self) -> Result<Vec<(u64, Message)>, StoreError> {
        let transaction = self.database.begin_read()?;
        let messages = transaction.open_table(MESSAGES)?;
        let mut all = Vec::new();
        for entry in messages.iter()? {
            let (key, value) = entry?;
            all.push((key.value(), decode(value.value())?));
        }
        Ok(all)
    }

    /// How much it holds.
    pub fn held(&self) -> Result<Held, StoreError> {
        let transaction = self.database.begin_read()?;
        Ok(Held {
            reports: transaction.open_table(REPORTS)?.len()?,
            messages: transaction.open_table(MESSAGES)?.len()?,
            dropped: number(&transaction.open_table(META)?, "dropped")?,
        })
    }

    /// How a command was answered, where it has come before.
    pub fn executed(&self, command: CommandId) -> Result<Option<Executed>, StoreError> {
        let transaction = self.database.begin_read()?;
        let executed = transaction.open_table(EXECUTED)?;
        let found = executed.get(command.0.as_bytes().as_slice())?;
        found.map(|value| decode(value.value())).transpose()
    }

    /// Remembers an answer together with the message that carries it.
    pub fn answer(
        &self,
        command: CommandId,
        executed: &Executed,
        message: &Compose<'_>,
    ) -> Result<(u64, Message), StoreError> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(EXECUTED)?;
            table.insert(
                command.0.as_bytes().as_slice(),
                encode(executed)?.as_slice(),
            )?;
            if table.len()? > EXECUTED_KEPT {
                forget_oldest(&mut table)?;
            }
        }
        let mut sent = put_messages(&transaction, &[message])?;
        transaction.commit()?;
        sent.pop()
            .ok_or_else(|| StoreError("no message was made".to_owned()))
    }

    /// Commands that were begun and not ended: the device stopped in between.
    pub fn interrupted(&self) -> Result<Vec<CommandId>, StoreError> {
        let transaction = self.database.begin_read()?;
        let executed = transaction.open_table(EXECUTED)?;
        let mut found = Vec::new();
        for entry in executed.iter()? {
            let (key, value) = entry?;
            let entry: Executed = decode(value.value())?;
            if !entry.result.status.is_final()
                && let Ok(id) = uuid::Uuid::from_slice(key.value())
            {
                found.push(CommandId(id));
            }
        }
        Ok(found)
    }

    /// Takes a number from the server that must grow; `false` where it does not.
    pub fn advance(&self, name: &'static str, to: u64, slack: u64) -> Result<bool, StoreError> {
        let transaction = self.database.begin_write()?;
        let accepted = {
            let mut meta = transaction.open_table(META)?;
            let high = number(&meta, name)?;
            if to > high {
                meta.insert(name, to)?;
            }
            to + slack > high
        };
        transaction.commit()?;
        Ok(accepted)
    }

    /// Erases everything of the former ownership: reports, messages, answers, sequences.
    pub fn erase(&self) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(REPORTS)?.retain(|_, _| false)?;
        transaction.open_table(MESSAGES)?.retain(|_, _| false)?;
        transaction.open_table(EXECUTED)?.retain(|_, _| false)?;
        transaction.open_table(META)?.retain(|_, _| false)?;
        Ok(transaction.commit()?)
    }
}

fn put_messages(
    transaction: &WriteTransaction,
    messages: &[&Compose<'_>],
) -> Result<Vec<(u64, Message)>, StoreError> {
    let mut sent = Vec::with_capacity(messages.len());
    for compose in messages {
        let sequence = take_sequence(transaction)?;
        let message = compose(sequence);
        let mut table = transaction.open_table(MESSAGES)?;
        table.insert(sequence, encode(&message)?.as_slice())?;
        sent.push((sequence, message));
    }
    Ok(sent)
}

fn take_sequence(transaction: &WriteTransaction) -> Result<u64, StoreError> {
    let mut meta = transaction.open_table(META)?;
    let next = number(&meta, "sequence")? + 1;
    meta.insert("sequence", next)?;
    Ok(next)
}

fn number(meta: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, StoreError> {
    Ok(meta.get(name)?.map_or(0, |value| value.value()))
}

/// Commands come with time-ordered ids or not; the oldest answers go.
fn forget_oldest(table: &mut redb::Table<'_, &[u8], &[u8]>) -> Result<(), StoreError> {
    let mut ages: Vec<(i64, Vec<u8>)> = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        ages.push((
            decode::<Executed>(value.value())?.at.0,
            key.value().to_vec(),
        ));
    }
    ages.sort();
    for (_, key) in ages.iter().take(ages.len() / 4) {
        table.remove(key.as_slice())?;
    }
    Ok(())
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError(error.to_string()))
}

fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(at: i64) -> Measured {
        Measured {
            component: "dht22".parse().unwrap(),
            timestamp: TimestampMs(at),
            status: None,
            values: BTreeMap::from([("temp".parse().unwrap(), Scalar::Number(25.5))]),
        }
    }

    fn message(sequence: u64) -> Message {
        Message {
            topic: "topic".to_owned(),
            payload: sequence.to_string(),
        }
    }

    fn open(folder: &tempfile::TempDir, max: u64) -> Store {
        Store::open(&folder.path().join("outbox.redb"), max).unwrap()
    }

    #[test]
    fn sequences_grow_across_restarts_and_messages_wait_for_their_acknowledgement() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, 10);
        let sent = store.send(&[&message, &message], None).unwrap();
        assert_eq!(sent.iter().map(|s| s.0).collect::<Vec<_>>(), [1, 2]);
        store.acknowledged(&[1]).unwrap();
        drop(store);
        let store = open(&folder, 10);
        assert_eq!(store.unacknowledged().unwrap(), [(2, message(2))]);
        assert_eq!(store.next_sequence().unwrap(), 3);
    }

    #[test]
    fn reports_go_into_exactly_one_message_and_the_oldest_go_first_when_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, 3);
        let all: Vec<_> = (0..5).map(measured).collect();
        store.keep(&all).unwrap();
        let held = store.held().unwrap();
        assert_eq!((held.reports, held.dropped), (3, 2));
        let oldest = store.oldest(2, 10_000).unwrap();
        let times: Vec<_> = oldest.iter().map(|(_, one)| one.timestamp.0).collect();
        assert_eq!(times, [2, 3]);
        store.send(&[&message], Some(oldest[1].0)).unwrap();
        assert_eq!(store.oldest(9, 10_000).unwrap()[0].1, measured(4));
        assert_eq!(store.unacknowledged().unwrap().len(), 1);
    }

    #[test]
    fn a_command_is_known_again_and_one_that_was_cut_off_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, 3);
        let command = CommandId::random();
        let executed = |status| Executed {
            at: TimestampMs(1),
            result: CommandResult {
                status,
                progress: None,
                reason: None,
                output: None,
            },
        };
        let accepted = executed(protocol::CommandStatus::Accepted);
        store.answer(command, &accepted, &message).unwrap();
        assert_eq!(store.interrupted().unwrap(), [command]);
        let completed = executed(protocol::CommandStatus::Completed);
        store.answer(command, &completed, &message).unwrap();
        assert_eq!(store.executed(command).unwrap(), Some(completed));
        assert!(store.interrupted().unwrap().is_empty());
    }

    #[test]
    fn an_old_number_of_the_server_is_told_from_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, 3);
        assert!(store.advance("command_sequence", 5_000, 1_024).unwrap());
        assert!(store.advance("command_sequence", 4_000, 1_024).unwrap());
        assert!(!store.advance("command_sequence", 3_976, 1_024).unwrap());
        store.erase().unwrap();
        assert!(store.advance("command_sequence", 1, 1_024).unwrap());
    }
}
