//! The values of a device that have a history.

use domain::{
    ComponentKey, Scalar,
    component::{Component, undeclared},
    device::StateMap,
};

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

/// Every value of a device that can be drawn: the state of an actuator has no name. Numbers that the catalog does not
/// declare are called as they are reported, after their component.
pub(super) fn choices(components: &[Component], state: &StateMap) -> Vec<Choice> {
    let others = undeclared(components, state)
        .into_iter()
        .filter(|(component, name)| {
            let value = state.get(&component.state_key(name));
            !name.is_empty() && matches!(value, Some(Scalar::Number(_)))
        })
        .map(|(component, name)| {
            let called = |kind| format!("{} {name}", component.name.as_ref().unwrap_or(kind));
            Choice {
                component: component.key.clone(),
                value: name.to_owned(),
                label_ko: called(&component.label_ko),
                label_en: called(&component.label_en),
                unit: String::new(),
            }
        });
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
        .chain(others)
        .collect()
}
