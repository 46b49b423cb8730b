//! Devices that are told to do something, and what each of them makes of it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use agent::link::LinkEvent;
use anyhow::{Context, Result};
use protocol::{CommandMessage, Topic};
use rumqttc::{AsyncClient, mqttbytes::QoS, mqttbytes::v5::Publish};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Device, Fleet, accepted};

/// What a device makes of what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Does it.
    Obeys,
    /// Fails the first time.
    Fails,
    /// Is not there.
    Away,
    /// Takes it, begins, and is gone.
    Dies,
}

impl Fleet {
    /// Lets each device hear what it is told, in its manner, and count it; ends with what is given back.
    pub(crate) async fn obey(self, manners: &[(Manner, Arc<AtomicU32>)]) -> Result<JoinSet<()>> {
        let mut obeying = JoinSet::new();
        for (device, (manner, told)) in self.0.into_iter().zip(manners) {
            let client = device
                .client
                .clone()
                .context("a device has no connection")?;
            device.listen(&client).await?;
            let (manner, told) = (*manner, told.clone());
            obeying.spawn(async move {
                if let Err(error) = device.obey(manner, &told).await {
                    crate::figures::say(&format!("a device stopped: {error:#}"));
                }
            });
        }
        Ok(obeying)
    }
}

impl Device {
    async fn listen(&self, client: &AsyncClient) -> Result<()> {
        let filter = format!("commands/{}/#", self.identity.id);
        let notice = client.subscribe_tracked(filter, QoS::AtLeastOnce).await?;
        notice.wait_async().await?;
        Ok(())
    }

    async fn obey(mut self, manner: Manner, told: &AtomicU32) -> Result<()> {
        while let Some(event) = self.events.recv().await {
            match event {
                LinkEvent::Down(..) => self.client = None,
                LinkEvent::Up(client) => {
                    self.introduce(&client).await?;
                    self.listen(&client).await?;
                    self.client = Some(client);
                }
                LinkEvent::Message(publish) => {
                    let Some(client) = self.client.clone() else {
                        continue;
                    };
                    client.ack(&publish).await?;
                    let Some(command) = self.command_in(&publish) else {
                        continue;
                    };
                    let times = told.fetch_add(1, Ordering::Relaxed);
                    self.answer(&client, &command, manner, times).await?;
                    if manner == Manner::Dies {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn command_in(&self, publish: &Publish) -> Option<CommandMessage> {
        let topic = std::str::from_utf8(&publish.topic).ok()?;
        let Topic::Command { device, .. } = topic.parse().ok()? else {
            return None;
        };
        let envelope = protocol::open(&publish.payload).ok()?;
        let right = device == self.identity.id && envelope.verify(topic, &self.identity.secret);
        right.then(|| serde_json::from_value(Value::Object(envelope.body)).ok())?
    }

    async fn answer(
        &mut self,
        client: &AsyncClient,
        command: &CommandMessage,
        manner: Manner,
        times: u32,
    ) -> Result<()> {
        let mut steps = vec![
            json!({ "status": "accepted" }),
            json!({ "status": "executing", "progress": 50 }),
        ];
        match manner {
            Manner::Dies | Manner::Away => {}
            Manner::Fails if times == 0 => {
                steps.push(json!({ "status": "failed", "reason": "out of paper" }));
            }
            Manner::Obeys | Manner::Fails => steps.push(json!({ "status": "completed" })),
        }
        let topic = Topic::Result {
            device: self.identity.id,
            command: command.command_id,
        };
        for step in steps {
            let Value::Object(mut body) = step else {
                continue;
            };
            body.insert("timestamp".to_owned(), agent::now().0.into());
            body.insert("sequence".to_owned(), self.next_sequence().0.into());
            let message = self.sealed(&topic, body);
            let options = rumqttc::PublishOptions::at_least_once();
            let notice = client.publish_tracked(message.topic, message.payload, options);
            let answer = accepted(notice.await?.wait_async().await);
            anyhow::ensure!(answer == Ok(true), "an answer was refused");
        }
        Ok(())
    }
}
