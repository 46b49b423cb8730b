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

    /// Ticks every box of the page, or none of them.
    pub(super) fn tick_page(self, ticked: bool) {
        #[cfg(feature = "hydrate")]
        self.0.update(|picked| {
            for (input, id) in boxes() {
                input.set_checked(ticked);
                picked.retain(|other| *other != id);
                if ticked {
                    picked.push(id);
                }
            }
        });
        #[cfg(not(feature = "hydrate"))]
        let _ = (self, ticked);
    }

    /// Lets go of all, those of other pages too.
    fn clear(self) {
        self.tick_page(false);
        self.0.set(Vec::new());
    }

    /// The same rows with the boxes ticked of those that are picked.
    pub(super) fn tick(self, mut rows: String) -> String {
        for id in self.0.read_untracked().iter() {
            let open = open_box(*id);
            rows = rows.replacen(&open, &format!("{open} checked"), 1);
        }
        rows
    }

    /// Takes over what was ticked before the page came to life.
    #[cfg(feature = "hydrate")]
    pub(super) fn take_over(self) {
        let ticked = boxes().into_iter().filter(|(input, _)| input.checked());
        let ticked: Vec<_> = ticked.map(|(_, id)| id).collect();
        let known = |id: &DeviceId| self.0.read_untracked().contains(id);
        let new: Vec<_> = ticked.into_iter().filter(|id| !known(id)).collect();
        if !new.is_empty() {
            self.0.update(|picked| picked.extend(new));
        }
    }
}

/// How the box of a device begins in the markup of its row. Nothing that somebody has written has a `<` there.
pub(super) fn open_box(id: DeviceId) -> String {
    format!(r#"<input type="checkbox" form="pick" name="device" value="{id}""#)
}

/// The boxes of the rows on the page, and of which device each is.
#[cfg(feature = "hydrate")]
fn boxes() -> Vec<(web_sys::HtmlInputElement, DeviceId)> {
    use wasm_bindgen::JsCast as _;
    let Ok(all) = document().query_selector_all("input[form=pick]") else {
        return Vec::new();
    };
    let all = (0..all.length()).filter_map(|index| all.item(index)?.dyn_into().ok());
    all.filter_map(|input: web_sys::HtmlInputElement| {
        let id = input.value().parse().ok()?;
        Some((input, id))
    })
    .collect()
}

/// What can be done with those that are picked, and with all `total` that the filter finds. Those that are
/// `shown` have boxes of their own in the form.
pub(super) fn bar(
    filter: &str,
    total: u64,
    picked: Picked,
    shown: RwSignal<Vec<DeviceId>>,
) -> AnyView {
    let i18n = use_i18n();
    let all = format!("/jobs/new?filter={}", Url::escape(filter));
    let n = grouped(total);
    let count = move || Some(picked.0.read().len()).filter(|count| *count > 0);
    let elsewhere = move || {
        let (picked, shown) = (picked.0.read(), shown.read());
        let others = picked.iter().filter(|id| !shown.contains(id));
        others
            .map(|id| view! { <input type="hidden" name="device" value=id.to_string()/> })
            .collect_view()
    };
    view! {
        <form id="pick" method="get" action="/jobs/new">
            {elsewhere}
            <button class="btn sm of-picked" type="submit">
                <Draw icon=Icon::Terminal/>
                {tu_string!(i18n, jobs.picked)}
                {move || count().map(|count| view! { <span class="num">{count}</span> })}
            </button>
            <a class="btn ghost sm" href=all>
                {tu_string!(i18n, jobs.act_all, n = n)}
            </a>
        </form>
    }
    .into_any()
}

/// Leads on to the tags of those that are picked. Where a script runs, the form that tags follows the boxes itself.
pub(super) fn tag() -> AnyView {
    let i18n = use_i18n();
    view! {
        <button
            class="btn ghost sm of-picked unscripted"
            type="submit"
            form="pick"
            formaction="/devices/tags"
        >
            {tu_string!(i18n, finding.tag_chosen)}
        </button>
    }
    .into_any()
}

/// Lets go of what is picked; says how to pick while nothing is.
pub(super) fn clear(picked: Picked) -> AnyView {
    let i18n = use_i18n();
    let none = move || picked.0.read().is_empty();
    view! {
        // Without a script it is the browser that unticks the boxes.
        <button
            class="btn ghost sm of-picked"
            type="reset"
            form="pick"
            on:click=move |event| {
                event.prevent_default();
                picked.clear();
            }
        >
            {tu_string!(i18n, jobs.pick_none)}
        </button>
        {move || {
            none()
                .then(|| view! { <span class="mut xs wideonly">{tu_string!(i18n, jobs.pick_hint)}</span> })
        }}
    }
    .into_any()
}
