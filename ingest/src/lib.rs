//! The way of a message from the broker to the store: Received → Verified → Known → Stored.
//!
//! One type per stage; a stage can only be made from the one before it. A message is answered when it
//! is durable, or when it is refused for good; what cannot be stored now is left to its sender.

pub mod broker;
mod doubt;
pub mod external;
mod happenings;
mod known;
mod pipeline;
mod received;
mod refusals;
mod signatures;
mod stored;
mod verified;

pub use broker::{Broker, BrokerError};
pub use happenings::{Happened, Happenings};
pub use pipeline::{Outcome, Pipeline};
pub use received::{Received, Session};
pub use refusals::Unread;
