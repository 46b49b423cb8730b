//! The values of a device that have a history.

use domain::{ComponentKey, component::Component};

use crate::i18n::Locale;

/// A value that can be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) component: ComponentKey,
    pub(super) value: String,
    label_ko: String,
    label_en: String,
    pub(super) unit: String,
}

impl Choice {
    /// Its name in the address.
    pub(super) fn key(&self) -> String {
        format!("{}.{}", self.component, self.value)
    }

    /// Its key in the device's state.
    pub(super) fn state_key(&self) -> String {
        format!("{}_{}", self.component, self.value)
    }

    /// What people call it.
    pub(super) fn label(&self, locale: Locale) -> String {
        match locale {
            Locale::ko => self.label_ko.clone(),
            Locale::en => self.label_en.clone(),
        }
    }
}

/// Every value of a device that can be drawn: the state of an actuator has no name.
pub(super) fn choices(components: &[Component]) -> Vec<Choice> {
    components
        .iter()
        .flat_map(|component| {
            component
                .values
                .iter()
                .filter(|value| !value.name.is_empty())
                .map(|value| Choice {
                    component: component.key.clone(),
                    value: value.name.clone(),
                    label_ko: value.label_ko.clone(),
                    label_en: value.label_en.clone(),
                    unit: value.unit.clone(),
                })
        })
        .collect()
}
