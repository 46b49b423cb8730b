//! A device by hand: what its folder is enrolled as is said, and what it is told is heard, at a terminal and without
//! its drivers.
//!
//! Invariant: sequences come out of the folder's own store, so the device goes on afterwards as if it had spoken
//! itself. The store is locked: the agent does not run meanwhile.

use std::{io, sync::Arc, time::Duration};

use protocol::{
    Envelope, Report, Sequence, SharedSecret, Topic,
    enroll::Credentials,
    identity::{Identity, PresenceStatus, Versions},
};
use rumqttc::{
    AsyncClient, PublishOptions, PublishResult,
    mqttbytes::{
        QoS,
        v5::{PubAckReason, Publish},
    },
};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    folder::{Folder, Site},
    link::{self, Address, LinkEvent},
    now,
    store::{Message, Store, StoreError},
    trust,
};

/// How long the broker may take to let it in, and to answer a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a device could not be spoken for.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// The folder is not enrolled.
    #[error("not enrolled: run `madang-agent enroll` first")]
    NotEnrolled,
    /// Nobody owns the device: there is no secret to sign with.
    #[error("the device has no owner yet")]
    Unclaimed,
    /// The folder could not be read.
    #[error("state folder: {0}")]
    Folder(#[from] io::Error),
    /// The store is in use, or broken.
    #[error("the store (is the agent running?): {0}")]
    Store(#[from] StoreError),
    /// What the server gave cannot be used.
    #[error("the credentials: {0}")]
    Credentials(String),
    /// The broker does not let it in, or has gone.
    #[error("the broker: {0}")]
    Broker(String),
    /// A value of a report is none.
    #[error("{0}")]
    Value(String),
}

/// A connected device that somebody speaks for.
pub struct Hand {
    credentials: Credentials,
    site: Site,
    secret: Option<SharedSecret>,
    store: Store,
    client: AsyncClient,
    events: mpsc::Receiver<LinkEvent>,
    _stop: DropGuard,
    _tls: watch::Sender<Arc<rustls::ClientConfig>>,
}

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hand({})", self.credentials.device_uuid)
    }
}

impl Hand {
    /// Connects as the device of this folder; another connection of it ends.
    pub async fn connect(folder: &Folder) -> Result<Self, HandError> {
        let site = folder.site()?.ok_or(HandError::NotEnrolled)?;
        let credentials = site.credentials.clone().ok_or(HandError::NotEnrolled)?;
        let words = |error: &dyn std::fmt::Display| HandError::Credentials(error.to_string());
        let owned = credentials.ownership.as_ref();
        let secret = owned
            .map(|owned| {
                let secret = SharedSecret::from_base64url(&owned.shared_secret);
                secret.ok_or_else(|| HandError::Credentials("the secret is none".to_owned()))
            })
            .transpose()?;
        let store = Store::open(&folder.store_path(), u64::MAX)?;
        let key = folder.key_pem(&site.key_file)?;
        let tls = trust::mutual(&credentials.ca, &credentials.certificate, &key);
        let tls = watch::Sender::new(Arc::new(tls.map_err(|error| words(&error))?));
        let address = Address {
            device: credentials.device_uuid,
            url: credentials.mqtt_url.clone(),
            tls: tls.subscribe(),
            reached: link::always_reached(),
        };
        let (sender, mut events) = mpsc::channel(64);
        let stop = CancellationToken::new();
        tokio::spawn(link::keep_connected(address, sender, stop.clone()));
        let first = tokio::time::timeout(PATIENCE, events.recv()).await;
        let client = match first {
            Ok(Some(LinkEvent::Up(client))) => client,
            Ok(Some(LinkEvent::Down(reason, _))) => return Err(HandError::Broker(reason)),
            _ => return Err(HandError::Broker("no answer".to_owned())),
        };
        Ok(Self {
            credentials,
            site,
            secret,
            store,
            client,
            events,
            _stop: stop.drop_guard(),
            _tls: tls,
        })
    }

    /// Says who it is: before that the server keeps its reports apart. Gives what the broker answered.
    pub async fn introduce(&self) -> Result<String, HandError> {
        let id = self.credentials.device_uuid;
        let identity = Identity {
            device_uuid: id,
            cpu_serial: self.site.serial.clone(),
            macs: Vec::new(),
            storage_id: None,
            versions: Versions::default(),
            network: None,
        };
        let mut body = match serde_json::to_value(identity) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        body.insert("timestamp".to_owned(), now().0.into());
        body.insert("sequence".to_owned(), self.store.next_sequence()?.into());
        let topic = Topic::Identity(id).to_string();
        let payload = match &self.secret {
            Some(secret) => protocol::seal(&topic, body, secret),
            None => serde_json::to_vec(&body).unwrap_or_default(),
        };
        self.raw(&topic, payload, false).await
    }

    /// Reports a status or values of a component, such as `temp=25.5`, signed and in the device's order. Gives what
    /// the broker answered.
    pub async fn report(
        &self,
        component: &str,
        status: Option<&str>,
        values: &[String],
    ) -> Result<String, HandError> {
        let owned = self.credentials.ownership.as_ref();
        let (Some(owned), Some(secret)) = (owned, &self.secret) else {
            return Err(HandError::Unclaimed);
        };
        let component = component
            .parse()
            .map_err(|_| HandError::Value(format!("`{component}` is no component")))?;
        let topic = Topic::Report {
            owner: owned.user_email.clone(),
            device: self.credentials.device_uuid,
            component,
        }
        .to_string();
        let values = values
            .iter()
            .map(|text| value(text))
            .collect::<Result<Vec<_>, _>>()?;
        let at = now();
        let compose = |sequence: u64| {
            let report = Report {
                timestamp: at,
                sent_at: Some(at),
                sequence: Sequence(sequence),
                hardware_variant: self.credentials.hardware_variant.clone(),
                cpu_serial: None,
                status: status.map(ToOwned::to_owned),
                values: values.iter().cloned().collect(),
            };
            let payload = protocol::seal(&topic, report.to_body(), secret);
            Message {
                topic: topic.clone(),
                payload: String::from_utf8(payload).unwrap_or_default(),
            }
        };
        let mut answer = String::new();
        for (sequence, message) in self.store.send(&[&compose], None)? {
            answer = self
                .raw(&message.topic, message.payload.into_bytes(), false)
                .await?;
            self.store.acknowledged(&[sequence])?;
        }
        Ok(answer)
    }

    /// Says that it goes offline, as a device does before it disconnects.
    pub async fn offline(&self) -> Result<String, HandError> {
        let topic = Topic::Presence(self.credentials.device_uuid).to_string();
        let payload = link::presence(PresenceStatus::Offline);
        self.raw(&topic, payload, true).await
    }

    /// Publishes these bytes as they are. Gives what the broker answered: `Success`, or why it refused them.
    pub async fn raw(
        &self,
        topic: &str,
        payload: Vec<u8>,
        retain: bool,
    ) -> Result<String, HandError> {
        let words = |error: &dyn std::fmt::Display| HandError::Broker(error.to_string());
        let options = PublishOptions::at_least_once();
        let options = if retain { options.retained() } else { options };
        let notice = self
            .client
            .publish_tracked(topic.to_owned(), payload, options)
            .await
            .map_err(|error| words(&error))?;
        let answered = tokio::time::timeout(PATIENCE, notice.wait_async())
            .await
            .map_err(|error| words(&error))?
            .map_err(|error| words(&error))?;
        Ok(match answered {
            PublishResult::Qos1(ack) => match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => "taken".to_owned(),
                reason => {
                    let said = ack
                        .properties
                        .and_then(|properties| properties.reason_string);
                    said.unwrap_or_else(|| format!("{reason:?}"))
                }
            },
            _ => "sent".to_owned(),
        })
    }

    /// Subscribes to all that the device may hear.
    pub async fn subscribe(&self) -> Result<(), HandError> {
        let words = |error: &dyn std::fmt::Display| HandError::Broker(error.to_string());
        let id = self.credentials.device_uuid;
        for filter in [format!("commands/{id}/#"), format!("system/{id}/#")] {
            self.client
                .subscribe_tracked(filter, QoS::AtLeastOnce)
                .await
                .map_err(|error| words(&error))?
                .wait_async()
                .await
                .map_err(|error| words(&error))?;
        }
        Ok(())
    }

    /// The next message for the device, which is acknowledged and not carried out: a line with its signature's
    /// verdict, its topic and its text.
    pub async fn heard(&mut self) -> Result<String, HandError> {
        loop {
            match self.events.recv().await {
                Some(LinkEvent::Message(publish)) => {
                    let line = self.line(&publish);
                    if let Err(error) = self.client.ack(&publish).await {
                        return Err(HandError::Broker(error.to_string()));
                    }
                    return Ok(line);
                }
                Some(LinkEvent::Up(client)) => {
                    self.client = client;
                    self.subscribe().await?;
                }
                Some(LinkEvent::Down(reason, _)) => return Err(HandError::Broker(reason)),
                None => return Err(HandError::Broker("the connection ended".to_owned())),
            }
        }
    }

    fn line(&self, publish: &Publish) -> String {
        let topic = String::from_utf8_lossy(&publish.topic);
        let text = String::from_utf8_lossy(&publish.payload);
        let signed = protocol::open(&publish.payload)
            .ok()
            .zip(self.secret.as_ref())
            .map(|(envelope, secret): (Envelope, _)| envelope.verify(&topic, secret));
        let verdict = match signed {
            Some(true) => "signed",
            Some(false) => "WRONG SIGNATURE",
            None => "unsigned",
        };
        format!("{verdict}\t{topic}\t{text}")
    }

    /// Leaves; what was handed over has gone.
    pub async fn close(self) {
        let _ = self.client.disconnect_now().await;
    }
}

/// A number, a truth or a text under a name: `temp=25.5`.
fn value(text: &str) -> Result<(protocol::ValueName, protocol::Scalar), HandError> {
    use protocol::Scalar;
    let wrong = || HandError::Value(format!("`{text}` is not NAME=VALUE"));
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let name = name.parse().map_err(|_| wrong())?;
    let value = match (value.parse::<f64>(), value.parse::<bool>()) {
        (Ok(number), _) if number.is_finite() => Scalar::Number(number),
        (_, Ok(truth)) => Scalar::Bool(truth),
        _ => Scalar::Text(value.to_owned()),
    };
    Ok((name, value))
}
