//! From measurement to acknowledgement: live reports first, one batch of stored ones at a time.

use futures::FutureExt as _;
use protocol::{
    Batch, BatchReport, MAX_BATCH_REPORTS, MAX_UNACKNOWLEDGED, Report, Sequence, Topic,
};
use rumqttc::PublishOptions;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Device, LIVE_UNDER_WAY, RunError};
use crate::{
    now,
    store::{Compose, Measured, Message},
};

/// About how many bytes of stored reports one batch carries; with names and envelope it stays below
/// the 64 KiB of a payload.
const BATCH_BYTES: usize = 48 * 1024;

/// What became of a message.
pub(super) enum Outcome {
    /// The server has it, or refused it for good.
    Acknowledged(u64, Option<String>),
    /// The connection ended first; it is sent again.
    Lost,
}

impl Device {
    /// The server has answered to who this is: what it has not acknowledged goes again, then the rest. Where it `refused`
    /// to hear it, that is said again later; what is reported meanwhile is kept apart.
    pub(super) async fn begin_sending(&mut self, refused: Option<String>) -> Result<(), RunError> {
        self.ready = true;
        match &refused {
            None => tracing::info!(device = %self.id, "connected"),
            Some(reason) => {
                tracing::warn!(device = %self.id, "the server refused to hear who this is: {reason}");
                self.greet_at = Some(Instant::now() + self.settings.greet_again);
            }
        }
        self.status.send_modify(|status| {
            status.online = true;
            status.greeted += 1;
            status.trouble = refused;
        });
        if self.owned.is_none() {
            return Ok(());
        }
        self.resend().await?;
        self.catch_up().await
    }

    /// Hands over what the store has without an acknowledgement, as far as there is room.
    async fn resend(&mut self) -> Result<(), RunError> {
        self.more_to_resend = false;
        for (sequence, message) in self.store.unacknowledged()? {
            if self.under_way.len() >= MAX_UNACKNOWLEDGED {
                self.more_to_resend = true;
                break;
            }
            self.hand_over(sequence, message).await;
        }
        Ok(())
    }

    pub(super) async fn send_measured(
        &mut self,
        mut measured: Vec<Measured>,
    ) -> Result<(), RunError> {
        let ahead_ms = self.hardware.clock_ahead_ms();
        for one in &mut measured {
            one.timestamp = one.timestamp.plus_ms(ahead_ms);
        }
        let Some(owned) = &self.owned else {
            return Ok(());
        };
        if measured.is_empty() {
            return Ok(());
        }
        if !self.ready || self.under_way.len() >= LIVE_UNDER_WAY {
            return Ok(self.store.keep(&measured)?);
        }
        let variant = &self.credentials()?.hardware_variant;
        let (sent_at, device) = (now().plus_ms(ahead_ms), self.id);
        let composers: Vec<_> = measured
            .iter()
            .map(|one| {
                move |sequence: u64| {
                    let topic = Topic::Report {
                        owner: owned.email.clone(),
                        device,
                        component: one.component.clone(),
                    };
                    let report = Report {
                        timestamp: one.timestamp,
                        sent_at: Some(sent_at),
                        sequence: Sequence(sequence),
                        hardware_variant: variant.clone(),
                        cpu_serial: None,
                        status: one.status.clone(),
                        values: one.values.clone(),
                    };
                    sealed(&topic, report.to_body(), &owned.secret)
                }
            })
            .collect();
        let composers: Vec<&Compose<'_>> = composers.iter().map(|c| c as &Compose<'_>).collect();
        let sent = self.store.send(&composers, None)?;
        for (sequence, message) in sent {
            self.hand_over(sequence, message).await;
        }
        Ok(())
    }

    /// Sends the oldest stored reports as one batch, when none is under way.
    pub(super) async fn catch_up(&mut self) -> Result<(), RunError> {
        if self.ready && self.more_to_resend && self.under_way.len() < MAX_UNACKNOWLEDGED / 2 {
            self.resend().await?;
        }
        let Some(owned) = self.owned.as_ref().filter(|_| self.ready) else {
            return Ok(());
        };
        if self.batch.is_some() || self.under_way.len() >= MAX_UNACKNOWLEDGED {
            return Ok(());
        }
        let stored = self.store.oldest(MAX_BATCH_REPORTS, BATCH_BYTES)?;
        let Some((last, _)) = stored.last() else {
            return Ok(());
        };
        let last = *last;
        let batch = Batch {
            hardware_variant: self.credentials()?.hardware_variant.clone(),
            reports: stored
                .into_iter()
                .map(|(_, one)| BatchReport {
                    component_key: one.component,
                    timestamp: one.timestamp,
                    status: one.status,
                    values: one.values,
                })
                .collect(),
        };
        let topic = Topic::Batch {
            owner: owned.email.clone(),
            device: self.id,
        };
        let compose = |sequence: u64| {
            let mut body = object(&batch);
            body.insert("timestamp".to_owned(), now().0.into());
            body.insert("sequence".to_owned(), sequence.into());
            sealed(&topic, body, &owned.secret)
        };
        let sent = self.store.send(&[&compose], Some(last))?;
        for (sequence, message) in sent {
            self.batch = Some(sequence);
            self.hand_over(sequence, message).await;
        }
        Ok(())
    }

    /// Gives a message to the connection, where there is one; the store has it in any case.
    pub(super) async fn hand_over(&mut self, sequence: u64, message: Message) {
        let Some(client) = self.client.as_ref().filter(|_| self.ready) else {
            return;
        };
        if !self.under_way.insert(sequence) {
            return;
        }
        let payload = self.hardware.spoil(message.payload);
        let handed = client
            .publish_tracked(message.topic, payload, PublishOptions::at_least_once())
            .await;
        match handed {
            Ok(notice) => self.acknowledgements.push(
                async move {
                    match notice.wait_async().await {
                        Ok(result) => Outcome::Acknowledged(sequence, refusal(&result)),
                        Err(_) => Outcome::Lost,
                    }
                }
                .boxed(),
            ),
            Err(error) => tracing::debug!(device = %self.id, "not handed over: {error}"),
        }
    }

    pub(super) fn note(&mut self, first: Outcome) -> Result<(), RunError> {
        let mut done = Vec::new();
        let mut outcome = Some(first);
        // Whatever else has arrived goes in the same transaction.
        while let Some(one) = outcome {
            if let Outcome::Acknowledged(sequence, refused) = one {
                if let Some(reason) = refused {
                    tracing::warn!(device = %self.id, sequence, "the server refused a message: {reason}");
                    self.status
                        .send_modify(|status| status.trouble = Some(reason));
                }
                self.under_way.remove(&sequence);
                if self.batch == Some(sequence) {
                    self.batch = None;
                }
                done.push(sequence);
            }
            outcome = futures::StreamExt::next(&mut self.acknowledgements)
                .now_or_never()
                .flatten();
        }
        if !done.is_empty() {
            self.store.acknowledged(&done)?;
            let count = u64::try_from(done.len()).unwrap_or(0);
            self.status
                .send_modify(|status| status.acknowledged += count);
        }
        Ok(())
    }
}

pub(super) fn object(value: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

pub(super) fn sealed(
    topic: &Topic,
    body: Map<String, Value>,
    secret: &protocol::SharedSecret,
) -> Message {
    let topic = topic.to_string();
    let payload = protocol::seal(&topic, body, secret);
    Message {
        payload: String::from_utf8(payload).unwrap_or_default(),
        topic,
    }
}

/// The reason code of an acknowledgement that is none.
pub(super) fn refusal(result: &rumqttc::PublishResult) -> Option<String> {
    use rumqttc::mqttbytes::v5::PubAckReason;
    match result {
        rumqttc::PublishResult::Qos1(ack) => match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => None,
            reason => Some(format!("{reason:?}")),
        },
        _ => None,
    }
}
