//! What runs on a board or a computer, and what a test or a bench uses as a real device.
//!
//! Enrolment over HTTPS, then one MQTT 5 connection over TLS with the device's own certificate. The
//! key is made here and never leaves; every report and every answer is on disk before it is sent, and
//! goes only when the server has acknowledged it.

pub mod device;
pub mod drivers;
pub mod enroll;
pub mod folder;
pub mod hand;
pub mod link;
pub mod machine;
pub mod pairing;
mod rest;
pub mod simulate;
pub mod store;
pub mod trust;
pub mod wifi;

use protocol::TimestampMs;

/// This program's version, as the identity says it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The machine's clock.
pub fn now() -> TimestampMs {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
