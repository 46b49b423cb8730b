//! The form that attaches a component, or changes one.

use domain::{
    DeviceId,
    catalog::{AttachedComponent, DefaultState, PinMode},
    component::ComponentCategory,
};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{
    catalog::{
        fields::{Choice, Line, Refused},
        words,
    },
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::SubmitButton,
};

/// The form; `known` is the component that it changes.
pub(super) fn attach_form(
    id: DeviceId,
    form: FormState,
    known: Option<&AttachedComponent>,
    kinds: &[(String, String, String)],
) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let own_id = known.map_or_else(String::new, |component| component.id.to_string());
    // One of several forms on the page was refused: what was typed belongs to that one.
    let mine = form.typed("component_id").as_deref() == Some(own_id.as_str());
    let first = |field: &str, known: Option<String>| {
        let typed = mine.then(|| form.typed(field)).flatten();
        typed.or(known).unwrap_or_default()
    };
    let at = |field: &str| format!("component-{own_id}-{field}");
    let auto = (String::new(), tu_string!(i18n, catalog.auto).to_owned());
    let modes = std::iter::once(auto.clone())
        .chain(
            PinMode::ALL
                .iter()
                .map(|of| (of.as_str().to_owned(), words::mode(locale, *of).to_owned())),
        )
        .collect();
    let states = std::iter::once(auto)
        .chain(
            DefaultState::ALL
                .iter()
                .map(|of| (of.as_str().to_owned(), of.as_str().to_owned())),
        )
        .collect();
    let kind = match known {
        Some(component) => {
            let kind = component.component_type.to_string();
            view! { <input type="hidden" name="component_type" value=kind/> }.into_any()
        }
        None => {
            let options = kinds
                .iter()
                .map(|(kind, ko, en)| {
                    let name = if locale == Locale::ko { ko } else { en };
                    (kind.clone(), name.clone())
                })
                .collect();
            view! {
                <Choice id=at("type") name="component_type" label=tu_string!(i18n, catalog.type_head)
                    form options value=first("component_type", None)/>
            }
            .into_any()
        }
    };
    let wired = known.is_none_or(|c| c.category != ComponentCategory::InternalModule);
    let wiring = wired.then(|| {
        view! {
            <Line id=at("pin") name="pin_number" label=tu_string!(i18n, catalog.pin_number) form
                hint=tu_string!(i18n, catalog.attach_hint)
                value=first("pin_number", known.and_then(|c| c.pin_number).map(|pin| pin.to_string()))/>
            <Choice id=at("mode") name="pin_mode" label=tu_string!(i18n, catalog.mode) form options=modes
                value=first("pin_mode", known.and_then(|c| c.pin_mode).map(|of| of.as_str().to_owned()))/>
            <Choice id=at("state") name="default_state" label=tu_string!(i18n, catalog.default_state) form options=states
                value=first("default_state", known.and_then(|c| c.default_state).map(|of| of.as_str().to_owned()))/>
            <Line id=at("address") name="address" label=tu_string!(i18n, catalog.address) form
                hint=tu_string!(i18n, catalog.address_hint)
                value=first("address", known.and_then(|c| c.address.clone()))/>
        }
    });
    let name = first("name", known.and_then(|c| c.name.clone()));
    let called = view! { <Line id=at("name") name="name" label=tu_string!(i18n, catalog.name) form value=name/> };
    let label = match known {
        Some(_) => tu_string!(i18n, frame.save),
        None => tu_string!(i18n, catalog.attach_do),
    };
    view! {
        <PostForm form class="form">
            <Refused form/>
            <input type="hidden" name="id" value=id.to_string()/>
            <input type="hidden" name="component_id" value=own_id.clone()/>
            <div class="fields">
                {kind}
                {called}
                {wiring}
            </div>
            <div class="row">
                <SubmitButton
                    label=label
                    busy_label=tu_string!(i18n, frame.working)
                    busy=form.pending
                />
            </div>
        </PostForm>
    }
    .into_any()
}
