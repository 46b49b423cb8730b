//! The catalog: which components there are, on which hardware, and on which of its pins.

use std::collections::BTreeMap;

use protocol::{ComponentKey, ComponentType, TimestampMs};
use serde::{Deserialize, Serialize};

use crate::{
    component::{ComponentCategory, ValueInfo},
    device::{DeviceKind, text_enum},
};

text_enum! {
    /// How a pin is used.
    PinMode {
        /// Read.
        In = "IN",
        /// Driven.
        Out = "OUT",
        /// Driven with a pulse width.
        Pwm = "PWM",
        /// The data line of an I²C bus; its clock is the next pin.
        I2c = "I2C",
        /// A 1-Wire bus.
        OneWire = "ONEWIRE",
    }
}

impl PinMode {
    /// Whether several components share the pin, each under an address of its own.
    pub fn is_bus(self) -> bool {
        matches!(self, Self::I2c | Self::OneWire)
    }

    /// Whether the device drives the pin, and so can give it a state at boot.
    pub fn is_output(self) -> bool {
        matches!(self, Self::Out | Self::Pwm)
    }

    /// The pins that are used, counted from the rule's own.
    pub fn pins(self) -> i32 {
        match self {
            Self::I2c => 2,
            _ => 1,
        }
    }
}

text_enum! {
    /// The state that an output takes at boot.
    DefaultState {
        /// On.
        On = "ON",
        /// Off.
        Off = "OFF",
        /// The high level.
        High = "HIGH",
        /// The low level.
        Low = "LOW",
    }
}

text_enum! {
    /// When a component is expected to report.
    Reporting {
        /// With every report interval of its device: a silence is a fault.
        Interval = "interval",
        /// When it changes.
        Change = "change",
    }
}

text_enum! {
    /// The pins that a piece of hardware has.
    PinHeader {
        /// The 40 pins of a Raspberry Pi, GPIO 2 to 27.
        J8 = "j8",
        /// Numbered pins without a picture.
        Numbered = "numbered",
        /// None.
        None = "none",
    }
}

impl PinHeader {
    /// The pins that a rule may name.
    pub fn pins(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Self::J8 => 2..=27,
            Self::Numbered => 0..=1_023,
            Self::None => std::ops::RangeInclusive::new(1, 0),
        }
    }
}

/// A supported type of component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogComponent {
    /// Its name in topics and state.
    pub component_type: ComponentType,
    /// What to call it, in Korean.
    pub display_name_ko: String,
    /// What to call it, in English.
    pub display_name_en: String,
    /// What it is for.
    pub category: ComponentCategory,
    /// `temperature`, `status`, …
    pub telemetry_category: Option<String>,
    /// Words for a person.
    pub description: Option<String>,
    /// Units, icon, defaults.
    pub metadata: ComponentMetadata,
}

/// What the interface and the agent need to know of a type of component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComponentMetadata {
    /// An icon of the interface's set.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// The values that it reports, with their units.
    #[serde(default)]
    pub values: Vec<ValueInfo>,
    /// The state that it takes at boot where no pin rule says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_state: Option<DefaultState>,
    /// The addresses that it can have on an I²C bus, its own first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub i2c_addresses: Vec<u8>,
    /// When it reports; by what it is for where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporting: Option<Reporting>,
    /// What others have noted here.
    #[serde(flatten)]
    pub noted: BTreeMap<String, serde_json::Value>,
}

impl CatalogComponent {
    /// When it is expected to report: an actuator may do so on a change alone.
    pub fn reporting(&self) -> Reporting {
        self.metadata.reporting.unwrap_or(match self.category {
            ComponentCategory::Actuator => Reporting::Change,
            _ => Reporting::Interval,
        })
    }

    /// The state keys that the first component of this type fills on a device.
    pub fn state_keys(&self) -> Vec<String> {
        let own = self.component_type.as_str();
        let named = self.metadata.values.iter().filter(|v| !v.name.is_empty());
        std::iter::once(own.to_owned())
            .chain(named.map(|value| format!("{own}_{}", value.name)))
            .collect()
    }
}

/// A model of board or computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardwareVersion {
    /// `4B`, `5`, `pc`, …
    pub version: String,
    /// What it is called.
    pub name: String,
    /// Board or computer.
    pub kind: DeviceKind,
    /// Its pins.
    pub header: PinHeader,
    /// Words for a person.
    pub description: Option<String>,
}

/// How a model is equipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardwareVariant {
    /// Its id.
    pub id: i64,
    /// `Standard`, `Pro`, …
    pub name: String,
    /// Words for a person.
    pub description: Option<String>,
}

/// Where a type of component may be wired on one piece of hardware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinRule {
    /// Its id.
    pub id: i64,
    /// The rule itself.
    #[serde(flatten)]
    pub wiring: Wiring,
}

/// What a pin rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiring {
    /// The model.
    pub hardware_version: String,
    /// How it is equipped.
    pub hardware_variant: String,
    /// The type of component.
    pub component_type: ComponentType,
    /// The GPIO number; none where it needs no pin, as on a USB port.
    pub pin_number: Option<i32>,
    /// How the pin is used.
    pub pin_mode: Option<PinMode>,
    /// The state at boot.
    pub default_state: Option<DefaultState>,
    /// Words for a person.
    pub description: Option<String>,
}

text_enum! {
    /// Whether an attached component does what it is there for.
    ComponentHealth {
        /// It reports, or has nothing to report.
        Well = "well",
        /// It has not reported yet.
        Waiting = "waiting",
        /// It fell silent although its device speaks.
        Silent = "silent",
        /// The pin rules of its device's hardware do not allow it: what it reports is refused.
        NotAllowed = "not_allowed",
    }
}

/// A component as it is attached to a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttachedComponent {
    /// Its id.
    pub id: i64,
    /// Its key in topics and state; never given to another.
    pub key: ComponentKey,
    /// Its type.
    pub component_type: ComponentType,
    /// The name that a person gave it.
    pub name: Option<String>,
    /// What it is for.
    pub category: ComponentCategory,
    /// The GPIO number; none where it needs no pin.
    pub pin_number: Option<i32>,
    /// How the pin is used.
    pub pin_mode: Option<PinMode>,
    /// The state at boot.
    pub default_state: Option<DefaultState>,
    /// Where it answers on a bus that several share.
    pub address: Option<String>,
    /// When it was attached.
    pub attached_at: TimestampMs,
    /// When it last reported, by its device's clock.
    pub last_report_at: Option<TimestampMs>,
    /// Whether it does what it is there for.
    pub health: ComponentHealth,
    /// Since when it has been silent.
    pub silent_since: Option<TimestampMs>,
}
