//! The catalog: its parts as tabs; what is in them is loaded after the page.

use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::use_query_map;

use super::{
    content::content,
    query::{CatalogQuery, Part},
};
use crate::{
    i18n::use_i18n,
    parts::{ForbiddenPage, PageTitle, Tab, Tabs, later::later},
    session::use_me,
};

/// The catalog; administrators only.
#[component]
pub fn CatalogPage() -> impl IntoView {
    if use_me().role.is_admin() {
        view! { <Catalog/> }.into_any()
    } else {
        view! { <ForbiddenPage/> }.into_any()
    }
}

#[component]
fn Catalog() -> impl IntoView {
    let i18n = use_i18n();
    let address = use_query_map();
    let query = Memo::new(move |_| CatalogQuery::of(&address.read()));
    let tabs = Signal::derive(move || {
        let current = query.read().part;
        let tab = |part: Part, label: &str| Tab {
            href: format!("/catalog?tab={}", part.as_str()),
            label: label.to_owned(),
            count: None,
            current: part == current,
        };
        vec![
            tab(Part::Types, tu_string!(i18n, catalog.types)),
            tab(Part::Hardware, tu_string!(i18n, catalog.hardware)),
            tab(Part::Rules, tu_string!(i18n, catalog.rules)),
        ]
    });
    view! {
        <PageTitle text=tu_string!(i18n, frame.catalog)/>
        <div class="head">
            <h1>{tu_string!(i18n, frame.catalog)}</h1>
            <span class="meta">{tu_string!(i18n, catalog.intro)}</span>
        </div>
        <Tabs label=tu_string!(i18n, frame.catalog) tabs/>
        {later(move || content(Box::new(query)))}
    }
}
