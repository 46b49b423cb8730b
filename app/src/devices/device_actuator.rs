//! The tile of an actuator: what it reported, what is desired of it, and its switch.
//!
//! The value shown is the reported one: it changes on the device's report, not on the click.

use std::sync::Arc;

use domain::{
    ComponentKey, Scalar, TimestampMs,
    component::{FULL_LEVEL, LEVEL},
    device::{DeviceDetail, Presence},
    forced::Forced,
    twin::Desired,
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use serde_json::Value;

use super::{device_forced::forced_foot, device_state::TilesOf};
use crate::{
    form::{FormState, PostForm, fill_field},
    i18n::{Locale, use_i18n},
    parts::{Icon, Mark, Tile, Time, number::value_text, status_mark::Shape, toast::use_toasts},
};

/// An actuator as it stands.
pub(super) struct Actuator {
    pub(super) component: ComponentKey,
    pub(super) reported: Option<Scalar>,
    /// Whether it has levels between on and off, and the one that it reported.
    pub(super) has_level: bool,
    pub(super) level: Option<Scalar>,
    pub(super) reported_at: Option<TimestampMs>,
    pub(super) desired: Option<Desired>,
    pub(super) presence: Presence,
    pub(super) may_command: bool,
    /// Who set it by hand, and the form that puts it back.
    pub(super) forced: Option<(Forced, Option<FormState>)>,
}

pub(super) fn actuator_tile(
    of: &TilesOf,
    icon: Icon,
    label: Signal<String>,
    stale: bool,
    actuator: Actuator,
) -> AnyView {
    let of = *of;
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let Actuator {
        component,
        reported,
        has_level,
        level,
        reported_at,
        desired,
        presence,
        may_command,
        forced,
    } = actuator;
    let key = component.to_string();
    let status = reported.as_ref().map_or("–".to_owned(), value_text);
    let now = match level.as_ref().filter(|_| has_level) {
        Some(level) => format!("{status} {} %", value_text(level)),
        None => status.clone(),
    };
    let differing = desired
        .as_ref()
        // What has told nothing is not known to be as desired.
        .filter(|desired| desired.differs || reported.is_none());
    // What a press of the switch turns around: what it is on its way to.
    let on = match differing {
        Some(desired) => wants_on(desired),
        None => status == "ON",
    };
    let value = match differing {
        Some(desired) => {
            let wanted = wanted_text(desired, has_level);
            view! {
                <span class="twin num">
                    <span><small>{td_string!(locale, devices.reported)}</small>{now}</span>
                    <i aria-hidden="true">"→"</i>
                    <span class="wanted"><small>{td_string!(locale, devices.desired)}</small>{wanted}</span>
                </span>
            }
            .into_any()
        }
        None => view! { <span class="num">{now}</span> }.into_any(),
    };
    let switch_key = key.clone();
    let switch = may_command.then(move || {
        let status = if on { "OFF" } else { "ON" };
        view! {
            <PostForm form=of.set>
                <input type="hidden" name="id" value=of.id.to_string()/>
                <input type="hidden" name="component" value=switch_key/>
                <input type="hidden" name="status" value=status/>
                <button class="btn sm" type="submit" disabled=move || of.set.pending.get()>
                    {move || match on {
                        true => tu_string!(i18n, commands.off),
                        false => tu_string!(i18n, commands.on),
                    }}
                </button>
            </PostForm>
        }
    });
    let dimmer = (may_command && has_level).then(|| {
        let first = level_ahead(desired.as_ref(), level.as_ref());
        dimmer(&of, locale, &key, &label.get_untracked(), first)
    });
    let told = reported.is_some();
    let foot = StoredValue::new((desired, component, forced));
    let foot = move || {
        foot.with_value(|(desired, component, forced)| {
            if let Some((forced, release)) = forced {
                return forced_foot(locale, of.id, component.as_str(), forced, *release);
            }
            let Some(desired) = desired else {
                return view! { <Time at=Signal::stored(reported_at)/> }.into_any();
            };
            let waits = !told && presence == Presence::Offline;
            let state = match desired.differs || waits {
                true => differs(locale, desired, presence),
                false => view! {
                    <Time at=Signal::stored(reported_at)/>
                    <span class="ell">{td_string!(locale, devices.kept_by, name = desired.set_by.clone()).to_string()}</span>
                }
                .into_any(),
            };
            let acts = may_command.then(|| acts(&of, locale, desired, component));
            view! { {state} {acts} }.into_any()
        })
    };
    view! {
        <Tile icon label key_name=key stale=Signal::stored(stale) foot>
            {value}
            {switch}
            {dimmer}
        </Tile>
    }
    .into_any()
}

/// The control of a level: a number, and where a script runs a slider beside it that moves with it.
fn dimmer(of: &TilesOf, locale: Locale, key: &str, name: &str, first: String) -> AnyView {
    let (id, set, component) = (of.id.to_string(), of.set, key.to_owned());
    // What was typed before it was refused.
    let mine = set.typed("component").as_deref() == Some(key);
    let typed = mine.then(|| set.typed("level")).flatten();
    let first = typed.filter(|typed| !typed.is_empty()).unwrap_or(first);
    let [number, slider] = fields_of(key);
    let (to_number, to_slider) = (number.clone(), slider.clone());
    let label = td_string!(locale, devices.level_of, name = name.to_owned()).to_string();
    view! {
        <PostForm form=set class="level">
            <input type="hidden" name="id" value=id/>
            <input type="hidden" name="component" value=component/>
            <label for=number.clone()>{td_string!(locale, devices.level)}</label>
            <input
                class="in"
                id=number
                name=LEVEL
                type="number"
                min="0"
                max=FULL_LEVEL.to_string()
                step="1"
                required
                value=first.clone()
                on:input=move |event| fill_field(&to_slider, &event_target_value(&event))
            />
            <input
                class="scripted"
                id=slider
                type="range"
                min="0"
                max=FULL_LEVEL.to_string()
                step="1"
                aria-label=label
                value=first
                on:input=move |event| fill_field(&to_number, &event_target_value(&event))
            />
            <button class="btn sm" type="submit" disabled=move || set.pending.get()>
                {td_string!(locale, devices.set_level)}
            </button>
        </PostForm>
    }
    .into_any()
}

/// The ids of a level's two fields.
fn fields_of(key: &str) -> [String; 2] {
    [format!("level-{key}"), format!("level-{key}-slider")]
}

/// Shows the levels that have changed in their fields; what is typed into others stays.
pub(super) fn show_levels(before: Option<&[(String, String)]>, now: &[(String, String)]) {
    let known = |one: &(String, String)| before.is_none_or(|before| before.contains(one));
    for (key, level) in now.iter().filter(|one| !known(one)) {
        for field in fields_of(key) {
            fill_field(&field, level);
        }
    }
}

/// Of each actuator that has levels, the one that it is on its way to.
pub(super) fn levels(detail: &DeviceDetail) -> Vec<(String, String)> {
    let dimmed = detail.components.iter().filter(|one| one.has_level());
    dimmed
        .map(|component| {
            let desired = detail.desired.iter().find(|d| d.component == component.key);
            let reported = detail.state.get(&component.state_key(LEVEL));
            (component.key.to_string(), level_ahead(desired, reported))
        })
        .collect()
}

/// The level that is desired and not reported, or else the one that is.
fn level_ahead(desired: Option<&Desired>, reported: Option<&Scalar>) -> String {
    let desired = desired.filter(|desired| desired.differs || reported.is_none());
    let wanted = desired.and_then(wanted_level);
    let level = match (wanted, reported) {
        (Some(wanted), _) => wanted,
        (None, Some(Scalar::Number(reported))) => *reported,
        (None, _) => 0.0,
    };
    format!("{level:.0}")
}

/// Why it is not yet as desired.
fn differs(locale: Locale, desired: &Desired, presence: Presence) -> AnyView {
    let (mark, words) = match (desired.given_up, presence) {
        (true, _) => (
            Mark::Warning,
            td_string!(locale, devices.desired_given_up, n = desired.attempts).to_string(),
        ),
        (false, Presence::Offline) => (
            Mark::Offline,
            td_string!(locale, devices.desired_when_online).to_owned(),
        ),
        (false, _) => (
            Mark::Working,
            td_string!(locale, devices.desired_under_way).to_owned(),
        ),
    };
    view! {
        <span class="status"><Shape mark=Signal::stored(mark)/><span class="why">{words}</span></span>
    }
    .into_any()
}

/// Trying again, and letting go with the way back.
fn acts(of: &TilesOf, locale: Locale, desired: &Desired, component: &ComponentKey) -> AnyView {
    let (of, notes) = (*of, use_toasts());
    let id = of.id.to_string();
    let key = component.to_string();
    let wanted = Value::Object(desired.wanted.clone()).to_string();
    let again = desired.given_up.then(|| {
        let (id, key) = (id.clone(), key.clone());
        view! {
            <PostForm form=of.again>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="of" value=key/>
                <button class="btn ghost sm" type="submit">{td_string!(locale, devices.desired_again)}</button>
            </PostForm>
        }
    });
    let let_go = {
        let (id, key) = (id.clone(), key.clone());
        Callback::new(move |()| {
            let (id, key, wanted) = (id.clone(), key.clone(), wanted.clone());
            let undo = move || {
                let fields = [
                    ("id", id.as_str()),
                    ("of", key.as_str()),
                    ("wanted", wanted.as_str()),
                ];
                of.desire.post(&fields);
            };
            notes.undoable(td_string!(locale, devices.let_go_done), Arc::new(undo));
        })
    };
    view! {
        <span class="row push">
            {again}
            <PostForm form=of.let_go on_send=let_go>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="of" value=key/>
                <button class="btn ghost sm" type="submit" title=td_string!(locale, devices.let_go_what)>
                    {td_string!(locale, devices.let_go)}
                </button>
            </PostForm>
        </span>
    }
    .into_any()
}

/// What is desired: a state, a level in percent where it has levels, or else all of it as it was sent.
fn wanted_text(desired: &Desired, has_level: bool) -> String {
    let status = desired.wanted.get("status").and_then(Value::as_str);
    let level = wanted_level(desired).filter(|_| has_level);
    match (status, level, desired.wanted.len()) {
        (Some(status), None, 1) => status.to_owned(),
        (None, Some(level), 1) => format!("{level} %"),
        (Some(status), Some(level), 2) => format!("{status} {level} %"),
        _ => Value::Object(desired.wanted.clone()).to_string(),
    }
}

fn wanted_level(desired: &Desired) -> Option<f64> {
    desired.wanted.get(LEVEL).and_then(Value::as_f64)
}

/// Whether it is on when it is as desired.
fn wants_on(desired: &Desired) -> bool {
    match desired.wanted.get("status").and_then(Value::as_str) {
        Some(status) => status == "ON",
        None => wanted_level(desired).is_some_and(|level| level > 0.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn desired(wanted: &Value, differs: bool) -> Desired {
        Desired {
            component: "fan".parse().unwrap(),
            wanted: wanted.as_object().unwrap().clone(),
            differs,
            set_at: TimestampMs(0),
            set_by: String::new(),
            command: None,
            attempts: 0,
            given_up: false,
        }
    }

    #[test]
    fn what_is_desired_is_said_in_a_word_or_in_percent() {
        let said = |wanted: Value, has_level| {
            let desired = desired(&wanted, true);
            (wanted_text(&desired, has_level), wants_on(&desired))
        };
        let of = |text: &str, on| (text.to_owned(), on);
        assert_eq!(said(json!({ "status": "ON" }), false), of("ON", true));
        assert_eq!(said(json!({ "level": 40 }), true), of("40 %", true));
        assert_eq!(said(json!({ "level": 0 }), true), of("0 %", false));
        let both = json!({ "status": "ON", "level": 40 });
        assert_eq!(said(both, true), of("ON 40 %", true));
        let other = json!({ "level": 40 });
        assert_eq!(said(other, false), of(r#"{"level":40}"#, true));
    }

    #[test]
    fn the_level_that_is_shown_is_the_one_it_is_on_its_way_to() {
        let (under_way, done) = (
            desired(&json!({ "level": 70 }), true),
            desired(&json!({ "level": 70 }), false),
        );
        let reported = Scalar::Number(40.0);
        assert_eq!(level_ahead(None, None), "0");
        assert_eq!(level_ahead(None, Some(&reported)), "40");
        assert_eq!(level_ahead(Some(&under_way), Some(&reported)), "70");
        assert_eq!(level_ahead(Some(&done), Some(&reported)), "40");
        assert_eq!(level_ahead(Some(&done), None), "70");
        let switched = desired(&json!({ "status": "ON" }), true);
        assert_eq!(level_ahead(Some(&switched), Some(&reported)), "40");
    }
}
