//! What a device says first on each connection: that it is there, and who it is.

use futures::{FutureExt as _, future::BoxFuture};
use protocol::{
    SharedSecret, Topic,
    identity::{Identity, Network, PresenceStatus},
};
use rumqttc::{AsyncClient, PublishOptions, mqttbytes::QoS};
use serde_json::{Map, Value};

use super::{Device, RunError, outbox::refusal};
use crate::{link, now};

/// The greeting under way: why the server refused to hear who it is, where it did; or why it failed.
pub(super) type Setup = BoxFuture<'static, Result<Option<String>, String>>;

impl Device {
    /// Subscribes, shows presence and says who it is; what follows waits for the answer.
    pub(super) fn greet(&mut self, client: AsyncClient) -> Result<Setup, RunError> {
        self.client = Some(client.clone());
        let id = self.id;
        let (identity, network) = (self.identity()?, self.find_network()?);
        Ok(async move {
            let words = |error: &dyn std::fmt::Display| error.to_string();
            for filter in [format!("commands/{id}/#"), format!("system/{id}/#")] {
                client
                    .subscribe_tracked(filter, QoS::AtLeastOnce)
                    .await
                    .map_err(|e| words(&e))?
                    .wait_async()
                    .await
                    .map_err(|e| words(&e))?;
            }
            let online = link::presence(PresenceStatus::Online);
            let retained = PublishOptions::at_least_once().retained();
            client
                .publish(Topic::Presence(id).to_string(), online, retained)
                .await
                .map_err(|e| words(&e))?;
            let heard = client
                .publish_tracked(
                    Topic::Identity(id).to_string(),
                    identity.said(network.await),
                    PublishOptions::at_least_once(),
                )
                .await
                .map_err(|e| words(&e))?
                .wait_async()
                .await
                .map_err(|e| words(&e))?;
            Ok(refusal(&heard))
        }
        .boxed())
    }

    fn identity(&self) -> Result<Unsaid, RunError> {
        let identity = self.hardware.describe().identity(
            self.id,
            &self.site.serial,
            self.site.board.as_deref(),
        );
        Ok(Unsaid {
            identity,
            sequence: self.store.next_sequence()?,
            secret: self.owned.as_ref().map(|owned| owned.secret.clone()),
        })
    }
}

/// Who a device is, before its network is found.
struct Unsaid {
    identity: Identity,
    sequence: u64,
    secret: Option<SharedSecret>,
}

impl Unsaid {
    /// What is published, with the network that was found.
    fn said(self, network: Option<Network>) -> Vec<u8> {
        let topic = Topic::Identity(self.identity.device_uuid).to_string();
        let identity = Identity {
            network,
            ..self.identity
        };
        let mut body = match serde_json::to_value(identity) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        body.insert("timestamp".to_owned(), now().0.into());
        body.insert("sequence".to_owned(), self.sequence.into());
        match &self.secret {
            Some(secret) => protocol::seal(&topic, body, secret),
            None => serde_json::to_vec(&body).unwrap_or_default(),
        }
    }
}

/// Waits for the greeting, for ever where none is under way.
pub(super) async fn greeting(setup: &mut Option<Setup>) -> Result<Option<String>, String> {
    match setup {
        Some(setup) => setup.await,
        None => std::future::pending().await,
    }
}
