//! What a device says it is, after each connect; and its bare presence.

use serde::{Deserialize, Serialize};

use crate::ids::{ComponentKey, ComponentType, DeviceId, Email};

/// The members of `system/{device_uuid}/identity` next to the envelope's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The device's own UUID, from its storage.
    pub device_uuid: DeviceId,
    /// The serial number of its processor or mainboard.
    pub cpu_serial: String,
    /// Its network interfaces' addresses, `aa:bb:cc:dd:ee:ff`, sorted.
    #[serde(default)]
    pub macs: Vec<String>,
    /// The serial number or UUID of the storage it started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_id: Option<String>,
    /// Names and versions of what runs there.
    #[serde(default)]
    pub versions: Versions,
}

/// Names and versions of what runs on a device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Versions {
    /// The agent's or firmware's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The operating system and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The kernel's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The board's or computer's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
}

/// The whole payload of `presence/{device_uuid}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceMessage {
    /// What the device, or the broker on its behalf, says.
    pub status: PresenceStatus,
}

/// The two words of the presence topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PresenceStatus {
    /// Connected.
    Online,
    /// Gone, or about to go.
    Offline,
}

/// The members of `system/{device_uuid}/disable` next to the envelope's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisableMessage {
    /// Whose processor has this serial number is to switch itself off; any other ignores it.
    pub cpu_serial: String,
}

/// The members of `system/{device_uuid}/owner` next to the envelope's, and part of the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// The owner's address, as the telemetry topics carry it.
    pub user_email: Email,
    /// The components attached to the device.
    pub components: Vec<ComponentSpec>,
}

/// One attached component, as a device needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentSpec {
    /// Its key in topics and state.
    pub component_key: ComponentKey,
    /// Its type in the catalog.
    pub component_type: ComponentType,
    /// The pin it is wired to; internal modules have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_number: Option<i32>,
    /// `IN`, `OUT`, `PWM`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_mode: Option<String>,
    /// The state to take at boot: `ON`, `OFF`, `HIGH`, `LOW`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_state: Option<String>,
    /// Where it answers on a bus that several share: `0x76` (I²C), `28-0316a2798bff` (1-Wire).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
