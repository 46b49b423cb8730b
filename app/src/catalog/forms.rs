//! The forms that add or change an entry of the catalog.

#![allow(
    unreachable_pub,
    reason = "the properties of a component are public to its macro"
)]

use std::fmt::Write as _;

use domain::{
    catalog::{
        CatalogComponent, DefaultState, HardwareVariant, HardwareVersion, PinHeader, PinMode,
        PinRule, Reporting,
    },
    component::ComponentCategory,
    device::DeviceKind,
};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    fields::{Choice, Line, Refused},
    words,
};
use crate::{
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::SubmitButton,
};

/// What was typed before the form was refused, or else what is known.
fn first(form: FormState, field: &str, known: Option<String>) -> String {
    form.typed(field).or(known).unwrap_or_default()
}

/// A word that stands for itself.
fn plain(word: &str) -> (String, String) {
    (word.to_owned(), word.to_owned())
}

/// Around a form: what it is for, its errors, its buttons.
#[component]
fn Frame(title: String, form: FormState, back: String, children: Children) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <section class="card catalog-form">
            <header><h2>{title}</h2></header>
            <PostForm form class="form pad">
                <Refused form/>
                <div class="fields">{children()}</div>
                <div class="row">
                    <SubmitButton
                        label=tu_string!(i18n, frame.save)
                        busy_label=tu_string!(i18n, frame.working)
                        busy=form.pending
                    />
                    <a class="btn" href=back>{tu_string!(i18n, frame.cancel)}</a>
                </div>
            </PostForm>
        </section>
    }
    .into_any()
}

/// A type of component.
#[component]
pub(super) fn TypeForm(
    form: FormState,
    known: Option<CatalogComponent>,
    back: String,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let title = match &known {
        Some(kind) => tu_string!(
            i18n,
            catalog.change_type,
            name = kind.component_type.to_string()
        )
        .to_string(),
        None => tu_string!(i18n, catalog.add_type).to_owned(),
    };
    let own = |of: fn(&CatalogComponent) -> String| known.as_ref().map(of);
    let line = |field: &str, of: fn(&CatalogComponent) -> String| first(form, field, own(of));
    let name = own(|kind| kind.component_type.to_string()).unwrap_or_default();
    let categories = ComponentCategory::ALL
        .iter()
        .map(|of| {
            (
                of.as_str().to_owned(),
                words::category(locale, *of).to_owned(),
            )
        })
        .collect();
    let reporting = vec![
        (
            String::new(),
            tu_string!(i18n, catalog.reporting_usual).to_owned(),
        ),
        (
            Reporting::Interval.as_str().to_owned(),
            tu_string!(i18n, catalog.reporting_interval).to_owned(),
        ),
        (
            Reporting::Change.as_str().to_owned(),
            tu_string!(i18n, catalog.reporting_change).to_owned(),
        ),
    ];
    let none = (
        String::new(),
        tu_string!(i18n, catalog.default_state_none).to_owned(),
    );
    let states = std::iter::once(none)
        .chain(DefaultState::ALL.iter().map(|of| plain(of.as_str())))
        .collect();
    let fields = view! {
            <input type="hidden" name="known" value=name.clone()/>
            <Line id="component_type" name="component_type" label=tu_string!(i18n, catalog.type_name) form required=true
                readonly=!name.is_empty() hint=tu_string!(i18n, catalog.type_name_hint)
                value=line("component_type", |t| t.component_type.to_string())/>
            <Choice id="category" name="category" label=tu_string!(i18n, catalog.category) form options=categories
                value=line("category", |t| t.category.as_str().to_owned())/>
            <Line id="display_name_ko" name="display_name_ko" label=tu_string!(i18n, catalog.name_ko) form required=true
                value=line("display_name_ko", |t| t.display_name_ko.clone())/>
            <Line id="display_name_en" name="display_name_en" label=tu_string!(i18n, catalog.name_en) form required=true
                value=line("display_name_en", |t| t.display_name_en.clone())/>
            <Line id="telemetry_category" name="telemetry_category" label=tu_string!(i18n, catalog.telemetry_category) form
                value=line("telemetry_category", |t| t.telemetry_category.clone().unwrap_or_default())/>
            <Line id="icon" name="icon" label=tu_string!(i18n, catalog.icon) form
                value=line("icon", |t| t.metadata.icon.clone())/>
            <Line id="i2c_addresses" name="i2c_addresses" label=tu_string!(i18n, catalog.i2c) form
                hint=tu_string!(i18n, catalog.i2c_hint) value=line("i2c_addresses", addresses)/>
            <Choice id="reporting" name="reporting" label=tu_string!(i18n, catalog.reporting) form options=reporting
                value=line("reporting", |t| t.metadata.reporting.map_or_else(String::new, |r| r.as_str().to_owned()))/>
            <Choice id="default_state" name="default_state" label=tu_string!(i18n, catalog.default_state) form options=states
                hint=tu_string!(i18n, catalog.default_state_hint)
                value=line("default_state", |t| t.metadata.default_state.map_or_else(String::new, |state| state.as_str().to_owned()))/>
            <Line id="values" name="values" label=tu_string!(i18n, catalog.values) form lines=true
                hint=tu_string!(i18n, catalog.values_hint) value=line("values", values)/>
            <Line id="description" name="description" label=tu_string!(i18n, catalog.description) form lines=true
                value=line("description", |t| t.description.clone().unwrap_or_default())/>
    }
    .into_any();
    view! { <Frame title form back>{fields}</Frame> }.into_any()
}

fn addresses(kind: &CatalogComponent) -> String {
    let spelled = kind
        .metadata
        .i2c_addresses
        .iter()
        .map(|at| format!("0x{at:02x}"));
    spelled.collect::<Vec<_>>().join(", ")
}

fn values(kind: &CatalogComponent) -> String {
    let mut text = String::new();
    for value in &kind.metadata.values {
        let _ = writeln!(
            text,
            "{} | {} | {} | {} | {}",
            value.name, value.label_ko, value.label_en, value.unit, value.icon
        );
    }
    text
}

/// A model.
#[component]
pub(super) fn VersionForm(
    form: FormState,
    known: Option<HardwareVersion>,
    back: String,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let title = match &known {
        Some(model) => {
            tu_string!(i18n, catalog.change_version, name = model.version.clone()).to_string()
        }
        None => tu_string!(i18n, catalog.add_version).to_owned(),
    };
    let own = |of: fn(&HardwareVersion) -> String| known.as_ref().map(of);
    let line = |field: &str, of: fn(&HardwareVersion) -> String| first(form, field, own(of));
    let name = own(|model| model.version.clone()).unwrap_or_default();
    let kinds = vec![
        (
            DeviceKind::Board.as_str().to_owned(),
            tu_string!(i18n, devices.board).to_owned(),
        ),
        (
            DeviceKind::Computer.as_str().to_owned(),
            tu_string!(i18n, devices.computer).to_owned(),
        ),
    ];
    let headers = PinHeader::ALL
        .iter()
        .map(|of| {
            (
                of.as_str().to_owned(),
                words::header(locale, *of).to_owned(),
            )
        })
        .collect();
    let fields = view! {
            <input type="hidden" name="known" value=name.clone()/>
            <Line id="version" name="version" label=tu_string!(i18n, catalog.version_name) form required=true
                readonly=!name.is_empty() hint=tu_string!(i18n, catalog.version_hint) value=line("version", |m| m.version.clone())/>
            <Line id="name" name="name" label=tu_string!(i18n, catalog.name) form required=true value=line("name", |m| m.name.clone())/>
            <Choice id="kind" name="kind" label=tu_string!(i18n, catalog.kind) form options=kinds
                value=line("kind", |m| m.kind.as_str().to_owned())/>
            <Choice id="header" name="header" label=tu_string!(i18n, catalog.header) form options=headers
                value=line("header", |m| m.header.as_str().to_owned())/>
            <Line id="description" name="description" label=tu_string!(i18n, catalog.description) form lines=true
                value=line("description", |m| m.description.clone().unwrap_or_default())/>
    }
    .into_any();
    view! { <Frame title form back>{fields}</Frame> }.into_any()
}

/// A variant.
#[component]
pub(super) fn VariantForm(
    form: FormState,
    known: Option<HardwareVariant>,
    back: String,
) -> impl IntoView {
    let i18n = use_i18n();
    let title = match &known {
        Some(variant) => {
            tu_string!(i18n, catalog.change_variant, name = variant.name.clone()).to_string()
        }
        None => tu_string!(i18n, catalog.add_variant).to_owned(),
    };
    let name = known.as_ref().map(|variant| variant.name.clone());
    let description = known
        .as_ref()
        .and_then(|variant| variant.description.clone());
    let id = known.as_ref().map(|variant| variant.id.to_string());
    let fields = view! {
            {id.map(|id| view! { <input type="hidden" name="known" value=id/> })}
            <Line id="name" name="name" label=tu_string!(i18n, catalog.variant) form required=true value=first(form, "name", name)/>
            <Line id="description" name="description" label=tu_string!(i18n, catalog.description) form lines=true
                value=first(form, "description", description)/>
    }
    .into_any();
    view! { <Frame title form back>{fields}</Frame> }.into_any()
}

/// A pin rule.
#[component]
pub(super) fn RuleForm(
    form: FormState,
    known: Option<PinRule>,
    back: String,
    versions: Vec<HardwareVersion>,
    variants: Vec<HardwareVariant>,
    kinds: Vec<(String, String, String)>,
    version: String,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let title = match &known {
        Some(_) => tu_string!(i18n, catalog.change_rule),
        None => tu_string!(i18n, catalog.add_rule),
    };
    let id = known.as_ref().map(|rule| rule.id.to_string());
    let wiring = known.map(|rule| rule.wiring);
    let own = |of: fn(&domain::catalog::Wiring) -> String| wiring.as_ref().map(of);
    let versions = versions
        .into_iter()
        .map(|model| (model.version, model.name))
        .collect();
    let variants = variants
        .into_iter()
        .map(|variant| plain(&variant.name))
        .collect();
    let kinds = kinds
        .into_iter()
        .map(|(kind, ko, en)| {
            let name = if locale == Locale::ko { ko } else { en };
            let words = format!("{name} ({kind})");
            (kind, words)
        })
        .collect();
    let none = (String::new(), "–".to_owned());
    let modes = std::iter::once((String::new(), tu_string!(i18n, catalog.no_pin).to_owned()))
        .chain(
            PinMode::ALL
                .iter()
                .map(|of| (of.as_str().to_owned(), words::mode(locale, *of).to_owned())),
        )
        .collect();
    let states = std::iter::once(none)
        .chain(DefaultState::ALL.iter().map(|of| plain(of.as_str())))
        .collect();
    let fields = view! {
            {id.map(|id| view! { <input type="hidden" name="known" value=id/> })}
            <Choice id="hardware_version" name="hardware_version" label=tu_string!(i18n, catalog.version) form options=versions
                value=first(form, "hardware_version", own(|w| w.hardware_version.clone()).or(Some(version)))/>
            <Choice id="hardware_variant" name="hardware_variant" label=tu_string!(i18n, catalog.variant) form options=variants
                value=first(form, "hardware_variant", own(|w| w.hardware_variant.clone()).or_else(|| Some("Standard".to_owned())))/>
            <Choice id="component_type" name="component_type" label=tu_string!(i18n, catalog.type_head) form options=kinds
                value=first(form, "component_type", own(|w| w.component_type.to_string()))/>
            <Line id="pin_number" name="pin_number" label=tu_string!(i18n, catalog.pin_number) form
                hint=tu_string!(i18n, catalog.pin_hint)
                value=first(form, "pin_number", own(|w| w.pin_number.map_or_else(String::new, |pin| pin.to_string())))/>
            <Choice id="pin_mode" name="pin_mode" label=tu_string!(i18n, catalog.mode) form options=modes
                value=first(form, "pin_mode", own(|w| w.pin_mode.map_or_else(String::new, |mode| mode.as_str().to_owned())))/>
            <Choice id="default_state" name="default_state" label=tu_string!(i18n, catalog.default_state) form options=states
                value=first(form, "default_state", own(|w| w.default_state.map_or_else(String::new, |state| state.as_str().to_owned())))/>
            <Line id="description" name="description" label=tu_string!(i18n, catalog.description) form lines=true
                value=first(form, "description", own(|w| w.description.clone().unwrap_or_default()))/>
    }
    .into_any();
    view! { <Frame title=title.to_owned() form back>{fields}</Frame> }.into_any()
}
