//! The group commit: every report of every device goes through one task, many in one transaction.
//!
//! A commit starts as soon as the last one ended, with all that came meanwhile: alone a report waits
//! for one disk flush, under load a thousand share one. The queue is bounded: when it is full, senders
//! wait, and with them their devices.
//!
//! The task has a thread of its own: on the shared ones every answer of the database would wait behind
//! the hundreds of connections that the last commit woke.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{AppError, TimestampMs, device::StateMap};
use protocol::{ComponentKey, Scalar, Sequence, ValueName};
use tokio::{
    sync::{mpsc, mpsc::error::TrySendError, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::batch::Writer;
use crate::{Services, accounts::actor::DeviceRef};

/// Messages that may wait for a commit.
const QUEUE: usize = 8_192;
/// Messages in one transaction.
const MAX_BATCH: usize = 8_192;
/// How long a commit waits for the senders that the last one answered: they send again at once, and
/// without this the first of them would have a transaction for itself.
const GATHER: Duration = Duration::from_millis(1);

/// A verified message of a device: its place in the order, and what it reports.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Who sent it.
    pub device: DeviceRef,
    /// The ownership whose secret signed it.
    pub ownership: i64,
    /// Its place in the device's order.
    pub sequence: Sequence,
    /// When it was handed to MQTT, as the device says.
    pub sent_at: Option<TimestampMs>,
    /// When it was received.
    pub received_at: TimestampMs,
    /// How often the device should report, in milliseconds: its next deadline follows from it.
    pub report_interval_ms: i64,
    /// What it reports; empty where only the sequence is to be noted.
    pub reports: Vec<ReportPart>,
    /// The server's own keys of the state, such as `ota_status`, that it changes.
    pub state: StateMap,
}

/// One report of one component.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportPart {
    /// The component.
    pub component_id: i64,
    /// Its key, for the state.
    pub key: ComponentKey,
    /// When it was measured.
    pub at: TimestampMs,
    /// Whether it is late data.
    pub late: bool,
    /// An actuator's state.
    pub status: Option<String>,
    /// Its readings.
    pub values: Vec<(ValueName, Scalar)>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is durable.
    Stored,
    /// It is durable but for these many of its reports, for which the device's state has no room.
    InPart {
        /// How many; at least one.
        refused: u16,
    },
    /// The device's state has no room for any of it.
    TooLarge,
    /// It was durable before.
    Duplicate,
    /// Another message had this sequence.
    SequenceReused,
    /// Its sequence is too far below the highest.
    SequenceTooOld,
    /// Its ownership has ended meanwhile.
    OwnershipEnded,
}

/// What the committer did so far.
#[derive(Debug, Default)]
pub struct CommitCounters {
    /// Messages stored.
    pub stored: AtomicU64,
    /// Messages that came again.
    pub duplicates: AtomicU64,
    /// Transactions.
    pub commits: AtomicU64,
    /// Microseconds spent in them.
    pub commit_micros: AtomicU64,
    /// Messages that could not be stored and were left to the sender.
    pub failed: AtomicU64,
}

pub(super) struct Waiting {
    pub message: Incoming,
    pub answer: oneshot::Sender<Result<Committed, AppError>>,
}

/// The way to the committer; cheap to clone.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<Waiting>,
    counters: Arc<CommitCounters>,
    waiting: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.message.fmt(f)
    }
}

impl Committer {
    /// Starts the committer. At `stop` it takes no more, commits what waits, and ends. An error where the
    /// system gives no thread for it.
    pub fn start(
        services: Services,
        stop: CancellationToken,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let counters = Arc::new(CommitCounters::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let running = run(services, inbox, counters.clone(), stop);
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || {
                runtime.block_on(running);
                let _ = end.send(());
            })?;
        let task = tokio::spawn(async move {
            if ended.await.is_err() {
                tracing::error!("the committer ended before its time");
            }
        });
        let committer = Self {
            queue,
            counters,
            waiting: Arc::default(),
        };
        Ok((committer, task))
    }

    /// Hands a message over at once; gives it back where there is no room for it, or no committer any more.
    pub fn offer(&self, message: Incoming) -> Result<Ticket, Incoming> {
        let waits = Waits::new(&self.waiting);
        let (answer, result) = oneshot::channel();
        match self.queue.try_send(Waiting { message, answer }) {
            Ok(()) => Ok(Ticket { result, waits }),
            Err(TrySendError::Full(back) | TrySendError::Closed(back)) => Err(back.message),
        }
    }

    /// Stores a message; returns when it is durable, or with an error when it is not and the sender
    /// must keep it. Waits while the queue is full. Nobody waits for a caller that is not polled.
    pub async fn submit(&self, message: Incoming) -> Result<Committed, AppError> {
        let message = match self.offer(message) {
            Ok(ticket) => return ticket.committed().await,
            Err(message) => message,
        };
        let waits = Waits::new(&self.waiting);
        let (answer, result) = oneshot::channel();
        let queue = self.queue.clone();
        // In a task: a place in the queue that is given to a caller who does not come for it is lost.
        let sent = tokio::spawn(async move { queue.send(Waiting { message, answer }).await });
        match sent.await {
            Ok(Ok(())) => Ticket { result, waits }.committed().await,
            _ => Err(AppError::Unavailable),
        }
    }

    /// Whether it takes messages: it has neither been stopped nor come to its end by itself.
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Returns when it takes no more messages, whatever the reason.
    pub async fn ended(&self) {
        self.queue.closed().await;
    }

    /// What it did so far.
    pub fn counters(&self) -> &Arc<CommitCounters> {
        &self.counters
    }

    /// Messages that wait for a commit now, those of the one under way included.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A message in the committer's hands.
#[derive(Debug)]
pub struct Ticket {
    result: oneshot::Receiver<Result<Committed, AppError>>,
    waits: Waits,
}

impl Ticket {
    /// What became of the message, once it is durable; an error where it is not.
    pub async fn committed(self) -> Result<Committed, AppError> {
        let _waits = self.waits;
        self.result.await.map_err(|_| AppError::Unavailable)?
    }
}

/// Counts a message that waits, until it is answered or its sender has gone.
#[derive(Debug)]
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn run(
    services: Services,
    mut inbox: mpsc::Receiver<Waiting>,
    counters: Arc<CommitCounters>,
    stop: CancellationToken,
) {
    let mut writer = Writer::new(services);
    let mut batch = Vec::with_capacity(MAX_BATCH);
    let mut last = 0;
    loop {
        let received = tokio::select! {
            received = inbox.recv_many(&mut batch, MAX_BATCH) => received,
            () = stop.cancelled(), if !inbox.is_closed() => {
                inbox.close();
                continue;
            }
        };
        if received == 0 {
            return;
        }
        if batch.len() < last / 2 {
            // Where they do not come, a commit that is smaller than it could be is all there is.
            let _ = tokio::time::timeout(GATHER, gather(&mut inbox, &mut batch, last / 2)).await;
        }
        last = batch.len();
        // The messages of a device may overtake each other on their way here; of two that were measured in
        // the same millisecond the later one counts.
        batch.sort_by_cached_key(|waiting| (waiting.message.device.id, waiting.message.sequence.0));
        let started = std::time::Instant::now();
        commit(&mut writer, &mut batch, &counters).await;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        counters.commits.fetch_add(1, Ordering::Relaxed);
        counters.commit_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Takes along what comes until the batch has `enough`.
async fn gather(inbox: &mut mpsc::Receiver<Waiting>, batch: &mut Vec<Waiting>, enough: usize) {
    while batch.len() < enough {
        if inbox.recv_many(batch, MAX_BATCH - batch.len()).await == 0 {
            return;
        }
    }
}

/// Commits a batch and answers it. Where it fails, each message is tried alone, so that one that the
/// database refuses does not hold up the others. Who was answered finds in the state what they reported.
async fn commit(writer: &mut Writer, batch: &mut Vec<Waiting>, counters: &CommitCounters) {
    let messages: Vec<&Incoming> = batch.iter().map(|w| &w.message).collect();
    match writer.write(&messages).await {
        Ok(written) => {
            writer.show().await;
            for (waiting, outcome) in batch.drain(..).zip(written) {
                answer(waiting, Ok(outcome), counters);
            }
        }
        Err(_) if batch.len() > 1 && writer.is_reachable().await => {
            for waiting in batch.drain(..) {
                let outcome = writer.write(&[&waiting.message]).await;
                writer.show().await;
                answer(waiting, outcome.map(|written| written[0]), counters);
            }
        }
        Err(error) => {
            for waiting in batch.drain(..) {
                answer(waiting, Err(error.clone()), counters);
            }
        }
    }
    writer.publish().await;
}

fn answer(waiting: Waiting, outcome: Result<Committed, AppError>, counters: &CommitCounters) {
    let counter = match outcome {
        Ok(Committed::Stored | Committed::InPart { .. }) => &counters.stored,
        Ok(Committed::TooLarge) => {
            let _ = waiting.answer.send(outcome);
            return;
        }
        Ok(_) => &counters.duplicates,
        Err(_) => &counters.failed,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    // The sender may have gone; then the device sends again and it is a duplicate.
    let _ = waiting.answer.send(outcome);
}
