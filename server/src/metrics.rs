//! What the server counts, as OpenMetrics.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::state::AppState;

/// Every metric with its present value.
pub(crate) fn text(state: &AppState) -> String {
    let mut registry = Registry::with_prefix("madang");
    let counters = state.committer.counters();
    let read = |counter: &AtomicU64| ConstCounter::new(counter.load(Ordering::Relaxed));
    registry.register(
        "messages_stored",
        "Messages of devices that were stored",
        read(&counters.stored),
    );
    registry.register(
        "messages_duplicate",
        "Messages of devices that came again or not in order",
        read(&counters.duplicates),
    );
    registry.register(
        "messages_refused",
        "Messages, subscriptions and connections of devices that were refused",
        ConstCounter::new(state.pipeline.refused()),
    );
    registry.register(
        "messages_failed",
        "Messages that could not be stored and were left to their senders",
        read(&counters.failed),
    );
    registry.register(
        "commits",
        "Transactions of the group commit",
        read(&counters.commits),
    );
    registry.register(
        "commit_microseconds",
        "Time spent in the group commit",
        read(&counters.commit_micros),
    );
    let gauge = |value: usize| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(
        "messages_waiting",
        "Messages that wait for a commit",
        gauge(state.committer.waiting()),
    );
    registry.register(
        "mqtt_connections",
        "Devices and apps connected to the embedded broker",
        gauge(state.broker.connections()),
    );
    registry.register(
        "live_connections",
        "Browser tabs that are told of changes",
        gauge(state.hub.connections()),
    );
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        text.clear();
    }
    text
}
