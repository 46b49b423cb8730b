//! A client of the broker over TLS, MQTT 5, that tells how it was answered.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use protocol::identity::PresenceStatus;
use rumqttc::{
    AsyncClient, BrokerSessionResumePolicy, Event, Incoming, MqttOptions, PublishNoticeError,
    PublishOptions, PublishResult, SessionMode, TlsConfiguration, Transport,
    mqttbytes::{
        QoS,
        v5::{DisconnectReasonCode, LastWill, PubAckReason, Publish, SubscribeReasonCode},
    },
};
use rustls::ClientConfig;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::device::presence;

/// How long anything that must happen may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How a publish was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Acknowledged, and accepted.
    Accepted,
    /// Acknowledged with this reason.
    Refused(PubAckReason),
    /// The connection ended first.
    Nobody,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The server said why.
    Told(DisconnectReasonCode),
    /// It was cut, or never came to be.
    Cut(String),
}

/// How it connects.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The client id.
    pub client_id: String,
    /// The topic of its will.
    pub will: Option<String>,
    /// Whether it asks for a session that outlives the connection for ever, rather than for a new one.
    pub lasting: bool,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    client: AsyncClient,
    messages: mpsc::UnboundedReceiver<Publish>,
    ended: JoinHandle<Ended>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.ended.abort();
    }
}

impl Connection {
    /// Connects with this certificate; comes again, as every client has to, where the broker is still
    /// clearing away the session before. Gives why not where it was refused.
    pub async fn open(
        tls: &Arc<ClientConfig>,
        broker: SocketAddr,
        manner: Manner,
    ) -> Result<Self, Ended> {
        let tls = Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone()));
        Self::open_over(tls, broker, manner).await
    }

    /// As [`Connection::open`], without TLS.
    pub async fn open_plain(broker: SocketAddr, manner: Manner) -> Result<Self, Ended> {
        Self::open_over(Transport::tcp(), broker, manner).await
    }

    async fn open_over(
        transport: Transport,
        broker: SocketAddr,
        manner: Manner,
    ) -> Result<Self, Ended> {
        crate::until("the broker has time", async || {
            match Self::open_once(transport.clone(), broker, manner.clone()).await {
                Err(Ended::Cut(why)) if why.contains("ServerUnavailable") => None,
                answer => Some(answer),
            }
        })
        .await
    }

    async fn open_once(
        transport: Transport,
        broker: SocketAddr,
        manner: Manner,
    ) -> Result<Self, Ended> {
        let mut options =
            MqttOptions::new(manner.client_id, (broker.ip().to_string(), broker.port()));
        options.set_transport(transport);
        options.set_keep_alive(60);
        if manner.lasting {
            options.set_session_mode(SessionMode::Persistent);
            options.set_session_expiry_interval(Some(u32::MAX));
            options.set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
        } else {
            options.set_session_mode(SessionMode::Clean);
        }
        options.set_max_packet_size(Some(256 * 1024));
        if let Some(will) = manner.will {
            let payload = presence(PresenceStatus::Offline);
            let will = LastWill::new(will, payload, QoS::AtLeastOnce, true, None);
            options.set_last_will(will);
        }
        let (client, mut connection) = AsyncClient::builder(options)
            .capacity(1_024)
            .try_build()
            .map_err(|error| Ended::Cut(error.to_string()))?;
        let (up, came_up) = tokio::sync::oneshot::channel();
        let (inbox, messages) = mpsc::unbounded_channel();
        let ended = tokio::spawn(async move {
            let mut up = Some(up);
            loop {
                match connection.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        if let Some(up) = up.take() {
                            let _ = up.send(());
                        }
                    }
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let _ = inbox.send(publish);
                    }
                    Ok(Event::Incoming(Incoming::Disconnect(told))) => {
                        return Ended::Told(told.reason_code);
                    }
                    Ok(_) => {}
                    Err(error) => return Ended::Cut(error.to_string()),
                }
            }
        });
        match timeout(PATIENCE, came_up).await.expect("an answer in time") {
            Ok(()) => Ok(Self {
                client,
                messages,
                ended,
            }),
            Err(_) => Err(ended.await.expect("a reason")),
        }
    }

    /// Publishes at `QoS` 1; waits for the answer.
    pub async fn publish(&self, topic: &str, payload: Vec<u8>) -> Answer {
        self.publish_with(topic, payload, PublishOptions::at_least_once())
            .await
    }

    /// Publishes with these options; waits for the answer.
    pub async fn publish_with(
        &self,
        topic: &str,
        payload: Vec<u8>,
        options: PublishOptions,
    ) -> Answer {
        let notice = self
            .client
            .publish_tracked(topic.to_owned(), payload, options);
        let Ok(notice) = notice.await else {
            return Answer::Nobody;
        };
        match timeout(PATIENCE, notice.wait_async())
            .await
            .expect("an answer in time")
        {
            Ok(PublishResult::Qos1(answer)) => match answer.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Answer::Accepted,
                reason => Answer::Refused(reason),
            },
            Ok(_) => Answer::Accepted,
            Err(PublishNoticeError::V5PubAck(reason)) => Answer::Refused(reason),
            Err(_) => Answer::Nobody,
        }
    }

    /// Subscribes; whether it was allowed.
    pub async fn subscribe(&self, filter: &str) -> bool {
        let notice = self
            .client
            .subscribe_tracked(filter.to_owned(), QoS::AtLeastOnce);
        let Ok(notice) = notice.await else {
            return false;
        };
        match timeout(PATIENCE, notice.wait_async())
            .await
            .expect("an answer in time")
        {
            Ok(answer) => answer
                .return_codes
                .iter()
                .all(|code| matches!(code, SubscribeReasonCode::Success(_))),
            Err(_) => false,
        }
    }

    /// The next message from the server, whenever it comes; `None` when the connection has ended.
    pub async fn heard(&mut self) -> Option<Publish> {
        self.messages.recv().await
    }

    /// The next message from the server.
    pub async fn next(&mut self) -> Publish {
        timeout(PATIENCE, self.messages.recv())
            .await
            .expect("a message in time")
            .expect("a connection")
    }

    /// Waits until the server ends the connection.
    pub async fn ended(mut self) -> Ended {
        timeout(PATIENCE, &mut self.ended)
            .await
            .expect("an end in time")
            .expect("a reason")
    }

    /// Says farewell and waits until the connection has ended.
    pub async fn close(self) {
        let _ = self.client.disconnect().await;
        self.ended().await;
    }
}
