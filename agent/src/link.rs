//! The connection to the broker: MQTT 5 over TLS with the device's certificate, made again for ever.
//!
//! Invariant: nothing is resent here. A connection that ends takes its unacknowledged messages with it,
//! and the device sends them again from its store, with the same sequence and signature.

use std::{sync::Arc, time::Duration};

use protocol::{Topic, identity::PresenceMessage, identity::PresenceStatus};
use rand::RngExt as _;
use rumqttc::{
    AckMode, AsyncClient, Event, Incoming, TlsConfiguration, Transport,
    mqttbytes::{
        QoS,
        v5::{LastWill, Publish},
    },
};
use rumqttc::{MqttOptions, SessionMode};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use url::Url;

use protocol::{DeviceId, MAX_PAYLOAD_BYTES};

/// Seconds between signs of life on an idle connection.
const KEEP_ALIVE_S: u16 = 60;
/// First and longest pause between two tries.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(1);
/// A connection that held so long starts the pauses from the beginning.
const HELD: Duration = Duration::from_secs(30);

/// What a connection tells the device.
#[derive(Debug)]
pub enum LinkEvent {
    /// Connected; publish with this.
    Up(AsyncClient),
    /// The server says something; acknowledge it when it is dealt with.
    Message(Box<Publish>),
    /// The connection is gone, for this reason; it is tried again after the pause.
    Down(String, Duration),
}

/// Where and as whom to connect.
#[derive(Clone)]
pub struct Address {
    /// The device.
    pub device: DeviceId,
    /// `mqtts://host:port`.
    pub url: String,
    /// The site's CA and the device's certificate; what it holds at the moment is for the next connection.
    pub tls: watch::Receiver<Arc<rustls::ClientConfig>>,
    /// Whether the network leads anywhere; where it does not, no connection is made and none stays.
    pub reached: watch::Receiver<bool>,
}

/// The network of whoever has nothing to simulate.
pub fn always_reached() -> watch::Receiver<bool> {
    watch::channel(true).1
}

/// The payload of `presence`.
pub fn presence(status: PresenceStatus) -> Vec<u8> {
    serde_json::to_vec(&PresenceMessage { status }).unwrap_or_default()
}

/// Keeps connecting until `stop`; tells everything to `events`.
pub async fn keep_connected(
    address: Address,
    events: mpsc::Sender<LinkEvent>,
    stop: CancellationToken,
) {
    let mut pause = *PAUSE.start();
    loop {
        let began = tokio::time::Instant::now();
        let reason = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = cut_off(address.reached.clone()) => "the network leads nowhere".to_owned(),
            reason = connect_once(&address, &events) => reason,
        };
        if began.elapsed() > HELD {
            pause = *PAUSE.start();
        }
        let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
        if events
            .send(LinkEvent::Down(reason, jittered))
            .await
            .is_err()
        {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(jittered) => {}
        }
        pause = (pause * 2).min(*PAUSE.end());
    }
}

/// Waits until the network leads nowhere.
async fn cut_off(mut reached: watch::Receiver<bool>) {
    if reached.wait_for(|reached| !reached).await.is_err() {
        // Nobody changes it any more.
        std::future::pending::<()>().await;
    }
}

/// One connection, from its beginning to its end; gives the reason why it ended.
async fn connect_once(address: &Address, events: &mpsc::Sender<LinkEvent>) -> String {
    let options = match options(address) {
        Ok(options) => options,
        Err(reason) => return reason,
    };
    let (client, mut connection) = match AsyncClient::builder(options).capacity(1024).try_build() {
        Ok(built) => built,
        Err(error) => return error.to_string(),
    };
    loop {
        let event = match connection.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => LinkEvent::Up(client.clone()),
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                LinkEvent::Message(Box::new(publish))
            }
            Ok(Event::Incoming(Incoming::Disconnect(told))) => {
                return format!("the broker ended the connection: {:?}", told.reason_code);
            }
            Ok(_) => continue,
            Err(error) => return error.to_string(),
        };
        if events.send(event).await.is_err() {
            return "the device stopped".to_owned();
        }
    }
}

fn options(address: &Address) -> Result<MqttOptions, String> {
    let url: Url = address
        .url
        .parse()
        .map_err(|e| format!("{}: {e}", address.url))?;
    let host = url
        .host_str()
        .ok_or_else(|| format!("{url} names no host"))?;
    if url.scheme() != "mqtts" {
        return Err(format!("{url} is not mqtts://"));
    }
    let id = address.device.to_string();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut options = MqttOptions::new(id, (host.to_owned(), url.port().unwrap_or(8883)));
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
        address.tls.borrow().clone(),
    )));
    options.set_keep_alive(KEEP_ALIVE_S);
    options.set_session_mode(SessionMode::Clean);
    options.set_ack_mode(AckMode::Manual);
    options.set_max_packet_size(Some(
        u32::try_from(MAX_PAYLOAD_BYTES + 1024).unwrap_or(u32::MAX),
    ));
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(10);
    options.set_network_options(network);
    options.set_last_will(LastWill::new(
        Topic::Presence(address.device).to_string(),
        presence(PresenceStatus::Offline),
        QoS::AtLeastOnce,
        true,
        None,
    ));
    Ok(options)
}
