//! What a device says first on each connection: that it is there, and who it is.

use futures::{FutureExt as _, future::BoxFuture};
use protocol::{Topic, identity::PresenceStatus};
use rumqttc::{AsyncClient, PublishOptions, mqttbytes::QoS};
use serde_json::{Map, Value};

use super::{Device, RunError};
use crate::{link, now};

/// The greeting under way, and why it failed.
pub(super) type Setup = BoxFuture<'static, Result<(), String>>;

impl Device {
    /// Subscribes, shows presence and says who it is; what follows waits for the answer.
    pub(super) fn greet(&mut self, client: AsyncClient) -> Result<Setup, RunError> {
        self.client = Some(client.clone());
        let id = self.id;
        let identity = self.identity()?;
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
            client
                .publish_tracked(
                    Topic::Identity(id).to_string(),
                    identity,
                    PublishOptions::at_least_once(),
                )
                .await
                .map_err(|e| words(&e))?
                .wait_async()
                .await
                .map_err(|e| words(&e))?;
            Ok(())
        }
        .boxed())
    }

    fn identity(&self) -> Result<Vec<u8>, RunError> {
        let identity = self.hardware.describe().identity(
            self.id,
            &self.site.serial,
            self.site.board.as_deref(),
        );
        let mut body = match serde_json::to_value(identity) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        body.insert("timestamp".to_owned(), now().0.into());
        let sequence = self.store.next_sequence()?;
        body.insert("sequence".to_owned(), sequence.into());
        let topic = Topic::Identity(self.id).to_string();
        Ok(match &self.owned {
            Some(owned) => protocol::seal(&topic, body, &owned.secret),
            None => serde_json::to_vec(&body).unwrap_or_default(),
        })
    }
}

/// Waits for the greeting, for ever where none is under way.
pub(super) async fn greeting(setup: &mut Option<Setup>) -> Result<(), String> {
    match setup {
        Some(setup) => setup.await,
        None => std::future::pending().await,
    }
}
