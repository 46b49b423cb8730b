//! Components: the sensors, actuators and internal modules attached to a device.

use std::{collections::HashSet, str::FromStr};

use protocol::{ComponentKey, ComponentType};
use serde::{Deserialize, Serialize};

use crate::{
    AppError,
    catalog::PinMode,
    device::{StateMap, text_enum},
};

/// The value, and the argument of a `set`, that says how far an actuator is on, in percent.
pub const LEVEL: &str = "level";
/// The level of what is wholly on.
pub const FULL_LEVEL: u8 = 100;

/// How far an actuator is on, in percent: 0 to [`FULL_LEVEL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u8")]
pub struct Level(u8);

impl Level {
    /// In percent.
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl TryFrom<i64> for Level {
    type Error = AppError;

    fn try_from(percent: i64) -> Result<Self, AppError> {
        u8::try_from(percent)
            .ok()
            .filter(|percent| *percent <= FULL_LEVEL)
            .map(Self)
            .ok_or_else(|| AppError::invalid(LEVEL, "level"))
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl FromStr for Level {
    type Err = AppError;

    fn from_str(text: &str) -> Result<Self, AppError> {
        let percent: i64 = text
            .trim()
            .parse()
            .map_err(|_| AppError::invalid(LEVEL, "level"))?;
        Self::try_from(percent)
    }
}

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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Component {
    /// The key of one of its values in the state of its device.
    pub fn state_key(&self, value: &str) -> String {
        match value {
            "" => self.key.to_string(),
            value => format!("{}_{value}", self.key),
        }
    }

    /// Whether it is an actuator with levels in percent between on and off: its pin is driven with a pulse width, or
    /// the catalog says that it reports them.
    pub fn has_level(&self) -> bool {
        let pulsed = is_pulsed(self.pin_mode.as_deref());
        let said = || self.values.iter().any(ValueInfo::is_level);
        self.category == ComponentCategory::Actuator && (pulsed || said())
    }
}

impl ValueInfo {
    /// Whether it says how far an actuator is on, in percent.
    pub fn is_level(&self) -> bool {
        self.name == LEVEL && self.unit == "%"
    }
}

/// Whether a pin of this mode is driven with a pulse width.
pub fn is_pulsed(pin_mode: Option<&str>) -> bool {
    pin_mode == Some(PinMode::Pwm.as_str())
}

/// Whose state key this is: of several components whose keys fit, the longest's.
pub fn owner_of_key<'a>(keys: impl Iterator<Item = &'a str>, state_key: &str) -> Option<&'a str> {
    keys.filter(|key| {
        state_key
            .strip_prefix(key)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
    .max_by_key(|key| key.len())
}

/// What stands in a state beside the values that the catalog declares: of which component, and the value's name as it
/// is reported; empty for a `status`. In the order of the state.
pub fn undeclared<'a>(
    components: &'a [Component],
    state: &'a StateMap,
) -> Vec<(&'a Component, &'a str)> {
    let declared: HashSet<String> = components
        .iter()
        .flat_map(|component| {
            let values = component.values.iter();
            values.map(|value| component.state_key(&value.name))
        })
        .collect();
    let owned = |state_key: &'a String| {
        let keys = components.iter().map(|component| component.key.as_str());
        let owner = owner_of_key(keys, state_key)?;
        let component = components.iter().find(|it| it.key.as_str() == owner)?;
        let name = state_key.strip_prefix(owner)?;
        Some((component, name.strip_prefix('_').unwrap_or(name)))
    };
    let others = state.keys().filter(|key| !declared.contains(*key));
    others.filter_map(owned).collect()
}

#[cfg(test)]
mod tests {
    use protocol::Scalar;

    use super::*;

    fn component(key: &str, values: &[&str]) -> Component {
        Component {
            key: key.parse().unwrap(),
            kind: key.parse().unwrap(),
            name: None,
            label_ko: String::new(),
            label_en: String::new(),
            category: ComponentCategory::Actuator,
            pin_number: None,
            pin_mode: None,
            values: values
                .iter()
                .map(|name| ValueInfo {
                    name: (*name).to_owned(),
                    label_ko: String::new(),
                    label_en: String::new(),
                    unit: String::new(),
                    icon: String::new(),
                })
                .collect(),
        }
    }

    #[test]
    fn what_is_driven_by_pulses_or_reports_a_level_has_levels() {
        let switched = Component {
            pin_mode: Some("OUT".to_owned()),
            ..component("fan", &["", "speed"])
        };
        assert!(!switched.has_level());
        let pulsed = Component {
            pin_mode: Some("PWM".to_owned()),
            ..switched.clone()
        };
        assert!(pulsed.has_level());
        let mut said = component("lamp", &["", "level"]);
        assert!(!said.has_level(), "a level in another unit");
        said.values[1].unit = "%".to_owned();
        assert!(said.has_level());
        let sensor = Component {
            category: ComponentCategory::Sensor,
            ..said
        };
        assert!(!sensor.has_level());
    }

    #[test]
    fn a_level_is_a_whole_number_of_percent() {
        let percent = |text: &str| text.parse::<Level>().map(Level::percent);
        assert_eq!((percent("0"), percent(" 100 ")), (Ok(0), Ok(100)));
        for other in ["", "101", "-1", "4.5", "half", "256"] {
            let wrong = Err(AppError::invalid("level", "level"));
            assert_eq!(percent(other), wrong, "{other}");
        }
    }

    #[test]
    fn what_the_catalog_does_not_declare_has_its_component() {
        let components = [
            component("led", &[""]),
            component("cpu", &["average"]),
            component("led_strip", &[]),
        ];
        let state: StateMap = [
            "cpu_average",
            "device_status",
            "led",
            "led_level",
            "led_strip",
            "led_strip_hue",
        ]
        .map(|key| (key.to_owned(), Scalar::Number(1.0)))
        .into();
        let found: Vec<_> = undeclared(&components, &state)
            .into_iter()
            .map(|(component, name)| (component.key.to_string(), name))
            .collect();
        let of = |key: &str, name: &'static str| (key.to_owned(), name);
        assert_eq!(
            found,
            [
                of("led", "level"),
                of("led_strip", ""),
                of("led_strip", "hue")
            ]
        );
    }
}
