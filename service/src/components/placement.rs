//! Where a component goes: a pin that the rules allow and that nothing else uses.
//!
//! A bus (I²C, 1-Wire) is shared by components with addresses of their own; every other pin is one
//! component's alone.

use domain::{
    AppError, ComponentKey,
    catalog::{CatalogComponent, DefaultState, PinMode, PinRule},
    component::ComponentCategory,
};

use super::Wish;

/// What another component of the device holds.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub key: ComponentKey,
    pub pin: i32,
    pub mode: PinMode,
    pub address: Option<String>,
}

/// Where a component is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub pin_number: Option<i32>,
    pub pin_mode: Option<PinMode>,
    pub default_state: Option<DefaultState>,
    pub address: Option<String>,
}

/// Finds the place that is wished for, or the first that is free; says who holds it where there is none.
pub(super) fn place(
    kind: &CatalogComponent,
    rules: &[PinRule],
    held: &[Held],
    wish: &Wish,
) -> Result<Place, AppError> {
    if kind.category == ComponentCategory::InternalModule {
        if wish.pin_number.is_some() || wish.pin_mode.is_some() {
            return Err(AppError::invalid("pin_number", "needs_no_pin"));
        }
        return Ok(Place::default());
    }
    if rules.is_empty() {
        return Err(AppError::conflict_with(
            "not_for_this_hardware",
            &kind.component_type,
        ));
    }
    let on_pin: Vec<&PinRule> = rules
        .iter()
        .filter(|rule| wish.pin_number.is_none() || rule.wiring.pin_number == wish.pin_number)
        .collect();
    if on_pin.is_empty() {
        let pins = rules.iter().filter_map(|rule| rule.wiring.pin_number);
        return Err(AppError::conflict_with("pin_not_allowed", several(pins)));
    }
    let fitting: Vec<&PinRule> = on_pin
        .iter()
        .copied()
        .filter(|rule| wish.pin_mode.is_none() || rule.wiring.pin_mode == wish.pin_mode)
        .collect();
    if fitting.is_empty() {
        let modes = on_pin.iter().filter_map(|rule| rule.wiring.pin_mode);
        return Err(AppError::conflict_with(
            "mode_not_allowed",
            several(modes.map(PinMode::as_str)),
        ));
    }
    let mut reason = None;
    for rule in fitting {
        match on(rule, kind, held, wish) {
            Ok(place) => return Ok(place),
            // Nothing that another pin would mend.
            Err(error @ AppError::Invalid { .. }) => return Err(error),
            Err(error) => reason = reason.or(Some(error)),
        }
    }
    match reason {
        Some(error) if wish.pin_number.is_some() || is_address(&error) => Err(error),
        _ => {
            let holders = held
                .iter()
                .filter(|other| {
                    rules
                        .iter()
                        .any(|rule| rule.wiring.pin_number == Some(other.pin))
                })
                .map(|other| format!("GPIO {} {}", other.pin, other.key));
            Err(AppError::conflict_with("no_free_pin", several(holders)))
        }
    }
}

fn is_address(error: &AppError) -> bool {
    matches!(error, AppError::Conflict { message } if message.contains("address"))
}

/// The place that one rule gives, where it is free.
fn on(
    rule: &PinRule,
    kind: &CatalogComponent,
    held: &[Held],
    wish: &Wish,
) -> Result<Place, AppError> {
    let wiring = &rule.wiring;
    let default_state = wish
        .default_state
        .or(wiring.default_state)
        .or(kind.metadata.default_state);
    let (Some(pin), Some(mode)) = (wiring.pin_number, wiring.pin_mode) else {
        return Ok(Place {
            default_state,
            ..Place::default()
        });
    };
    if wish.default_state.is_some() && !mode.is_output() {
        return Err(AppError::invalid("default_state", "not_an_output"));
    }
    let pins = pin..pin + mode.pins();
    let on_same: Vec<&Held> = held
        .iter()
        .filter(|other| (other.pin..other.pin + other.mode.pins()).any(|used| pins.contains(&used)))
        .collect();
    let stranger = on_same
        .iter()
        .find(|other| !(mode.is_bus() && other.mode == mode && other.pin == pin));
    if let Some(other) = stranger {
        return Err(AppError::conflict_with("pin_taken", &other.key));
    }
    let address = match mode {
        PinMode::I2c => Some(i2c_address(kind, &on_same, wish.address.as_deref())?),
        PinMode::OneWire => one_wire_address(&on_same, wish.address.as_deref())?,
        _ if wish.address.is_some() => {
            return Err(AppError::invalid("address", "needs_no_address"));
        }
        _ => None,
    };
    Ok(Place {
        pin_number: Some(pin),
        pin_mode: Some(mode),
        default_state: default_state.filter(|_| mode.is_output()),
        address,
    })
}

fn i2c_address(
    kind: &CatalogComponent,
    on_bus: &[&Held],
    wish: Option<&str>,
) -> Result<String, AppError> {
    let holder = |address: &str| {
        on_bus
            .iter()
            .find(|other| other.address.as_deref() == Some(address))
    };
    let possible: Vec<String> = kind
        .metadata
        .i2c_addresses
        .iter()
        .map(|at| spelled(*at))
        .collect();
    if let Some(wish) = wish {
        let digits = wish.trim().to_ascii_lowercase();
        let digits = digits.strip_prefix("0x").unwrap_or(&digits);
        let address = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|at| (0x08..=0x77).contains(at))
            .map(spelled)
            .ok_or_else(|| AppError::invalid("address", "i2c_address"))?;
        if !possible.is_empty() && !possible.contains(&address) {
            return Err(AppError::conflict_with(
                "address_not_possible",
                several(possible),
            ));
        }
        return match holder(&address) {
            Some(other) => Err(AppError::conflict_with(
                "address_taken",
                format!("{address} {}", other.key),
            )),
            None => Ok(address),
        };
    }
    if possible.is_empty() {
        return Err(AppError::invalid("address", "required"));
    }
    let free = possible.iter().find(|address| holder(address).is_none());
    free.cloned().ok_or_else(|| {
        let holders = possible
            .iter()
            .filter_map(|address| holder(address).map(|other| format!("{address} {}", other.key)));
        AppError::conflict_with("address_taken", several(holders))
    })
}

fn spelled(address: u8) -> String {
    format!("0x{address:02x}")
}

/// One sensor alone needs no address: it is the only one that answers.
fn one_wire_address(on_bus: &[&Held], wish: Option<&str>) -> Result<Option<String>, AppError> {
    let Some(wish) = wish else {
        return match on_bus.first() {
            None => Ok(None),
            Some(_) => Err(AppError::invalid("address", "one_wire_address")),
        };
    };
    let address = wish.trim().to_ascii_lowercase();
    let fits = address.len() == 15
        && address.as_bytes()[2] == b'-'
        && address.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    if !fits {
        return Err(AppError::invalid("address", "one_wire_address"));
    }
    if let Some(nameless) = on_bus.iter().find(|other| other.address.is_none()) {
        return Err(AppError::conflict_with("address_needed_by", &nameless.key));
    }
    match on_bus
        .iter()
        .find(|other| other.address.as_deref() == Some(&address))
    {
        Some(other) => Err(AppError::conflict_with(
            "address_taken",
            format!("{address} {}", other.key),
        )),
        None => Ok(Some(address)),
    }
}

/// The first few of several things, in one line.
fn several(things: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let mut words: Vec<String> = things.into_iter().map(|thing| thing.to_string()).collect();
    words.dedup();
    let rest = words.len().saturating_sub(12);
    words.truncate(12);
    if rest > 0 {
        words.push(format!("+{rest}"));
    }
    words.join(", ")
}
