//! What rmqtt leaves to its embedder: where retained messages are, and who of a shared group is next.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use rmqtt::{
    Result,
    context::ServerContext,
    retain::{DefaultRetainStorage, RetainStorage},
    subscribe::SharedSubscription,
    types::{
        ClientId, Id, IsOnline, NodeId, Retain, SharedGroup, SubscriptionIdentifier,
        SubscriptionOptions, TopicFilter, TopicName,
    },
};

/// The members of a shared group in turn, those that are there before those that are not.
#[derive(Debug, Default)]
pub(super) struct RoundRobin(AtomicUsize);

#[async_trait]
impl SharedSubscription for RoundRobin {
    fn is_supported(&self) -> bool {
        true
    }

    async fn choice(
        &self,
        _context: &ServerContext,
        _group: &SharedGroup,
        _publisher: &Id,
        _topic: &TopicName,
        members: &[(
            NodeId,
            ClientId,
            SubscriptionOptions,
            Option<Vec<SubscriptionIdentifier>>,
            Option<IsOnline>,
        )],
    ) -> Option<(usize, IsOnline)> {
        if members.is_empty() {
            return None;
        }
        let start = self.0.fetch_add(1, Ordering::Relaxed);
        let turn = |step| (start.wrapping_add(step)) % members.len();
        (0..members.len())
            .map(turn)
            .find(|at| members[*at].4.unwrap_or(false))
            .map(|at| (at, true))
            .or(Some((turn(0), false)))
    }
}

/// Retained messages in memory, without expiry: the service publishes them again when a device connects.
pub(super) struct Retained(DefaultRetainStorage);

impl Default for Retained {
    fn default() -> Self {
        Self(DefaultRetainStorage::new())
    }
}

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    async fn set(
        &self,
        topic: &TopicName,
        retain: Retain,
        _expiry: Option<Duration>,
    ) -> Result<()> {
        self.0.set_with_timeout(topic, retain, None).await
    }

    async fn get(&self, filter: &TopicFilter) -> Result<Vec<(TopicName, Retain)>> {
        self.0.get_message(filter).await
    }

    async fn count(&self) -> isize {
        self.0.count().await
    }

    async fn max(&self) -> isize {
        self.0.max().await
    }
}
