//! What a device says it is, after each connect; and its bare presence.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

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
    /// The network that it is on. What is of another shape than this is as if it were not said: the member came later
    /// than the message.
    #[serde(
        default,
        deserialize_with = "network",
        skip_serializing_if = "Option::is_none"
    )]
    pub network: Option<Network>,
}

fn network<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Network>, D::Error> {
    let said = Value::deserialize(deserializer)?;
    let read = serde_json::from_value::<Network>(said).ok();
    Ok(read.filter(|network| *network != Network::default()))
}

/// Most characters of an interface's name.
const INTERFACE_CHARS: usize = 64;
/// Most characters of a Wi-Fi network's name: it has at most as many bytes.
const SSID_CHARS: usize = 32;

/// The network that a device is on.
///
/// Invariant: both names are short, not empty and without control characters, whatever was said; anybody can call a
/// Wi-Fi network anything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "RawNetwork")]
pub struct Network {
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssid: Option<String>,
}

#[derive(Deserialize)]
struct RawNetwork {
    #[serde(default)]
    interface: Option<String>,
    #[serde(default)]
    ssid: Option<String>,
}

impl From<RawNetwork> for Network {
    fn from(raw: RawNetwork) -> Self {
        Self {
            interface: shown(raw.interface.as_deref(), INTERFACE_CHARS),
            ssid: shown(raw.ssid.as_deref(), SSID_CHARS),
        }
    }
}

impl Network {
    /// The network behind this interface, and the name of the Wi-Fi network that the radio has joined: bytes, of which
    /// what is no UTF-8 or a control character becomes U+FFFD. `None` where neither is known.
    pub fn new(interface: Option<&str>, ssid: Option<&[u8]>) -> Option<Self> {
        let ssid = ssid.map(String::from_utf8_lossy);
        let network = Self {
            interface: shown(interface, INTERFACE_CHARS),
            ssid: shown(ssid.as_deref(), SSID_CHARS),
        };
        (network != Self::default()).then_some(network)
    }

    /// The interface over which it reaches its site, as its system calls it: `wlan0`, `eth0`.
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// The name of the Wi-Fi network that its radio has joined, also where it reaches its site another way.
    pub fn ssid(&self) -> Option<&str> {
        self.ssid.as_deref()
    }
}

/// A name as it can be shown: at most so many characters, none of them a control character; none where it is empty.
fn shown(name: Option<&str>, most: usize) -> Option<String> {
    let visible = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    let name: String = name?.chars().take(most).map(visible).collect();
    (!name.is_empty()).then_some(name)
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
    /// How often to report from now on, in milliseconds; where it is not said, as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_interval_ms: Option<i64>,
}

/// One attached component, as a device needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(network: &Value) -> Option<Network> {
        let identity = json!({
            "device_uuid": "b7f2c6e0-41c9-4a7e-9d53-0d4d5a8b1c2e", "cpu_serial": "1", "network": network,
        });
        serde_json::from_value::<Identity>(identity)
            .unwrap()
            .network
    }

    #[test]
    fn a_network_is_short_and_visible_whatever_it_is_called() {
        let hostile = said(&json!({
            "interface": "w".repeat(500), "ssid": format!("a\n\u{1b}[2J{}", "한".repeat(500)),
        }));
        let hostile = hostile.unwrap();
        assert_eq!(hostile.interface().unwrap().chars().count(), 64);
        let ssid = hostile.ssid().unwrap();
        assert_eq!(ssid.chars().count(), 32);
        assert!(ssid.starts_with("a\u{fffd}\u{fffd}[2J한"), "{ssid}");
        // What was cut and replaced once is the same when it is read again.
        assert_eq!(said(&json!(hostile)), Some(hostile));

        let bytes = Network::new(None, Some(b"caf\xe9\0")).unwrap();
        assert_eq!(bytes.ssid(), Some("caf\u{fffd}\u{fffd}"));
        assert_eq!(Network::new(None, Some(b"")), None);
        assert_eq!(
            Network::new(Some("eth0"), None).unwrap().interface(),
            Some("eth0")
        );
    }

    #[test]
    fn a_network_of_another_shape_keeps_nobody_from_saying_who_it_is() {
        for other in [
            json!("lab"),
            json!(null),
            json!(7),
            json!([]),
            json!({ "ssid": 7 }),
            json!({}),
        ] {
            assert_eq!(said(&other), None, "{other}");
        }
    }
}
