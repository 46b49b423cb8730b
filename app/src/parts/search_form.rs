//! The search over a list: a form whose address is the list's, so that what is found can be kept and sent.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{Draw, Icon};
use crate::i18n::use_i18n;

/// Searches a list by words, in the parameter `q`.
#[component]
pub fn SearchForm(
    /// The list's address.
    #[prop(into)]
    action: String,
    /// What may be found, as the field says it.
    #[prop(into)]
    find: String,
    /// What is looked for now.
    #[prop(into)]
    value: Signal<String>,
    /// What else narrows the list and is to stay: fields that come before the words.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <form class="filters" method="get" action=action role="search">
            {children.map(|children| children())}
            <span class="search inl">
                <Draw icon=Icon::Search/>
                <input
                    type="search"
                    name="q"
                    value=move || value.get()
                    aria-label=find.clone()
                    placeholder=find
                />
            </span>
            <button class="btn" type="submit">{tu_string!(i18n, frame.search_button)}</button>
        </form>
    }
}
