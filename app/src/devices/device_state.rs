//! What a device measures now, a tile for each value. A browser loads it after the page.

use domain::{
    DeviceId, Scalar,
    component::{Component, ComponentCategory, LEVEL, ValueInfo, undeclared},
    device::{DeviceDetail, Presence},
};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    device_actuator::{Actuator, actuator_tile, levels, show_levels},
    device_forced::forced_foot,
};
use crate::{
    form::FormState,
    i18n::{Locale, use_i18n},
    parts::{ErrorNotice, Icon, Tile, Time, number::value_text},
    traffic::server_fns::ReleaseState,
};

/// Of which device, and the forms of its tiles.
#[derive(Clone, Copy)]
pub(super) struct TilesOf {
    pub(super) id: DeviceId,
    pub(super) detail: Memo<DeviceDetail>,
    /// The form that sends an actuator's new state.
    pub(super) set: FormState,
    /// The form that lets go of what is desired.
    pub(super) let_go: FormState,
    /// The form that sets what is desired again.
    pub(super) desire: FormState,
    /// The form that tries again what was given up.
    pub(super) again: FormState,
}

/// The tiles, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn tiles(of: Box<TilesOf>) -> AnyView {
    drawn(&of)
}

/// The tiles. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn tiles(of: Box<TilesOf>) -> AnyView {
    drawn(&of)
}

fn drawn(of: &TilesOf) -> AnyView {
    let of = *of;
    let release = FormState::of::<ReleaseState>();
    Effect::new(move |before: Option<Vec<(String, String)>>| {
        let now = of.detail.with(levels);
        show_levels(before.as_deref(), &now);
        now
    });
    view! {
        <ErrorNotice error=release.error/>
        <ErrorNotice error=of.let_go.error/>
        <ErrorNotice error=of.again.error/>
        {move || all(&of, release, &of.detail.get())}
    }
    .into_any()
}

/// A tile for each value of each component.
fn all(of: &TilesOf, release: FormState, detail: &DeviceDetail) -> AnyView {
    let i18n = use_i18n();
    let (id, locale) = (of.id, i18n.get_locale_untracked());
    let release = detail.may_command.then_some(release);
    if detail.state.is_empty() && detail.components.is_empty() {
        return view! { <p class="mut">{tu_string!(i18n, devices.no_state)}</p> }.into_any();
    }
    let tiles = values(detail)
        .into_iter()
        .map(|(component, value, declared)| {
            let key = component.state_key(&value.name);
            let now = detail.state.get(&key).cloned();
            let at = detail.state_at.get(&key).copied();
            let forced = detail.forced.get(&key).cloned();
            let actuator = component.category == ComponentCategory::Actuator;
            let acts = declared && actuator && value.name.is_empty();
            let stale = detail.summary.presence.presence != Presence::Online || now.is_none();
            let label = Signal::stored(label(locale, component, &value));
            let of_catalog = icon(&value.icon);
            if acts {
                let desired = detail.desired.iter().find(|d| d.component == component.key);
                let actuator = Actuator {
                    component: component.key.clone(),
                    reported: now,
                    has_level: component.has_level(),
                    level: detail.state.get(&component.state_key(LEVEL)).cloned(),
                    reported_at: at,
                    desired: desired.cloned(),
                    presence: detail.summary.presence.presence,
                    may_command: detail.may_command,
                    forced: forced.map(|forced| (forced, release)),
                };
                return actuator_tile(of, of_catalog, label, stale, actuator);
            }
            let (text, unit) = match &now {
                Some(value_now) => readable(value_now, &value.unit),
                None => ("–".to_owned(), String::new()),
            };
            let foot = StoredValue::new((forced, key.clone()));
            let foot = move || {
                foot.with_value(|(forced, key)| match forced {
                    Some(forced) => forced_foot(locale, id, key, forced, release),
                    None => view! { <Time at=Signal::stored(at)/> }.into_any(),
                })
            };
            view! {
                <Tile icon=of_catalog label key_name=key stale=Signal::stored(stale) foot>
                    <span class="num">{text} <small>{unit}</small></span>
                </Tile>
            }
            .into_any()
        })
        .collect_view();
    view! { <div class="tiles">{tiles}</div> }.into_any()
}

/// Every value of each component, and whether the catalog declares it: what else it reports is shown as well.
fn values(detail: &DeviceDetail) -> Vec<(&Component, ValueInfo, bool)> {
    let others = undeclared(&detail.components, &detail.state);
    let mut all = Vec::new();
    for component in &detail.components {
        let declared = component.values.iter().cloned();
        all.extend(declared.map(|value| (component, value, true)));
        let others = others.iter().filter(|(of, _)| of.key == component.key);
        all.extend(others.map(|(_, name)| {
            let first = component.values.first();
            let value = ValueInfo {
                name: (*name).to_owned(),
                label_ko: String::new(),
                label_en: String::new(),
                unit: String::new(),
                icon: first.map(|value| value.icon.clone()).unwrap_or_default(),
            };
            (component, value, false)
        }));
    }
    all
}

/// What a value is called; without a name in the catalog as it is reported, after its component.
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
        (None, true) => of_kind.clone(),
        (name, false) if of_value.is_empty() => {
            format!("{} {}", name.as_ref().unwrap_or(of_kind), value.name)
        }
        (Some(name), false) => format!("{name} {of_value}"),
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
