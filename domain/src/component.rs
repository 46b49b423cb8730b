//! Components: the sensors, actuators and internal modules attached to a device.

use protocol::{ComponentKey, ComponentType};
use serde::{Deserialize, Serialize};

use crate::device::text_enum;

text_enum! {
    /// What a component is for.
    ComponentCategory {
        /// It measures.
        Sensor = "sensor",
        /// It acts.
        Actuator = "actuator",
        /// It is part of the device itself, such as `cpu`.
        InternalModule = "internal_module",
    }
}

/// One attached component with what the catalog says of its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its key on this device.
    pub key: ComponentKey,
    /// Its type in the catalog.
    pub kind: ComponentType,
    /// The name a person gave it.
    pub name: Option<String>,
    /// What the catalog calls its type, in Korean.
    pub label_ko: String,
    /// What the catalog calls its type, in English.
    pub label_en: String,
    /// What it is for.
    pub category: ComponentCategory,
    /// The pin it is wired to.
    pub pin_number: Option<i32>,
    /// `IN`, `OUT`, `PWM`, …
    pub pin_mode: Option<String>,
    /// The values it reports.
    pub values: Vec<ValueInfo>,
}

/// What the catalog says of one value of a component type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueInfo {
    /// Its name in reports, such as `temp`; empty for the component's `status`.
    pub name: String,
    /// What to call it, in Korean.
    #[serde(default)]
    pub label_ko: String,
    /// What to call it, in English.
    #[serde(default)]
    pub label_en: String,
    /// `%`, `°C`, `B`, …; empty where there is none.
    #[serde(default)]
    pub unit: String,
    /// An icon of the interface's set.
    #[serde(default)]
    pub icon: String,
}
