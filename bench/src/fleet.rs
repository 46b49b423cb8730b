//! Connected devices that send, and what came back for each message.
//!
//! Invariant: what was not acknowledged when a connection ended is sent again with the same sequence
//! and signature, as every device has to.

mod orders;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use agent::link::{self, LinkEvent};
use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use protocol::{
    Report, Scalar, Sequence, Topic,
    identity::{Identity as Shown, PresenceStatus, Versions},
};
use rumqttc::{AsyncClient, PublishNoticeError, PublishOptions, PublishResult};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{figures::micros, site::Identity};

pub(crate) use orders::Manner;

/// Messages that a device has under way; the wire allows 512.
const WINDOW: usize = 64;
/// How long a device may take to get in.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long one piece of work may take.
const LONGEST: Duration = Duration::from_secs(150);

/// A message as it goes, and goes again.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    topic: String,
    payload: Bytes,
}

/// What a device is to send.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// These, as fast as they are acknowledged.
    Ready(Arc<Vec<Message>>),
    /// So many, one each time this much has passed; each carries the microseconds since `epoch`.
    Paced {
        count: usize,
        every: Duration,
        epoch: Instant,
    },
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Those of them that were refused.
    pub refused: u64,
    /// From handing over to acknowledgement, in microseconds; resent messages are left out.
    pub waits: Vec<u32>,
    /// Messages sent more than once.
    pub resent: u64,
}

type Answer = (usize, Result<bool, ()>);

/// One device with its connection.
pub(crate) struct Device {
    identity: Arc<Identity>,
    sequence: u64,
    client: Option<AsyncClient>,
    events: mpsc::Receiver<LinkEvent>,
    stop: CancellationToken,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Devices of a site.
pub(crate) struct Fleet(Vec<Device>);

impl Fleet {
    /// Connects as [`Fleet::connect`], so many at a time.
    pub(crate) async fn connect_by(
        together: usize,
        identities: &[Arc<Identity>],
        broker: &str,
    ) -> Result<Self> {
        let mut devices = Vec::with_capacity(identities.len());
        for some in identities.chunks(together) {
            devices.extend(Self::connect(some, broker, 1).await?.0);
        }
        devices.sort_by_key(|device| device.identity.id);
        Ok(Self(devices))
    }

    /// Connects all; returns when each has said who it is and was heard.
    pub(crate) async fn connect(
        identities: &[Arc<Identity>],
        broker: &str,
        first_sequence: u64,
    ) -> Result<Self> {
        let mut connecting = JoinSet::new();
        for identity in identities {
            let (identity, broker) = (identity.clone(), broker.to_owned());
            connecting.spawn(async move {
                let (told, events) = mpsc::channel(256);
                let stop = CancellationToken::new();
                let address = link::Address {
                    device: identity.id,
                    url: format!("mqtts://{broker}"),
                    tls: tokio::sync::watch::channel(identity.tls.clone()).1,
                    reached: link::always_reached(),
                };
                tokio::spawn(link::keep_connected(address, told, stop.clone()));
                let mut device = Device {
                    identity,
                    sequence: first_sequence,
                    client: None,
                    events,
                    stop,
                };
                device.until_up().await?;
                anyhow::Ok(device)
            });
        }
        let mut devices = Vec::new();
        while let Some(device) = connecting.join_next().await {
            devices.push(device??);
        }
        devices.sort_by_key(|device| device.identity.id);
        Ok(Self(devices))
    }

    /// Composes and signs `each` messages for every device, in the fleet's order.
    pub(crate) fn compose(&mut self, each: usize) -> Vec<Arc<Vec<Message>>> {
        let compose = |device: &mut Device| {
            let messages = (0..each).map(|n| device.report(n as f64 / 10.0));
            Arc::new(messages.collect())
        };
        self.0.iter_mut().map(compose).collect()
    }

    /// Lets every device do its work; gives the fleet back with what came of it.
    pub(crate) async fn send(
        self,
        work: Vec<Work>,
        done: &Arc<AtomicU64>,
    ) -> Result<(Self, Outcome)> {
        let mut sending = JoinSet::new();
        for (mut device, work) in self.0.into_iter().zip(work) {
            let done = done.clone();
            sending.spawn(async move {
                let outcome = timeout(LONGEST, device.send(work, &done))
                    .await
                    .map_err(|_| {
                        anyhow!("device {}: not all was answered", device.identity.serial)
                    })?;
                outcome.map(|outcome| (device, outcome))
            });
        }
        let mut devices = Vec::new();
        let mut whole = Outcome::default();
        while let Some(sent) = sending.join_next().await {
            let (device, outcome) = sent??;
            devices.push(device);
            whole.acknowledged += outcome.acknowledged;
            whole.refused += outcome.refused;
            whole.resent += outcome.resent;
            whole.waits.extend(outcome.waits);
        }
        devices.sort_by_key(|device| device.identity.id);
        Ok((Self(devices), whole))
    }
}

impl Device {
    fn next_sequence(&mut self) -> Sequence {
        self.sequence += 1;
        Sequence(self.sequence)
    }

    /// A signed report with this reading.
    fn report(&mut self, reading: f64) -> Message {
        let sequence = self.next_sequence();
        let identity = &self.identity;
        let topic = Topic::Report {
            owner: identity.owner.clone(),
            device: identity.id,
            component: identity.component.clone(),
        };
        let now = agent::now();
        let report = Report {
            timestamp: now,
            sent_at: Some(now),
            sequence,
            hardware_variant: identity.variant.clone(),
            cpu_serial: None,
            status: None,
            values: [("average", reading), ("peak", reading + 40.0)]
                .into_iter()
                .filter_map(|(name, value)| Some((name.parse().ok()?, Scalar::Number(value))))
                .collect(),
        };
        self.sealed(&topic, report.to_body())
    }

    fn sealed(&self, topic: &Topic, body: serde_json::Map<String, serde_json::Value>) -> Message {
        let topic = topic.to_string();
        let payload = protocol::seal(&topic, body, &self.identity.secret).into();
        Message { topic, payload }
    }

    fn who_it_is(&mut self) -> Message {
        let sequence = self.next_sequence();
        let shown = Shown {
            device_uuid: self.identity.id,
            cpu_serial: self.identity.serial.clone(),
            macs: Vec::new(),
            storage_id: None,
            versions: Versions::default(),
            network: None,
        };
        let mut body = match serde_json::to_value(shown) {
            Ok(serde_json::Value::Object(body)) => body,
            _ => serde_json::Map::new(),
        };
        body.insert("timestamp".to_owned(), agent::now().0.into());
        body.insert("sequence".to_owned(), sequence.0.into());
        self.sealed(&Topic::Identity(self.identity.id), body)
    }

    /// Waits for a connection on which the device has said who it is.
    async fn until_up(&mut self) -> Result<()> {
        let mut reason = String::new();
        timeout(PATIENCE, async {
            loop {
                match self
                    .events
                    .recv()
                    .await
                    .context("the connection's task ended")?
                {
                    LinkEvent::Up(client) => match self.introduce(&client).await {
                        Ok(()) => {
                            self.client = Some(client);
                            return Ok(());
                        }
                        Err(error) => reason = format!("{error:#}"),
                    },
                    LinkEvent::Down(why, _) => reason = why,
                    LinkEvent::Message(_) => {}
                }
            }
        })
        .await
        .map_err(|_| anyhow!("device {} did not get in: {reason}", self.identity.serial))?
    }

    async fn introduce(&mut self, client: &AsyncClient) -> Result<()> {
        let topic = Topic::Presence(self.identity.id).to_string();
        let online = link::presence(PresenceStatus::Online);
        let options = PublishOptions::at_least_once().retain(true);
        client.publish_tracked(topic, online, options).await?;
        let message = self.who_it_is();
        let options = PublishOptions::at_least_once();
        let notice = client.publish_tracked(message.topic, message.payload, options);
        notice.await?.wait_async().await?;
        Ok(())
    }

    async fn send(&mut self, work: Work, done: &AtomicU64) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut under_way: BTreeMap<usize, (Message, Instant)> = BTreeMap::new();
        let mut answers: FuturesUnordered<BoxFuture<'static, Answer>> = FuturesUnordered::new();
        let (count, every) = match &work {
            Work::Ready(messages) => (messages.len(), None),
            Work::Paced { count, every, .. } => (*count, Some(*every)),
        };
        let mut ticks = interval(every.unwrap_or(PATIENCE));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut next = 0;
        let mut allowed = if every.is_some() { 0 } else { count };
        while outcome.acknowledged < count as u64 {
            while next < allowed && under_way.len() < WINDOW && self.client.is_some() {
                let message = match &work {
                    Work::Ready(messages) => messages[next].clone(),
                    Work::Paced { epoch, .. } => self.report(epoch.elapsed().as_micros() as f64),
                };
                let sent = Instant::now();
                under_way.insert(next, (message.clone(), sent));
                self.hand_over(next, message, &mut answers).await;
                next += 1;
            }
            tokio::select! {
                _ = ticks.tick(), if every.is_some() && allowed < count => allowed += 1,
                Some((which, answer)) = answers.next() => {
                    // A lost one stays under way until the connection is back.
                    if let Ok(accepted) = answer
                        && let Some((_, sent)) = under_way.remove(&which)
                    {
                        outcome.acknowledged += 1;
                        outcome.refused += u64::from(!accepted);
                        outcome.waits.push(micros(sent.elapsed()));
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
                event = self.events.recv() => match event.context("the connection's task ended")? {
                    LinkEvent::Down(..) => {
                        self.client = None;
                        answers.clear();
                        self.until_up().await?;
                        let again: Vec<_> = under_way.iter().map(|(w, (m, _))| (*w, m.clone())).collect();
                        outcome.resent += again.len() as u64;
                        for (which, message) in again {
                            self.hand_over(which, message, &mut answers).await;
                        }
                    }
                    LinkEvent::Up(client) => self.client = Some(client),
                    LinkEvent::Message(_) => {}
                },
            }
        }
        Ok(outcome)
    }

    async fn hand_over(
        &self,
        which: usize,
        message: Message,
        answers: &mut FuturesUnordered<BoxFuture<'static, Answer>>,
    ) {
        let Some(client) = &self.client else { return };
        let options = PublishOptions::at_least_once();
        let handed = client.publish_tracked(message.topic, message.payload, options);
        // One that could not be handed over stays under way until the connection is back.
        if let Ok(notice) = handed.await {
            let answer = async move { (which, accepted(notice.wait_async().await)) };
            answers.push(answer.boxed());
        }
    }
}

/// Whether a message was accepted; an error where nobody answered.
fn accepted(answer: Result<PublishResult, PublishNoticeError>) -> Result<bool, ()> {
    match answer {
        Ok(PublishResult::Qos1(answer)) => {
            use rumqttc::mqttbytes::v5::PubAckReason::{NoMatchingSubscribers, Success};
            Ok(matches!(answer.reason, Success | NoMatchingSubscribers))
        }
        Ok(_) => Ok(true),
        Err(PublishNoticeError::V5PubAck(_)) => Ok(false),
        Err(_) => Err(()),
    }
}
