//! Devices with certificates of their own that speak MQTT 5 over TLS, and say exactly what a test wants.

use std::{
    net::SocketAddr,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use ::agent::trust;
use protocol::{
    ComponentKey, DeviceId, Email, Report, Scalar, Sequence, SharedSecret, TimestampMs, Topic,
    enroll::{Credentials, CredentialsRequest},
    identity::{Identity as Shown, PresenceMessage, PresenceStatus, Versions},
};
use rumqttc::PublishOptions;
use rustls::ClientConfig;
use serde_json::{Map, Value};
use service::{
    Actor, Services,
    accounts::Client,
    devices::{self, CredentialsOutcome, NewDevice},
};

pub use crate::connection::{Answer, Connection, Ended, Manner, PATIENCE};

/// What a device is enrolled with.
#[derive(Clone)]
pub struct Identity {
    /// Its id.
    pub id: DeviceId,
    /// The serial number of its processor.
    pub serial: String,
    /// Its enrolment code.
    pub code: String,
    /// Its key, PEM.
    pub key: String,
    /// What the server gave it.
    pub credentials: Credentials,
    /// Its certificate and the site's authority.
    pub tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.id)
    }
}

impl Identity {
    /// Pre-registers a device as `admin` and enrols it; `owner` claims it where there is one.
    pub async fn enrol(
        services: &Services,
        admin: &Actor,
        owner: Option<&Actor>,
        wish: NewDevice,
    ) -> anyhow::Result<Self> {
        let serial = wish.cpu_serial.clone();
        let made = devices::preregister(services, &admin.require_admin()?, wish).await?;
        let code = made.code.to_string();
        if let Some(owner) = owner {
            devices::claim(services, owner, &serial, &code).await?;
        }
        Self::with_code(services, serial, code).await
    }

    /// Enrols with a new key and this code.
    pub async fn with_code(
        services: &Services,
        serial: String,
        code: String,
    ) -> anyhow::Result<Self> {
        Self::with_key(services, serial, code, rcgen::KeyPair::generate()?).await
    }

    /// Asks for its credentials once more, with the key and code that it has.
    pub async fn again(&self, services: &Services) -> anyhow::Result<Self> {
        let key = rcgen::KeyPair::from_pem(&self.key)?;
        Self::with_key(services, self.serial.clone(), self.code.clone(), key).await
    }

    async fn with_key(
        services: &Services,
        serial: String,
        code: String,
        key: rcgen::KeyPair,
    ) -> anyhow::Result<Self> {
        let csr = rcgen::CertificateParams::default()
            .serialize_request(&key)?
            .pem()?;
        let request = CredentialsRequest {
            cpu_serial: serial.clone(),
            code: code.clone(),
            csr,
        };
        let credentials = match devices::credentials(services, request, &Client::default()).await? {
            CredentialsOutcome::Complete(credentials)
            | CredentialsOutcome::Waiting(credentials) => credentials,
        };
        let key = key.serialize_pem();
        Ok(Self {
            id: credentials.device_uuid,
            serial,
            code,
            tls: Arc::new(trust::mutual(
                &credentials.ca,
                &credentials.certificate,
                &key,
            )?),
            key,
            credentials,
        })
    }

    /// Its owner's address.
    ///
    /// # Panics
    /// When it is not claimed.
    pub fn owner(&self) -> &Email {
        let owned = self.credentials.ownership.as_ref();
        &owned.expect("a claimed device").user_email
    }

    /// The secret that it signs with.
    ///
    /// # Panics
    /// When it is not claimed.
    pub fn secret(&self) -> SharedSecret {
        let owned = self.credentials.ownership.as_ref();
        let text = &owned.expect("a claimed device").shared_secret;
        SharedSecret::from_base64url(text).expect("a secret")
    }

    /// The topic of a component's reports.
    pub fn topic(&self, component: &str) -> Topic {
        Topic::Report {
            owner: self.owner().clone(),
            device: self.id,
            component: component.parse::<ComponentKey>().expect("a key"),
        }
    }

    /// The members of a report, not signed yet.
    pub fn report(&self, sequence: u64, values: &[(&str, f64)]) -> Map<String, Value> {
        let now = ::agent::now();
        let report = Report {
            timestamp: now,
            sent_at: Some(now),
            sequence: Sequence(sequence),
            hardware_variant: self.credentials.hardware_variant.clone(),
            cpu_serial: None,
            status: None,
            values: values
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), Scalar::Number(*value)))
                .collect(),
        };
        report.to_body()
    }

    /// A body signed for this topic.
    pub fn sealed(&self, topic: &str, body: Map<String, Value>) -> Vec<u8> {
        protocol::seal(topic, body, &self.secret())
    }

    /// The message that it says who it is.
    pub fn shown(&self, sequence: u64) -> Map<String, Value> {
        let shown = Shown {
            device_uuid: self.id,
            cpu_serial: self.serial.clone(),
            macs: Vec::new(),
            storage_id: None,
            versions: Versions::default(),
            network: None,
        };
        let Ok(Value::Object(mut body)) = serde_json::to_value(shown) else {
            unreachable!("an identity is an object");
        };
        body.insert("timestamp".to_owned(), ::agent::now().0.into());
        body.insert("sequence".to_owned(), sequence.into());
        body
    }
}

/// A computer with a processor, a memory and a lamp.
pub fn computer(serial: &str) -> NewDevice {
    let components = ["cpu", "memory", "led"];
    NewDevice {
        cpu_serial: serial.to_owned(),
        uuid: None,
        kind: domain::device::DeviceKind::Computer,
        hardware_version: "pc".to_owned(),
        hardware_variant: "Standard".to_owned(),
        name: None,
        components: components
            .iter()
            .map(|name| name.parse().expect("a type"))
            .collect(),
    }
}

/// A connected device.
#[derive(Debug)]
pub struct Device {
    connection: Connection,
    /// What it is enrolled with.
    pub identity: Identity,
}

impl Deref for Device {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Device {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Device {
    /// Connects as the wire says; gives why not where it was refused.
    pub async fn connect(identity: &Identity, broker: SocketAddr) -> Result<Self, Ended> {
        let manner = Manner {
            client_id: identity.id.to_string(),
            will: Some(Topic::Presence(identity.id).to_string()),
            lasting: false,
        };
        Self::connect_as(identity, broker, manner).await
    }

    /// Connects in this manner.
    pub async fn connect_as(
        identity: &Identity,
        broker: SocketAddr,
        manner: Manner,
    ) -> Result<Self, Ended> {
        Ok(Self {
            connection: Connection::open(&identity.tls, broker, manner).await?,
            identity: identity.clone(),
        })
    }

    /// Connects, says that it is online and who it is, and listens for commands.
    pub async fn online(identity: &Identity, broker: SocketAddr, sequence: u64) -> Self {
        let device = Self::connect(identity, broker).await.expect("let in");
        let topic = Topic::Identity(identity.id).to_string();
        let shown = identity.sealed(&topic, identity.shown(sequence));
        assert_eq!(device.publish(&topic, shown).await, Answer::Accepted);
        let commands = format!("commands/{}/#", identity.id);
        let system = format!("system/{}/#", identity.id);
        assert!(device.subscribe(&commands).await && device.subscribe(&system).await);
        device
    }

    /// Reports these values of a component, signed.
    pub async fn report(&self, component: &str, sequence: u64, values: &[(&str, f64)]) -> Answer {
        let topic = self.identity.topic(component).to_string();
        let body = self.identity.report(sequence, values);
        let payload = self.identity.sealed(&topic, body);
        self.publish(&topic, payload).await
    }

    /// Waits until the server ends the connection.
    pub async fn ended(self) -> Ended {
        self.connection.ended().await
    }

    /// Disconnects as one who means it.
    pub async fn leave(self) {
        let topic = Topic::Presence(self.identity.id).to_string();
        let options = PublishOptions::at_least_once().retain(true);
        self.publish_with(&topic, presence(PresenceStatus::Offline), options)
            .await;
        self.connection.close().await;
    }
}

/// The payload of `presence`.
pub fn presence(status: PresenceStatus) -> Vec<u8> {
    serde_json::to_vec(&PresenceMessage { status }).expect("JSON")
}

/// Milliseconds since the epoch, now.
pub fn now() -> TimestampMs {
    ::agent::now()
}
