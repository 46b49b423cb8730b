//! An external MQTT 5 broker, or a cluster of one, behind which several programs may share the work.
//!
//! Reports come over `$share/ingest/…`, so that each goes to one connection of all. A message is
//! acknowledged when the pipeline has answered for it, in the order of receipt (MQTT 4.6), and the broker
//! keeps what is not: the session outlives the connection. At most [`RECEIVE_MAXIMUM`] messages are under
//! way on a connection; the broker holds back what is over that.
//!
//! The broker must admit only certificates of the site's authority, take the Common Name for the user
//! name, and hold clients to the topics of the wire. Its own account for the site, [`SERVICE_NAME`], may
//! publish and subscribe everything and use any client id: taking a device's client id over is how a
//! revoked session ends on every broker.

mod connection;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{DeviceId, UserId, device::PresenceCause};
use parking_lot::Mutex;
use protocol::{
    MAX_PAYLOAD_BYTES, Topic,
    identity::{PresenceMessage, PresenceStatus},
};
use rumqttc::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, Event, EventLoop, Incoming, MqttOptions,
    PublishOptions, SessionMode, TlsConfiguration, Transport, mqttbytes::QoS,
};
use rustls::ClientConfig;
use service::{
    Services,
    accounts::apps::client_id,
    link::{DeviceLink, LinkError},
};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::connection::Connection;
use crate::{Broker, BrokerError, Happened, Happenings, Pipeline};

pub use service::devices::admission::SERVICE_NAME;

/// Messages under way on one connection.
pub const RECEIVE_MAXIMUM: u16 = 2_048;
/// How long the broker keeps what this program has not acknowledged while it is away, in seconds.
const SESSION_S: u32 = 24 * 3_600;
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(500);
const KEEP_ALIVE_S: u16 = 30;

/// Where the broker is, and as whom to connect.
#[derive(Clone)]
pub struct ExternalConfig {
    /// `mqtts://host:port`.
    pub url: Url,
    /// The client ids begin with this; each program that shares the work has its own.
    pub client_id: String,
    /// The authority of the broker's certificate, and the site's own certificate for it.
    pub tls: Arc<ClientConfig>,
    /// Connections that share the work.
    pub connections: usize,
}

impl std::fmt::Debug for ExternalConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ExternalConfig({}, {})", self.url, self.client_id)
    }
}

/// The site's connections to an external broker.
pub struct ExternalBroker {
    config: ExternalConfig,
    /// Publishes, and hears who is there: a session that begins anew with each connection, because what
    /// is retained comes with the subscription.
    client: AsyncClient,
    loops: Mutex<Vec<(AsyncClient, EventLoop)>>,
    sessions: Mutex<HashMap<DeviceId, u64>>,
    revoked: Mutex<HashMap<DeviceId, u64>>,
    next_session: AtomicU64,
    happened: Happenings,
    up: AtomicBool,
}

impl std::fmt::Debug for ExternalBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ExternalBroker({})", self.config.url)
    }
}

impl ExternalBroker {
    /// Prepares the connections; they are made by [`Broker::run`].
    pub fn new(config: ExternalConfig) -> Result<Arc<Self>, BrokerError> {
        let mut speaking = options(&config, &config.client_id)?;
        speaking.set_session_mode(SessionMode::Clean);
        speaking.set_ack_mode(AckMode::Manual);
        let (client, events) = build(speaking)?;
        let mut loops = vec![(client.clone(), events)];
        for number in 1..=config.connections.max(1) {
            let mut options = options(&config, &format!("{}-{number}", config.client_id))?;
            options.set_session_mode(SessionMode::Persistent);
            options.set_session_expiry_interval(Some(SESSION_S));
            options.set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
            options.set_ack_mode(AckMode::Manual);
            options.set_receive_maximum(Some(RECEIVE_MAXIMUM));
            loops.push(build(options)?);
        }
        Ok(Arc::new(Self {
            client,
            config,
            loops: Mutex::new(loops),
            sessions: Mutex::default(),
            revoked: Mutex::default(),
            next_session: AtomicU64::new(0),
            happened: Happenings::default(),
            up: AtomicBool::new(false),
        }))
    }

    /// A device says on the retained topic that it came or went, or its will does. To be called in the order in
    /// which the broker tells: the end of a session that was taken over comes just before what followed it.
    fn presence(&self, services: &Services, device: DeviceId, payload: &[u8]) {
        let Ok(message) = serde_json::from_slice::<PresenceMessage>(payload) else {
            tracing::warn!(target: "security", %device, "a presence that is none");
            return;
        };
        match message.status {
            PresenceStatus::Online => {
                let session = self.next_session(services);
                self.sessions.lock().insert(device, session);
                self.happened.note(Happened::Connected {
                    device,
                    session,
                    serial: None,
                });
                self.happened.note(Happened::Arrived { device });
            }
            PresenceStatus::Offline => {
                let Some(session) = self.sessions.lock().remove(&device) else {
                    return;
                };
                // The topic does not tell a will from a farewell.
                let revoked = self.revoked.lock().remove(&device) == Some(session);
                let cause = match revoked {
                    true => PresenceCause::Revoked,
                    false => PresenceCause::Disconnected,
                };
                self.happened.note(Happened::Disconnected {
                    device,
                    session,
                    cause,
                });
            }
        }
    }

    /// Larger than every session number before, across restarts.
    fn next_session(&self, services: &Services) -> u64 {
        let now = u64::try_from(services.now().0).unwrap_or_default();
        let before = self
            .next_session
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(now.max(last + 1))
            });
        now.max(before.unwrap_or_default() + 1)
    }
}

#[async_trait]
impl Broker for ExternalBroker {
    async fn run(
        self: Arc<Self>,
        services: Services,
        pipeline: Pipeline,
        stop: CancellationToken,
    ) -> Result<(), BrokerError> {
        let loops = std::mem::take(&mut *self.loops.lock());
        if loops.is_empty() {
            return Err(BrokerError("it runs already".to_owned()));
        }
        let telling = self.happened.tell(services.clone(), stop.clone());
        let mut tasks = JoinSet::new();
        for (number, (client, events)) in loops.into_iter().enumerate() {
            let connection = Connection {
                broker: self.clone(),
                services: services.clone(),
                pipeline: pipeline.clone(),
                client,
                filters: if number == 0 { &[PRESENCE] } else { &SHARED },
                stop: stop.clone(),
            };
            tasks.spawn(connection.run(events));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|error| BrokerError(error.to_string()))?;
        }
        telling
            .await
            .map_err(|error| BrokerError(format!("the sessions' task: {error}")))
    }

    fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    fn connections(&self) -> usize {
        self.sessions.lock().len()
    }
}

#[async_trait]
impl DeviceLink for ExternalBroker {
    async fn publish(
        &self,
        topic: &Topic,
        payload: Vec<u8>,
        retain: bool,
    ) -> Result<(), LinkError> {
        let failed = |error: &dyn std::fmt::Display| LinkError(error.to_string());
        let options = PublishOptions::at_least_once().retain(retain);
        let sent = async {
            let notice = self
                .client
                .publish_tracked(topic.to_string(), payload, options)
                .await
                .map_err(|error| failed(&error))?;
            notice.wait_async().await.map_err(|error| failed(&error))
        };
        match timeout(PATIENCE, sent).await {
            Ok(answered) => answered.map(|_| ()),
            Err(late) => Err(failed(&late)),
        }
    }

    async fn disconnect(&self, common_name: &str) -> Result<(), LinkError> {
        let failed = |error: &dyn std::fmt::Display| LinkError(error.to_string());
        if let Ok(device) = common_name.parse::<DeviceId>()
            && let Some(session) = self.sessions.lock().get(&device)
        {
            self.revoked.lock().insert(device, *session);
        }
        let mut options = options(&self.config, common_name).map_err(|error| failed(&error))?;
        options.set_session_mode(SessionMode::Clean);
        let (client, mut events) = build(options).map_err(|error| failed(&error))?;
        let taken_over = async {
            loop {
                let event = events.poll().await.map_err(|error| failed(&error))?;
                if let Event::Incoming(Incoming::ConnAck(_)) = event {
                    break;
                }
            }
            client.disconnect().await.map_err(|error| failed(&error))?;
            // The farewell is on its way when the loop has nothing more to say.
            let _ = timeout(FAREWELL, async { while events.poll().await.is_ok() {} }).await;
            Ok(())
        };
        match timeout(PATIENCE, taken_over).await {
            Ok(done) => done,
            Err(late) => Err(failed(&late)),
        }
    }

    fn is_connected(&self, device: DeviceId) -> bool {
        self.sessions.lock().contains_key(&device)
    }

    /// Only a session with the client id that the app was told to use is found.
    async fn disconnect_app(&self, user: UserId, serial: &str) -> Result<(), LinkError> {
        self.disconnect(&client_id(user, serial)).await
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        None
    }
}

fn options(config: &ExternalConfig, client_id: &str) -> Result<MqttOptions, BrokerError> {
    let url = &config.url;
    let host = match (url.scheme(), url.host_str()) {
        ("mqtts", Some(host)) => host.trim_start_matches('[').trim_end_matches(']'),
        _ => return Err(BrokerError(format!("{url} is not mqtts://host:port"))),
    };
    let port = url.port().unwrap_or(8_883);
    let mut options = MqttOptions::new(client_id, (host.to_owned(), port));
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
        config.tls.clone(),
    )));
    options.set_keep_alive(KEEP_ALIVE_S);
    let largest = u32::try_from(MAX_PAYLOAD_BYTES + 2_048).unwrap_or(u32::MAX);
    options.set_max_packet_size(Some(largest));
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(10);
    options.set_network_options(network);
    Ok(options)
}

fn build(options: MqttOptions) -> Result<(AsyncClient, EventLoop), BrokerError> {
    AsyncClient::builder(options)
        .capacity(usize::from(RECEIVE_MAXIMUM))
        .try_build()
        .map_err(|error| BrokerError(error.to_string()))
}

/// What is shared among the connections of all programs. A session that the broker has kept has these
/// already: where they change, the client ids must change too.
const SHARED: [&str; 4] = [
    "$share/ingest/telemetry/#",
    "$share/ingest/system/+/identity",
    "$share/ingest/results/#",
    "$share/ingest/client/request_state/#",
];
/// What each program hears.
const PRESENCE: &str = "presence/+";

async fn subscribe(client: &AsyncClient, filters: &[&'static str]) -> Result<(), String> {
    for filter in filters {
        let notice = client
            .subscribe_tracked(*filter, QoS::AtLeastOnce)
            .await
            .map_err(|error| error.to_string())?;
        notice
            .wait_async()
            .await
            .map_err(|error| format!("{filter}: {error}"))?;
    }
    Ok(())
}
