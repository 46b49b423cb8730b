//! What the catalog and its refusals are called.

use domain::{
    AppError,
    catalog::{ComponentHealth, PinHeader, PinMode},
    component::ComponentCategory,
    error::message_parts,
};
use leptos_i18n::td_string;

use crate::{i18n::Locale, parts::error_text};

/// What a type is for.
pub(crate) fn category(locale: Locale, of: ComponentCategory) -> &'static str {
    match of {
        ComponentCategory::Sensor => td_string!(locale, catalog.sensor),
        ComponentCategory::Actuator => td_string!(locale, catalog.actuator),
        ComponentCategory::InternalModule => td_string!(locale, catalog.internal_module),
    }
}

/// How a pin is used.
pub(crate) fn mode(locale: Locale, of: PinMode) -> &'static str {
    match of {
        PinMode::In => td_string!(locale, catalog.mode_in),
        PinMode::Out => td_string!(locale, catalog.mode_out),
        PinMode::Pwm => "PWM",
        PinMode::I2c => "I²C",
        PinMode::OneWire => "1-Wire",
    }
}

/// What a variant of the built-in catalog is, where nobody has described it otherwise.
pub(crate) fn built_in_variant(locale: Locale, name: &str) -> Option<&'static str> {
    match name {
        "Standard" => Some(td_string!(locale, catalog.variant_standard)),
        "Pro" => Some(td_string!(locale, catalog.variant_pro)),
        _ => None,
    }
}

/// Which pins a model has.
pub(crate) fn header(locale: Locale, of: PinHeader) -> &'static str {
    match of {
        PinHeader::J8 => td_string!(locale, catalog.header_j8),
        PinHeader::Numbered => td_string!(locale, catalog.header_numbered),
        PinHeader::None => td_string!(locale, catalog.header_none),
    }
}

/// How a component does.
pub(crate) fn health(locale: Locale, of: ComponentHealth) -> &'static str {
    match of {
        ComponentHealth::Well => td_string!(locale, catalog.health_well),
        ComponentHealth::Waiting => td_string!(locale, catalog.health_waiting),
        ComponentHealth::Silent => td_string!(locale, catalog.health_silent),
        ComponentHealth::NotAllowed => td_string!(locale, catalog.health_not_allowed),
    }
}

/// Why something was refused, and what stands in the way.
pub(crate) fn refusal(locale: Locale, error: &AppError) -> String {
    let message = match error {
        AppError::Invalid { message, .. } | AppError::Conflict { message } => message,
        other => return error_text::text(locale, other),
    };
    let (key, what) = message_parts(message);
    let what = what.unwrap_or_default().to_owned();
    match key {
        "type_known" => td_string!(locale, catalog.said_type_known, what = what).to_string(),
        "type_name" => td_string!(locale, catalog.said_type_name).to_owned(),
        "state_key_taken" => {
            td_string!(locale, catalog.said_state_key_taken, what = what).to_string()
        }
        "value_name" => td_string!(locale, catalog.said_value_name).to_owned(),
        "i2c_address" => td_string!(locale, catalog.said_i2c_address).to_owned(),
        "hardware_known" => {
            td_string!(locale, catalog.said_hardware_known, what = what).to_string()
        }
        "hardware_word" => td_string!(locale, catalog.said_hardware_word).to_owned(),
        "unknown_hardware" => td_string!(locale, catalog.said_unknown_hardware).to_owned(),
        "rule_known" => td_string!(locale, catalog.said_rule_known).to_owned(),
        "in_use" => td_string!(locale, catalog.said_in_use, what = what).to_string(),
        "no_such_pin" => td_string!(locale, catalog.said_no_such_pin).to_owned(),
        "mode_without_pin" => td_string!(locale, catalog.said_mode_without_pin).to_owned(),
        "not_an_output" => td_string!(locale, catalog.said_not_an_output).to_owned(),
        "needs_no_pin" => td_string!(locale, catalog.said_needs_no_pin).to_owned(),
        "needs_no_address" => td_string!(locale, catalog.said_needs_no_address).to_owned(),
        "one_wire_address" => td_string!(locale, catalog.said_one_wire_address).to_owned(),
        "not_for_this_hardware" => {
            td_string!(locale, catalog.said_not_for_this_hardware, what = what).to_string()
        }
        "pin_not_allowed" => {
            td_string!(locale, catalog.said_pin_not_allowed, what = what).to_string()
        }
        "mode_not_allowed" => {
            td_string!(locale, catalog.said_mode_not_allowed, what = what).to_string()
        }
        "pin_taken" => td_string!(locale, catalog.said_pin_taken, what = what).to_string(),
        "no_free_pin" => td_string!(locale, catalog.said_no_free_pin, what = what).to_string(),
        "address_taken" => td_string!(locale, catalog.said_address_taken, what = what).to_string(),
        "address_not_possible" => {
            td_string!(locale, catalog.said_address_not_possible, what = what).to_string()
        }
        "address_needed_by" => {
            td_string!(locale, catalog.said_address_needed_by, what = what).to_string()
        }
        "attached_once" => td_string!(locale, catalog.said_attached_once, what = what).to_string(),
        "too_many_components" => td_string!(locale, catalog.said_too_many).to_owned(),
        "too_large" => td_string!(locale, catalog.said_too_large).to_owned(),
        key => error_text::field_text(locale, key),
    }
}
