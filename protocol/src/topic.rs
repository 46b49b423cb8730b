//! Topics as a type, and who may publish or subscribe to which.
//!
//! ```
//! use protocol::Topic;
//! let text = "telemetry/kim@example.org/b7f2c6e0-41c9-4a7e-9d53-0d4d5a8b1c2e/dht22/status";
//! let topic: Topic = text.parse().unwrap();
//! assert!(matches!(&topic, Topic::Report { component, .. } if component.as_str() == "dht22"));
//! assert_eq!(topic.to_string(), text);
//! ```

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::ids::{CommandId, ComponentKey, DeviceId, Email, UserId};

/// Every topic of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// `telemetry/{user_email}/{device_uuid}/{component_key}/status`
    Report {
        /// The claiming owner.
        owner: Email,
        /// The reporting device.
        device: DeviceId,
        /// The reporting component.
        component: ComponentKey,
    },
    /// `telemetry/{user_email}/{device_uuid}/batch`
    Batch {
        /// The claiming owner.
        owner: Email,
        /// The reporting device.
        device: DeviceId,
    },
    /// `telemetry/{device_uuid}/ota/status`
    OtaStatus(DeviceId),
    /// `presence/{device_uuid}`
    Presence(DeviceId),
    /// `system/{device_uuid}/identity`
    Identity(DeviceId),
    /// `results/{device_uuid}/{command_id}`
    Result {
        /// The answering device.
        device: DeviceId,
        /// The command it answers.
        command: CommandId,
    },
    /// `commands/{device_uuid}/{name}`
    Command {
        /// The commanded device.
        device: DeviceId,
        /// The command's name; may have levels, such as `ota/notify`.
        name: String,
    },
    /// `system/{device_uuid}/owner`
    Owner(DeviceId),
    /// `system/{device_uuid}/reset`
    Reset(DeviceId),
    /// `system/{device_uuid}/disable`
    Disable(DeviceId),
    /// `client/state/{user_email}/{device_uuid}`
    ClientState {
        /// The person whose apps read it.
        user: Email,
        /// The device whose state it is.
        device: DeviceId,
    },
    /// `client/request_state/{user_email}/{device_uuid}`
    RequestState {
        /// The person who asks.
        user: Email,
        /// The device asked for.
        device: DeviceId,
    },
}

/// A topic outside the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a topic of Madang")]
pub struct TopicError(pub String);

impl Topic {
    /// The device the topic names.
    pub fn device(&self) -> DeviceId {
        match self {
            Self::Report { device, .. }
            | Self::Batch { device, .. }
            | Self::Result { device, .. }
            | Self::Command { device, .. }
            | Self::ClientState { device, .. }
            | Self::RequestState { device, .. }
            | Self::OtaStatus(device)
            | Self::Presence(device)
            | Self::Identity(device)
            | Self::Owner(device)
            | Self::Reset(device)
            | Self::Disable(device) => *device,
        }
    }

    /// Whether messages on it carry the signed envelope.
    pub fn is_signed(&self) -> bool {
        !matches!(
            self,
            Self::Presence(_)
                | Self::Reset(_)
                | Self::ClientState { .. }
                | Self::RequestState { .. }
        )
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report {
                owner,
                device,
                component,
            } => {
                write!(
                    f,
                    "telemetry/{}/{device}/{component}/status",
                    owner.to_topic_level()
                )
            }
            Self::Batch { owner, device } => {
                write!(f, "telemetry/{}/{device}/batch", owner.to_topic_level())
            }
            Self::OtaStatus(device) => write!(f, "telemetry/{device}/ota/status"),
            Self::Presence(device) => write!(f, "presence/{device}"),
            Self::Identity(device) => write!(f, "system/{device}/identity"),
            Self::Result { device, command } => write!(f, "results/{device}/{command}"),
            Self::Command { device, name } => write!(f, "commands/{device}/{name}"),
            Self::Owner(device) => write!(f, "system/{device}/owner"),
            Self::Reset(device) => write!(f, "system/{device}/reset"),
            Self::Disable(device) => write!(f, "system/{device}/disable"),
            Self::ClientState { user, device } => {
                write!(f, "client/state/{}/{device}", user.to_topic_level())
            }
            Self::RequestState { user, device } => {
                write!(f, "client/request_state/{}/{device}", user.to_topic_level())
            }
        }
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        parse(text).ok_or_else(|| TopicError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Topic> {
    let levels: Vec<&str> = text.split('/').collect();
    Some(match levels.as_slice() {
        ["telemetry", device, "ota", "status"] => Topic::OtaStatus(uuid_level(device)?),
        ["telemetry", owner, device, "batch"] => Topic::Batch {
            owner: Email::from_topic_level(owner).ok()?,
            device: uuid_level(device)?,
        },
        ["telemetry", owner, device, component, "status"] => Topic::Report {
            owner: Email::from_topic_level(owner).ok()?,
            device: uuid_level(device)?,
            component: component.parse().ok()?,
        },
        ["presence", device] => Topic::Presence(uuid_level(device)?),
        ["system", device, "identity"] => Topic::Identity(uuid_level(device)?),
        ["system", device, "owner"] => Topic::Owner(uuid_level(device)?),
        ["system", device, "reset"] => Topic::Reset(uuid_level(device)?),
        ["system", device, "disable"] => Topic::Disable(uuid_level(device)?),
        ["results", device, command] => Topic::Result {
            device: uuid_level(device)?,
            command: CommandId(uuid_level(command)?.0),
        },
        ["commands", device, name @ ..] if is_command_name(name) => Topic::Command {
            device: uuid_level(device)?,
            name: name.join("/"),
        },
        ["client", "state", user, device] => Topic::ClientState {
            user: Email::from_topic_level(user).ok()?,
            device: uuid_level(device)?,
        },
        ["client", "request_state", user, device] => Topic::RequestState {
            user: Email::from_topic_level(user).ok()?,
            device: uuid_level(device)?,
        },
        _ => return None,
    })
}

/// Only the hyphenated lower-case form: one device has one spelling of each topic.
fn uuid_level(level: &str) -> Option<DeviceId> {
    let id: DeviceId = level.parse().ok()?;
    let mut only = Uuid::encode_buffer();
    (id.0.hyphenated().encode_lower(&mut only) == level).then_some(id)
}

fn is_command_name(levels: &[&str]) -> bool {
    !levels.is_empty()
        && levels.iter().all(|level| {
            !level.is_empty()
                && level
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        })
}

/// Who is connected to the broker, as its certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A device; `claimed` tells whether it has an owner.
    Device {
        /// The certificate's Common Name.
        id: DeviceId,
        /// Whether it has an owner: an unclaimed one may only show that it is there.
        claimed: bool,
    },
    /// An installation of a person's app.
    App {
        /// The certificate's Common Name.
        user: UserId,
        /// The person's address, which their topics carry.
        email: Email,
    },
}

impl Principal {
    /// Whether it may publish to `topic` with this RETAIN flag.
    pub fn may_publish(&self, topic: &Topic, retain: bool) -> bool {
        match (self, topic) {
            (Self::Device { id, .. }, Topic::Presence(device)) => device == id,
            _ if retain => false,
            (Self::Device { id, .. }, Topic::Identity(device)) => device == id,
            (
                Self::Device { id, claimed: true },
                Topic::Report { device, .. }
                | Topic::Batch { device, .. }
                | Topic::OtaStatus(device)
                | Topic::Result { device, .. },
            ) => device == id,
            (Self::App { email, .. }, Topic::RequestState { user, .. }) => user == email,
            _ => false,
        }
    }

    /// Whether it may subscribe to the filter, which must be spelled exactly as the contract has it.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Self::Device { id, .. } => {
                filter == format!("commands/{id}/#") || filter == format!("system/{id}/#")
            }
            Self::App { email, .. } => {
                filter == format!("client/state/{}/#", email.to_topic_level())
            }
        }
    }
}
