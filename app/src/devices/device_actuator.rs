//! The tile of an actuator: what it reported, what is desired of it, and its switch.
//!
//! The value shown is the reported one: it changes on the device's report, not on the click.

use std::sync::Arc;

use domain::{ComponentKey, Scalar, TimestampMs, device::Presence, forced::Forced, twin::Desired};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use serde_json::Value;

use super::{device_forced::forced_foot, device_state::TilesOf};
use crate::{
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{Icon, Mark, Tile, Time, number::value_text, status_mark::Shape, toast::use_toasts},
};

/// An actuator as it stands.
pub(super) struct Actuator {
    pub(super) component: ComponentKey,
    pub(super) reported: Option<Scalar>,
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
        reported_at,
        desired,
        presence,
        may_command,
        forced,
    } = actuator;
    let key = component.to_string();
    let now = reported.as_ref().map_or("–".to_owned(), value_text);
    let differing = desired
        .as_ref()
        // What has told nothing is not known to be as desired.
        .filter(|desired| desired.differs || reported.is_none());
    // What a press of the switch turns around: what it is on its way to.
    let heading = match differing {
        Some(desired) => wanted_text(desired),
        None => now.clone(),
    };
    let value = match differing {
        Some(desired) => {
            let wanted = wanted_text(desired);
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
        let on = heading == "ON";
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
        </Tile>
    }
    .into_any()
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

/// What is desired, in a word where it is a state alone.
fn wanted_text(desired: &Desired) -> String {
    match desired.wanted.get("status").and_then(Value::as_str) {
        Some(status) if desired.wanted.len() == 1 => status.to_owned(),
        _ => Value::Object(desired.wanted.clone()).to_string(),
    }
}
