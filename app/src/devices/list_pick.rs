//! Devices picked in the list, to send them one command: some of the page, or all that were found.
//!
//! The boxes of the rows belong to a form below them, so that picking works without a script too.

use domain::DeviceId;
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::location::Url;

use crate::{
    i18n::use_i18n,
    parts::{Draw, Icon, number::grouped},
};

/// What is picked; it outlives the rows, which are drawn anew with every change.
///
/// A plain list, each device once: a browser loads no tree for the few that a hand can tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picked(pub(super) RwSignal<Vec<DeviceId>>);

impl Default for Picked {
    fn default() -> Self {
        Self(RwSignal::new(Vec::new()))
    }
}

impl Picked {
    /// Follows a box that was ticked or not.
    pub(super) fn note(self, event: &leptos::ev::Event) {
        #[cfg(feature = "hydrate")]
        {
            use wasm_bindgen::JsCast as _;
            let input = event.target().and_then(|target| target.dyn_into().ok());
            let Some::<web_sys::HtmlInputElement>(input) = input else {
                return;
            };
            if let Ok(id) = input.value().parse::<DeviceId>() {
                self.0.update(|picked| {
                    picked.retain(|other| *other != id);
                    if input.checked() {
                        picked.push(id);
                    }
                });
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (self, event);
    }
}

/// What can be done with those that are picked, and with all `total` that the filter finds.
pub(super) fn bar(filter: &str, total: u64, picked: Picked) -> AnyView {
    let i18n = use_i18n();
    let all = format!("/jobs/new?filter={}", Url::escape(filter));
    let n = grouped(total);
    let count = move || Some(picked.0.read().len()).filter(|count| *count > 0);
    view! {
        <form id="pick" class="bulk" class:some=move || count().is_some() method="get" action="/jobs/new">
            <button class="btn sm" type="submit">
                <Draw icon=Icon::Terminal/>
                {tu_string!(i18n, jobs.picked)}
                {move || count().map(|count| view! { <span class="num">{count}</span> })}
            </button>
            <a class="btn ghost sm" href=all>
                {tu_string!(i18n, jobs.act_all, n = n)}
            </a>
            <span class="mut xs wideonly">{tu_string!(i18n, jobs.pick_hint)}</span>
        </form>
    }
    .into_any()
}
