//! The picture of the 40-pin header: what is attached where, in two columns as the pins stand.

use domain::catalog::{AttachedComponent, ComponentHealth, PinMode};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{catalog::words, i18n::use_i18n};

/// What a pin of the header is.
#[derive(Clone, Copy)]
enum Pin {
    /// Supply.
    Power(&'static str),
    /// Ground.
    Ground,
    /// Reserved for the memory of an extension board.
    Id(&'static str),
    /// A GPIO by its number.
    Io(i32),
}

const THREE: Pin = Pin::Power("3V3");
const FIVE: Pin = Pin::Power("5V");
const GND: Pin = Pin::Ground;

/// Pin 1 to 40 of J8.
#[rustfmt::skip]
const J8: [Pin; 40] = [
    THREE, FIVE, Pin::Io(2), FIVE, Pin::Io(3), GND, Pin::Io(4), Pin::Io(14), GND, Pin::Io(15),
    Pin::Io(17), Pin::Io(18), Pin::Io(27), GND, Pin::Io(22), Pin::Io(23), THREE, Pin::Io(24), Pin::Io(10), GND,
    Pin::Io(9), Pin::Io(25), Pin::Io(11), Pin::Io(8), GND, Pin::Io(7), Pin::Id("ID SD"), Pin::Id("ID SC"), Pin::Io(5), GND,
    Pin::Io(6), Pin::Io(12), Pin::Io(13), GND, Pin::Io(19), Pin::Io(16), Pin::Io(26), Pin::Io(20), GND, Pin::Io(21),
];

/// Who is on a pin, and as what.
fn on(attached: &[AttachedComponent], gpio: i32) -> Vec<(&AttachedComponent, &'static str)> {
    attached
        .iter()
        .filter_map(|component| {
            let (pin, mode) = (component.pin_number?, component.pin_mode?);
            let role = match (mode, gpio - pin) {
                (PinMode::I2c, 0) => "SDA",
                (PinMode::I2c, 1) => "SCL",
                (_, 0) => mode.as_str(),
                _ => return None,
            };
            Some((component, role))
        })
        .collect()
}

/// The header with these components.
pub(super) fn pin_map(attached: &[AttachedComponent]) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let pins = (1..).zip(J8).map(|(number, pin)| {
        let left = number % 2 == 1;
        let (class, name) = match pin {
            Pin::Power(volts) => ("pin pw", volts.to_owned()),
            Pin::Ground => ("pin gn", "GND".to_owned()),
            Pin::Id(name) => ("pin id", name.to_owned()),
            Pin::Io(gpio) => ("pin", format!("GPIO {gpio}")),
        };
        let here = match pin {
            Pin::Io(gpio) => on(attached, gpio),
            _ => Vec::new(),
        };
        let bad = here
            .iter()
            .any(|(component, _)| component.health == ComponentHealth::NotAllowed);
        let class = match (here.is_empty(), bad) {
            (true, _) => class,
            (false, true) => "pin bad",
            (false, false) => "pin on",
        };
        let holders = here
            .into_iter()
            .map(|(component, role)| {
                let refused = component.health == ComponentHealth::NotAllowed;
                let role = match refused {
                    true => words::health(locale, component.health),
                    false => role,
                };
                view! {
                    <span class="at" class:wrong=refused>
                        <b>{component.key.to_string()}</b>
                        <small>{role}</small>
                    </span>
                }
            })
            .collect_view();
        let dot = view! { <i class=class>{number}</i> };
        let label = view! { <span class="pn">{name}</span> };
        match left {
            true => view! { <div>{holders}{label}{dot}</div> }.into_any(),
            false => view! { <div>{dot}{label}{holders}</div> }.into_any(),
        }
    });
    view! {
        <div class="header40" role="group" aria-label=tu_string!(i18n, catalog.pins_label)>
            {pins.collect_view()}
        </div>
        <p class="pinkey">
            <span><i class="on"></i>{tu_string!(i18n, catalog.pin_attached)}</span>
            <span><i></i>{tu_string!(i18n, catalog.pin_free)}</span>
            <span><i class="pw"></i>{tu_string!(i18n, catalog.pin_power)}</span>
            <span><i class="gn"></i>{tu_string!(i18n, catalog.pin_ground)}</span>
            <span><i class="bad"></i>{tu_string!(i18n, catalog.pin_refused)}</span>
        </p>
    }
    .into_any()
}
