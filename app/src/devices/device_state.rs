//! What a device measures now, a tile for each value, and the switches of its actuators.

use domain::{
    DeviceId, Scalar, TimestampMs,
    component::{Component, ComponentCategory, ValueInfo},
    device::{DeviceDetail, Presence},
};
use leptos::prelude::*;
use leptos_i18n::t_string;

use crate::{
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{Icon, Tile, Time, number::value_text},
};

/// A tile for each value of each component.
#[component]
pub fn StateTiles(
    /// The device.
    id: DeviceId,
    /// Its state and components.
    detail: DeviceDetail,
    /// The form that sends an actuator's new state.
    set: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    if detail.state.is_empty() && detail.components.is_empty() {
        return view! { <p class="mut">{move || t_string!(i18n, devices.no_state)}</p> }.into_any();
    }
    let stale = detail.summary.presence.presence != Presence::Online;
    let may_command = detail.may_command;
    let tiles = detail
        .components
        .iter()
        .flat_map(|component| {
            component.values.iter().map(|value| {
                let key = match value.name.as_str() {
                    "" => component.key.to_string(),
                    name => format!("{}_{name}", component.key),
                };
                let now = detail.state.get(&key).cloned();
                let at = detail.state_at.get(&key).copied();
                (component.clone(), value.clone(), key, now, at)
            })
        })
        .map(|(component, value, key, now, at)| {
            view! { <ValueTile id component value key now at stale may_command set/> }
        })
        .collect_view();
    view! { <div class="tiles">{tiles}</div> }.into_any()
}

#[component]
#[allow(clippy::too_many_arguments)]
fn ValueTile(
    id: DeviceId,
    component: Component,
    value: ValueInfo,
    key: String,
    now: Option<Scalar>,
    at: Option<TimestampMs>,
    stale: bool,
    may_command: bool,
    set: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    let acts = component.category == ComponentCategory::Actuator && value.name.is_empty();
    let label = {
        let (component, value) = (component.clone(), value.clone());
        Signal::derive(move || label(i18n.get_locale(), &component, &value))
    };
    let on = matches!(&now, Some(Scalar::Text(text)) if text == "ON");
    let (text, unit) = match &now {
        Some(value_now) => readable(value_now, &value.unit),
        None => ("–".to_owned(), String::new()),
    };
    let component_key = component.key.to_string();
    view! {
        <Tile
            icon=icon(&value.icon)
            label
            key_name=key
            stale=Signal::stored(stale || now.is_none())
            foot=move || view! { <Time at=Signal::stored(at)/> }.into_any()
        >
            <span class="num">{text} <small>{unit}</small></span>
            {(acts && may_command)
                .then(|| {
                    let status = if on { "OFF" } else { "ON" };
                    view! {
                        <PostForm form=set>
                            <input type="hidden" name="id" value=id.to_string()/>
                            <input type="hidden" name="component" value=component_key/>
                            <input type="hidden" name="status" value=status/>
                            <button
                                class="btn sm"
                                type="submit"
                                disabled=move || set.pending.get()
                            >
                                {move || {
                                    if on {
                                        t_string!(i18n, commands.off)
                                    } else {
                                        t_string!(i18n, commands.on)
                                    }
                                }}
                            </button>
                        </PostForm>
                    }
                })}
        </Tile>
    }
}

fn label(locale: Locale, component: &Component, value: &ValueInfo) -> String {
    let of_value = match locale {
        Locale::ko => &value.label_ko,
        Locale::en => &value.label_en,
    };
    let of_kind = match locale {
        Locale::ko => &component.label_ko,
        Locale::en => &component.label_en,
    };
    match (&component.name, value.name.is_empty()) {
        (Some(name), true) => name.clone(),
        (Some(name), false) => format!("{name} {of_value}"),
        (None, true) => of_kind.clone(),
        (None, false) => of_value.clone(),
    }
}

/// A value with the unit that keeps it short.
fn readable(value: &Scalar, unit: &str) -> (String, String) {
    const STEPS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    if let (Scalar::Number(number), true) = (value, unit.starts_with('B'))
        && let Some((size, prefix)) = STEPS.iter().find(|(size, _)| number.abs() >= *size)
    {
        return (format!("{:.1}", number / size), format!("{prefix}{unit}"));
    }
    if let (Scalar::Number(seconds), "s") = (value, unit) {
        if *seconds >= 172_800.0 {
            return (format!("{:.0}", seconds / 86_400.0), "d".to_owned());
        }
        if *seconds >= 7_200.0 {
            return (format!("{:.0}", seconds / 3_600.0), "h".to_owned());
        }
        if *seconds >= 120.0 {
            return (format!("{:.0}", seconds / 60.0), "min".to_owned());
        }
    }
    (value_text(value), unit.to_owned())
}

fn icon(name: &str) -> Icon {
    match name {
        "memory" => Icon::MemoryStick,
        "disk" => Icon::HardDrive,
        "network" => Icon::Network,
        "thermometer" => Icon::Thermometer,
        "clock" => Icon::Clock,
        "sun" => Icon::Sun,
        "droplet" => Icon::Droplet,
        "lightbulb" => Icon::Lightbulb,
        "power" => Icon::Power,
        "cpu" => Icon::Cpu,
        _ => Icon::Gauge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_get_a_larger_unit() {
        let read = |number, unit| {
            let (text, unit) = readable(&Scalar::Number(number), unit);
            format!("{text} {unit}")
        };
        assert_eq!(read(1_500.0, "B/s"), "1.5 kB/s");
        assert_eq!(read(16_000_000_000.0, "B"), "16.0 GB");
        assert_eq!(read(90.0, "s"), "90 s");
        assert_eq!(read(7_200.0, "s"), "2 h");
        assert_eq!(read(25.04, "°C"), "25 °C");
    }
}
