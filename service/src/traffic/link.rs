//! The way to the devices, overheard: what leaves for a watched device is noted, whoever sends it.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use domain::{
    DeviceId, UserId,
    traffic::{Direction, Fate},
};
use protocol::Topic;

use super::{Passing, Traffic, overhear};
use crate::{
    Clock,
    link::{DeviceLink, LinkError},
    live::LiveBus,
};

/// A link that notes what it publishes to devices that are watched.
pub(crate) struct Overheard {
    pub(crate) link: Arc<dyn DeviceLink>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) bus: Arc<dyn LiveBus>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl DeviceLink for Overheard {
    async fn publish(
        &self,
        topic: &Topic,
        payload: Vec<u8>,
        retain: bool,
    ) -> Result<(), LinkError> {
        let device = topic.device();
        let to_device = matches!(
            topic,
            Topic::Command { .. } | Topic::Owner(_) | Topic::Reset(_) | Topic::Disable(_)
        );
        if !to_device || !self.traffic.is_watched(device) {
            return self.link.publish(topic, payload, retain).await;
        }
        let (name, copy) = (topic.to_string(), payload.clone());
        let published = self.link.publish(topic, payload, retain).await;
        let fate = match published {
            Ok(()) => Fate::Sent,
            Err(_) => Fate::NotSent,
        };
        let passing = Passing {
            direction: Direction::Down,
            ..Passing::up(&name, &copy, fate)
        };
        let (bus, clock) = (self.bus.as_ref(), self.clock.as_ref());
        overhear(&self.traffic, bus, clock, device, passing).await;
        published
    }

    async fn disconnect(&self, common_name: &str) -> Result<(), LinkError> {
        self.link.disconnect(common_name).await
    }

    fn is_connected(&self, device: DeviceId) -> bool {
        self.link.is_connected(device)
    }

    async fn disconnect_app(&self, user: UserId, serial: &str) -> Result<(), LinkError> {
        self.link.disconnect_app(user, serial).await
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        self.link.people_listening()
    }
}
