//! The fields of a form that say how something is wired, as types; an empty one says nothing.

use std::str::FromStr;

use domain::{
    AppError, ComponentType,
    catalog::{DefaultState, PinMode},
};

/// The type of a component.
pub(crate) fn component_type(text: &str) -> Result<ComponentType, AppError> {
    text.parse()
        .map_err(|_| AppError::invalid("component_type", "unknown_component_type"))
}

/// The number of a pin.
pub(crate) fn pin_number(text: &str) -> Result<Option<i32>, AppError> {
    said("pin_number", "no_such_pin", text, |text| {
        i32::from_str(text).ok()
    })
}

/// What a pin does.
pub(crate) fn pin_mode(text: &str) -> Result<Option<PinMode>, AppError> {
    said("pin_mode", "invalid", text, PinMode::parse)
}

/// What a pin is at first.
pub(crate) fn default_state(text: &str) -> Result<Option<DefaultState>, AppError> {
    said("default_state", "invalid", text, DefaultState::parse)
}

fn said<T>(
    field: &str,
    otherwise: &str,
    text: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, AppError> {
    match text.trim() {
        "" => Ok(None),
        text => match read(text) {
            None => Err(AppError::invalid(field, otherwise)),
            some => Ok(some),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_by_an_empty_field_and_nonsense_is_refused() {
        assert_eq!(pin_number(" 17 ").unwrap(), Some(17));
        assert_eq!(pin_number("").unwrap(), None);
        assert_eq!(pin_mode(PinMode::Out.as_str()).unwrap(), Some(PinMode::Out));
        assert_eq!(default_state(" ").unwrap(), None);
        let refused = AppError::invalid("pin_mode", "invalid");
        assert_eq!(pin_mode("sideways").unwrap_err(), refused);
        let refused = AppError::invalid("default_state", "invalid");
        assert_eq!(default_state("maybe").unwrap_err(), refused);
    }
}
