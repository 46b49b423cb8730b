//! Tabs are links: each view of a page has an address.

use leptos::prelude::*;

/// One tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab {
    /// Where it leads.
    pub href: String,
    /// Its name.
    pub label: String,
    /// How many are in it.
    pub count: Option<String>,
    /// Whether it is shown.
    pub current: bool,
}

/// A row of tabs.
#[component]
pub fn Tabs(
    /// What they choose between.
    #[prop(into)]
    label: String,
    /// The tabs, in order.
    #[prop(into)]
    tabs: Signal<Vec<Tab>>,
) -> impl IntoView {
    view! {
        <nav class="tabs" aria-label=label>
            {move || {
                tabs.get()
                    .into_iter()
                    .map(|tab| {
                        view! {
                            <a href=tab.href aria-current=tab.current.then_some("page")>
                                {tab.label}
                                {tab.count.map(|count| view! { <span class="n">{count}</span> })}
                            </a>
                        }
                    })
                    .collect_view()
            }}
        </nav>
    }
}
