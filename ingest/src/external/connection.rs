//! One connection: messages into the pipeline at the same time, their acknowledgements in their order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesOrdered};
use protocol::Topic;
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, mqttbytes::v5::Publish};
use service::{Services, commands};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{ExternalBroker, RECEIVE_MAXIMUM, subscribe};
use crate::{Pipeline, Received};

/// First and longest pause between two tries to connect.
const PAUSE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(200)..=Duration::from_secs(15);

#[derive(Clone)]
pub(super) struct Connection {
    pub broker: Arc<ExternalBroker>,
    pub services: Services,
    pub pipeline: Pipeline,
    pub client: AsyncClient,
    /// What it subscribes to when its session is new.
    pub filters: &'static [&'static str],
    pub stop: CancellationToken,
}

/// A message, and on which of the connections in a row it came: packet ids mean nothing on another.
struct Delivery {
    publish: Publish,
    connected: u64,
}

impl Connection {
    /// Keeps connected until `stop`.
    pub(super) async fn run(self, mut events: EventLoop) {
        let connected = Arc::new(AtomicU64::new(0));
        // As large as what the broker may send: reading never waits for the database.
        let (inbox, deliveries) = mpsc::channel(usize::from(RECEIVE_MAXIMUM) + 1);
        let answering = tokio::spawn(self.clone().answer(deliveries, connected.clone()));
        let mut pause = *PAUSE.start();
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => break,
                event = events.poll() => event,
            };
            match event {
                Ok(Event::Incoming(Incoming::ConnAck(answer))) => {
                    pause = *PAUSE.start();
                    connected.fetch_add(1, Ordering::Relaxed);
                    self.broker.up.store(true, Ordering::Relaxed);
                    tracing::info!(broker = ?self.broker, "connected to the broker");
                    if answer.session_present {
                        continue;
                    }
                    let (client, filters) = (self.client.clone(), self.filters);
                    tokio::spawn(async move {
                        if let Err(error) = subscribe(&client, filters).await {
                            tracing::error!(error, "the broker refused a subscription");
                        }
                    });
                }
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    let connected = connected.load(Ordering::Relaxed);
                    if inbox.send(Delivery { publish, connected }).await.is_err() {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    self.broker.up.store(false, Ordering::Relaxed);
                    tracing::warn!(%error, broker = ?self.broker, "the broker is away");
                    let _ = tokio::time::timeout(pause, self.stop.cancelled()).await;
                    pause = (pause * 2).min(*PAUSE.end());
                }
            }
        }
        drop(inbox);
        let _ = answering.await;
    }

    async fn answer(self, mut deliveries: mpsc::Receiver<Delivery>, connected: Arc<AtomicU64>) {
        let mut under_way = FuturesOrdered::new();
        let mut open = true;
        while open || !under_way.is_empty() {
            tokio::select! {
                delivery = deliveries.recv(), if open => match delivery {
                    Some(delivery) => {
                        self.presence(&delivery.publish);
                        let taking = self.clone();
                        under_way.push_back(tokio::spawn(async move {
                            // What is not answered at the end comes again at the next start.
                            let stop = taking.stop.clone();
                            let taking = Box::pin(taking.take(&delivery.publish));
                            let taken = stop.run_until_cancelled(taking);
                            taken.await.unwrap_or(false).then_some(delivery)
                        }));
                    }
                    None => open = false,
                },
                Some(taken) = under_way.next(), if !under_way.is_empty() => {
                    let Ok(Some(delivery)) = taken else { continue };
                    if delivery.connected == connected.load(Ordering::Relaxed)
                        && let Err(error) = self.client.ack(&delivery.publish).await
                    {
                        tracing::warn!(%error, "an acknowledgement was not sent; the message comes again");
                    }
                }
            }
        }
    }

    /// Notes who comes and goes, one message after the other.
    fn presence(&self, publish: &Publish) {
        if let Ok(Topic::Presence(device)) = String::from_utf8_lossy(&publish.topic).parse() {
            self.broker
                .presence(&self.services, device, &publish.payload);
        }
    }

    /// Whether the message is dealt with and may be acknowledged.
    async fn take(&self, publish: &Publish) -> bool {
        let topic = String::from_utf8_lossy(&publish.topic);
        let Ok(topic) = topic.parse::<Topic>() else {
            tracing::warn!(target: "security", %topic, "the broker let an unknown topic through");
            return true;
        };
        let device = topic.device();
        if let Topic::Presence(_) = topic {
            // Noted when it came; what is retained comes again at the next start.
            return true;
        }
        if let Topic::RequestState { user, device } = &topic {
            // The broker's rules let a person's apps ask under their own address alone.
            self.pipeline.answer_request(user, *device).await;
            return true;
        }
        let identified = matches!(topic, Topic::Identity(_));
        let received = Received {
            device,
            topic,
            payload: publish.payload.clone(),
            received_at: self.services.now(),
            sender: None,
            session: None,
        };
        let answered = self.pipeline.keep_trying(received, || false, &self.stop);
        if answered.await.is_none() {
            return false;
        }
        if identified && let Err(error) = commands::deliver(&self.services, device).await {
            tracing::error!(%device, %error, "waiting commands were not delivered");
        }
        true
    }
}
