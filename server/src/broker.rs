//! The embedded MQTT broker: rmqtt in this process, TLS with client certificates, the rules of the wire.
//!
//! Ingest sits in the broker's own publish hook, so a message is acknowledged when it is durable and a
//! device that is too fast waits in its own connection.

mod bounds;
mod hook;
mod listen;
mod rules;
mod sessions;
mod storage;

use std::{
    collections::HashSet,
    net::SocketAddr,
    num::{NonZeroU16, NonZeroUsize},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use domain::{DeviceId, UserId};
use ingest::{Broker, BrokerError, Pipeline};
use protocol::Topic;
use rmqtt::{
    codec::types::Publish as CodecPublish,
    context::{PublishOverlap, ServerContext},
    hook::{Handler, Type},
    net::Builder,
    session::SessionState,
    types::{From as Sender, Id, Publish, QoS, Retain},
};
use service::{Services, link::DeviceLink, link::LinkError};
use tokio_util::sync::CancellationToken;

use self::{
    listen::{HANDSHAKE, Listener},
    sessions::Sessions,
};

/// The wire's limit of a payload, and room for topic and properties.
const MAX_PACKET_BYTES: u32 = 66 * 1024;
/// More than the largest state that an app may be sent; what a client itself says it takes counts besides.
const MAX_OUTGOING_BYTES: u32 = 256 * 1024;
/// Messages to one device that may be on their way, and that may wait behind them. The queue of commands is the database,
/// and no more than 200 of a device have not ended: a device that reads fills neither. One that acknowledges nothing does,
/// with copies of what it has not answered; then the oldest that waits makes room, and what was lost with it is published
/// again in its time.
const MAX_INFLIGHT: u16 = 1_024;
const MAX_QUEUE: usize = 512;
/// Reports of one device that wait for a commit together; beyond it its connection is not read.
const MAX_UNDER_WAY: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");
/// Between tries to end a session that is busy beginning or ending.
const KICKS: [Duration; 6] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// Where the broker listens and with what certificate.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Where to listen with TLS; port 0 for any.
    pub address: SocketAddr,
    /// The certificate that is shown there, and who is let in.
    pub tls: Arc<rustls::ServerConfig>,
    /// Where to listen without TLS, on loopback: for development.
    pub plain: Option<SocketAddr>,
}

/// The broker of this process.
pub struct EmbeddedBroker {
    context: ServerContext,
    listeners: parking_lot::Mutex<Vec<Listener>>,
    address: SocketAddr,
    plain: Option<SocketAddr>,
    sessions: Arc<Sessions>,
    started: OnceLock<()>,
}

impl std::fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmbeddedBroker({})", self.address)
    }
}

impl EmbeddedBroker {
    /// Binds the listener; nothing is accepted before [`Broker::run`].
    pub async fn bind(config: &BrokerConfig) -> Result<Arc<Self>, BrokerError> {
        let context = ServerContext::new()
            .busy_check_enable(false)
            .publish_overlap(PublishOverlap {
                most: MAX_UNDER_WAY,
                may: is_telemetry,
            })
            .build()
            .await;
        *context.extends.shared_subscription_mut().await = Box::new(storage::RoundRobin::default());
        *context.extends.retain_mut().await = Box::new(storage::Retained::default());
        let sessions = Arc::new(Sessions::default());
        let limits = bounds::Limits(sessions.clone());
        *context.extends.fitter_mgr_mut().await = Box::new(limits);
        let bind = |address, tls, number| {
            let refused = |error: std::io::Error| BrokerError(format!("{address}: {error}"));
            let listener = Listener::bind(address, tls, settings(), number).map_err(refused)?;
            let address = listener.address().map_err(refused)?;
            Ok::<_, BrokerError>((listener, address))
        };
        let (secure, address) = bind(config.address, Some(config.tls.clone()), listen::SECURE)?;
        let mut listeners = vec![secure];
        let mut plain = None;
        if let Some(asked) = config.plain {
            if !asked.ip().is_loopback() {
                return Err(BrokerError(format!("{asked} is not on loopback")));
            }
            let (listener, address) = bind(asked, None, listen::PLAIN)?;
            listeners.push(listener);
            plain = Some(address);
        }
        Ok(Arc::new(Self {
            context,
            listeners: parking_lot::Mutex::new(listeners),
            address,
            plain,
            sessions,
            started: OnceLock::new(),
        }))
    }

    /// Where it listens with TLS.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens without.
    pub fn plain(&self) -> Option<SocketAddr> {
        self.plain
    }

    /// Serves with this hook alone for these events, until `stop`: what the broker can do without ingest.
    pub async fn run_with<H: Handler + Clone + 'static>(
        &self,
        events: &[Type],
        handler: H,
        stop: CancellationToken,
    ) -> Result<(), BrokerError> {
        let listeners = self.take_listeners()?;
        let registered = self.context.extends.hook_mgr().register();
        for event in events {
            registered.add(*event, Box::new(handler.clone())).await;
        }
        registered.start().await;
        self.serve(listeners, stop).await
    }

    fn take_listeners(&self) -> Result<Vec<Listener>, BrokerError> {
        let listeners = std::mem::take(&mut *self.listeners.lock());
        match listeners.is_empty() {
            false => Ok(listeners),
            true => Err(BrokerError("it runs already".to_owned())),
        }
    }

    async fn serve(
        &self,
        listeners: Vec<Listener>,
        stop: CancellationToken,
    ) -> Result<(), BrokerError> {
        self.context.extends.hook_mgr().before_startup().await;
        let _ = self.started.set(());
        let serving = listeners
            .into_iter()
            .map(|listener| listener.serve(self.context.clone()));
        stop.run_until_cancelled(futures::future::join_all(serving))
            .await;
        Ok(())
    }

    async fn send(&self, topic: &Topic, payload: Vec<u8>, retain: bool) -> Result<(), LinkError> {
        let packet = CodecPublish {
            dup: false,
            retain,
            qos: QoS::AtLeastOnce,
            topic: topic.to_string().into(),
            packet_id: None,
            payload: payload.into(),
            properties: None,
        };
        let publish = <CodecPublish as Into<Publish>>::into(packet);
        let from = Sender::from_system(Id::from(self.context.node.id(), "madang".into()));
        let sent = match retain && publish.payload.is_empty() {
            // Taken away without a word: whoever listens would take the empty message for another one of its topic.
            true => {
                let (topic, msg_id) = (publish.topic.clone(), None);
                let nothing = Retain {
                    msg_id,
                    from,
                    publish,
                };
                let retained = self.context.extends.retain().await;
                retained.set(&topic, nothing, None).await
            }
            false => SessionState::forwards(&self.context, from, publish, false, None).await,
        };
        sent.map_err(|error| LinkError(error.to_string()))
    }
}

#[async_trait]
impl Broker for EmbeddedBroker {
    async fn run(
        self: Arc<Self>,
        services: Services,
        pipeline: Pipeline,
        stop: CancellationToken,
    ) -> Result<(), BrokerError> {
        let listeners = self.take_listeners()?;
        let told = self.sessions.tell(services.clone(), stop.clone());
        hook::register(
            &self.context,
            services,
            pipeline,
            self.sessions.clone(),
            &stop,
        )
        .await;
        let served = self.serve(listeners, stop).await;
        told.await
            .map_err(|error| BrokerError(format!("the sessions' task: {error}")))?;
        served
    }

    fn is_up(&self) -> bool {
        self.started.get().is_some()
    }

    fn connections(&self) -> usize {
        self.sessions.len()
    }
}

#[async_trait]
impl DeviceLink for EmbeddedBroker {
    async fn publish(
        &self,
        topic: &Topic,
        payload: Vec<u8>,
        retain: bool,
    ) -> Result<(), LinkError> {
        self.send(topic, payload, retain).await
    }

    async fn disconnect(&self, common_name: &str) -> Result<(), LinkError> {
        self.sessions.mark_revoked(common_name);
        let failed = |error: rmqtt::Error| LinkError(error.to_string());
        let id = Id::from(self.context.node.id(), common_name.to_owned().into());
        let mut tries = KICKS.iter();
        loop {
            let shared = self.context.extends.shared().await;
            match shared.entry(id.clone()).try_lock().await {
                Ok(mut entry) if entry.exist() => {
                    entry.kick(true, true, true).await.map_err(failed)?;
                    return Ok(());
                }
                Ok(_) => return Ok(()),
                // It is connecting or leaving at this moment.
                Err(error) => match tries.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(failed(error)),
                },
            }
        }
    }

    fn is_connected(&self, device: DeviceId) -> bool {
        self.sessions.may_be_told(device)
    }

    async fn disconnect_app(&self, user: UserId, serial: &str) -> Result<(), LinkError> {
        for client_id in self.sessions.apps.client_ids(user, serial) {
            self.disconnect(&client_id).await?;
        }
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(self.sessions.people())
    }
}

/// What holds for the sessions of every listener.
fn settings() -> Builder {
    Builder::new()
        .max_inflight(NonZeroU16::new(MAX_INFLIGHT).unwrap_or(NonZeroU16::MAX))
        .max_mqueue_len(MAX_QUEUE)
        .max_packet_size(MAX_PACKET_BYTES)
        .max_qos_allowed(QoS::AtLeastOnce)
        .handshake_timeout(HANDSHAKE)
        .allow_anonymous(false)
        .cert_cn_as_username(true)
        .collect_cert_info(true)
}

/// Reports carry their time and place in the device's order, so several may wait for one commit.
/// Everything else a device says has an effect of its own and is taken in its turn.
fn is_telemetry(publish: &Publish) -> bool {
    publish.topic.starts_with("telemetry/")
}
