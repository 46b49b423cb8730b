//! The entries of the catalog in tables, each with its form and its end.

#![allow(
    unreachable_pub,
    reason = "the properties of a component are public to its macro"
)]

use domain::{
    Page,
    catalog::{CatalogComponent, HardwareVariant, HardwareVersion, PinRule},
};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{content::Forms, query::CatalogQuery, words};
use crate::{
    form::PostForm,
    i18n::{Locale, use_i18n},
    parts::{Empty, Icon, Pagination},
};

/// The pages of a longer list.
fn pages(query: &CatalogQuery) -> Callback<u32, String> {
    let query = query.clone();
    Callback::new(move |page| {
        CatalogQuery {
            page,
            ..query.clone()
        }
        .href()
    })
}

/// Nothing was found.
fn nothing() -> AnyView {
    let i18n = use_i18n();
    view! {
        <section class="card">
            <Empty
                icon=Icon::Search
                title=tu_string!(i18n, catalog.nothing)
                text=tu_string!(i18n, catalog.nothing_hint)
            />
        </section>
    }
    .into_any()
}

/// A table with these heads.
fn table(caption: &'static str, heads: &[&'static str], rows: Vec<AnyView>) -> AnyView {
    let i18n = use_i18n();
    let heads = heads
        .iter()
        .map(|head| view! { <th scope="col" role="columnheader">{*head}</th> })
        .collect_view();
    view! {
        <div class="tablebox">
            <table class="grid entries" role="table">
                <caption class="hide">{caption}</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        {heads}
                        <th scope="col" role="columnheader">
                            <span class="hide">{tu_string!(i18n, catalog.acts)}</span>
                        </th>
                    </tr>
                </thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// What can be done with an entry.
#[component]
fn Acts(
    query: CatalogQuery,
    forms: Forms,
    what: &'static str,
    id: String,
    edit: String,
    name: String,
) -> impl IntoView {
    let i18n = use_i18n();
    let (change, remove) = (
        tu_string!(i18n, catalog.edit),
        tu_string!(i18n, catalog.delete),
    );
    view! {
        <td role="cell" class="r">
            <span class="row acts">
                <a class="btn sm" href=query.editing(edit) aria-label=format!("{change}: {name}")>{change}</a>
                <PostForm form=forms.delete>
                    <input type="hidden" name="what" value=what/>
                    <input type="hidden" name="id" value=id/>
                    <button class="btn sm danger" type="submit" aria-label=format!("{remove}: {name}")>
                        {remove}
                    </button>
                </PostForm>
            </span>
        </td>
    }
    .into_any()
}

fn called(locale: Locale, kind: &CatalogComponent) -> String {
    match locale {
        Locale::ko => kind.display_name_ko.clone(),
        Locale::en => kind.display_name_en.clone(),
    }
}

/// Types of components.
#[component]
pub(super) fn Types(
    query: CatalogQuery,
    found: Page<CatalogComponent>,
    forms: Forms,
) -> impl IntoView {
    let i18n = use_i18n();
    if found.items.is_empty() {
        return nothing();
    }
    let locale = i18n.get_locale_untracked();
    let heads = [
        tu_string!(i18n, catalog.type_head),
        tu_string!(i18n, catalog.category),
        tu_string!(i18n, catalog.values),
        tu_string!(i18n, catalog.telemetry_category),
    ];
    let href = pages(&query);
    let rows = found
        .items
        .into_iter()
        .map(|kind| {
            let id = kind.component_type.to_string();
            let name = called(locale, &kind);
            let values: Vec<String> = kind
                .metadata
                .values
                .iter()
                .map(|value| {
                    let label = match locale {
                        Locale::ko => &value.label_ko,
                        Locale::en => &value.label_en,
                    };
                    format!("{label} {}", value.unit).trim().to_owned()
                })
                .collect();
            view! {
                <tr role="row">
                    <td role="cell" class="two"><b>{name.clone()}</b><small class="mono mut">{id.clone()}</small></td>
                    <td role="cell"><span class="tag">{words::category(locale, kind.category)}</span></td>
                    <td role="cell" class="wideonly wrap">{values.join(" · ")}</td>
                    <td role="cell" class="wideonly mut">{kind.telemetry_category}</td>
                    <Acts query=query.clone() forms what="type" edit=id.clone() id name/>
                </tr>
            }
            .into_any()
        })
        .collect();
    view! {
        <section class="card catalog">
            {table(tu_string!(i18n, catalog.types), &heads, rows)}
            <Pagination total=found.total page=found.page page_size=found.page_size href/>
        </section>
    }
    .into_any()
}

/// Models and variants.
#[component]
pub(super) fn Hardware(
    query: CatalogQuery,
    versions: Vec<HardwareVersion>,
    variants: Vec<HardwareVariant>,
    forms: Forms,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let heads = [
        tu_string!(i18n, catalog.version),
        tu_string!(i18n, catalog.kind),
        tu_string!(i18n, catalog.header),
    ];
    let models = versions
        .into_iter()
        .map(|model| {
            let id = model.version;
            let kind = match model.kind {
                domain::device::DeviceKind::Board => tu_string!(i18n, devices.board),
                domain::device::DeviceKind::Computer => tu_string!(i18n, devices.computer),
            };
            view! {
                <tr role="row">
                    <td role="cell" class="two"><b>{model.name.clone()}</b><small class="mono mut">{id.clone()}</small></td>
                    <td role="cell">{kind}</td>
                    <td role="cell" class="wideonly">{words::header(locale, model.header)}</td>
                    <Acts
                        query=query.clone()
                        forms
                        what="version"
                        edit=format!("version:{id}")
                        id
                        name=model.name
                    />
                </tr>
            }
            .into_any()
        })
        .collect();
    let equipped = variants
        .into_iter()
        .map(|variant| {
            let id = variant.id.to_string();
            let description = variant
                .description
                .or_else(|| words::built_in_variant(locale, &variant.name).map(str::to_owned));
            view! {
                <tr role="row">
                    <td role="cell"><b>{variant.name.clone()}</b></td>
                    <td role="cell" class="wideonly wrap mut">{description}</td>
                    <Acts
                        query=query.clone()
                        forms
                        what="variant"
                        edit=format!("variant:{id}")
                        id
                        name=variant.name
                    />
                </tr>
            }
            .into_any()
        })
        .collect();
    let heads_of_variants = [
        tu_string!(i18n, catalog.variant),
        tu_string!(i18n, catalog.description),
    ];
    view! {
        <section class="card catalog">
            <header><h2>{tu_string!(i18n, catalog.versions)}</h2></header>
            {table(tu_string!(i18n, catalog.versions), &heads, models)}
        </section>
        <section class="card catalog">
            <header><h2>{tu_string!(i18n, catalog.variants)}</h2></header>
            {table(tu_string!(i18n, catalog.variants), &heads_of_variants, equipped)}
        </section>
    }
    .into_any()
}

/// Pin rules.
#[component]
pub(super) fn Rules(query: CatalogQuery, found: Page<PinRule>, forms: Forms) -> impl IntoView {
    let i18n = use_i18n();
    if found.items.is_empty() {
        return nothing();
    }
    let locale = i18n.get_locale_untracked();
    let heads = [
        tu_string!(i18n, catalog.rule_head),
        tu_string!(i18n, catalog.pin),
        tu_string!(i18n, catalog.hardware),
        tu_string!(i18n, catalog.default_state),
    ];
    let href = pages(&query);
    let rows = found
        .items
        .into_iter()
        .map(|rule| {
            let (id, wiring) = (rule.id.to_string(), rule.wiring);
            let mode = wiring.pin_mode.map(|mode| words::mode(locale, mode));
            let pin = match wiring.pin_number {
                Some(pin) => format!("GPIO {pin} · {}", mode.unwrap_or_default()),
                None => tu_string!(i18n, catalog.no_pin).to_owned(),
            };
            let hardware = format!("{} · {}", wiring.hardware_version, wiring.hardware_variant);
            let name = format!("{} {pin} {hardware}", wiring.component_type);
            let state = wiring
                .default_state
                .map(domain::catalog::DefaultState::as_str);
            view! {
                <tr role="row">
                    <td role="cell" class="two">
                        <b class="mono">{wiring.component_type.to_string()}</b>
                        <small class="mut">{wiring.description}</small>
                    </td>
                    <td role="cell" class="num">{pin}</td>
                    <td role="cell">{hardware}</td>
                    <td role="cell" class="wideonly mono">{state}</td>
                    <Acts query=query.clone() forms what="rule" edit=id.clone() id name/>
                </tr>
            }
            .into_any()
        })
        .collect();
    view! {
        <section class="card catalog">
            {table(tu_string!(i18n, catalog.rules), &heads, rows)}
            <Pagination total=found.total page=found.page page_size=found.page_size href/>
        </section>
    }
    .into_any()
}
