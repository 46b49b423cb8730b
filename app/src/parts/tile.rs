//! One value, large, with what it is above and what to think of it below.

use leptos::prelude::*;

use super::{Draw, Icon};

/// A card with a name, a value with its unit, and a line about it.
#[component]
pub fn Tile(
    /// The picture beside the name.
    icon: Icon,
    /// The name.
    #[prop(into)]
    label: Signal<String>,
    /// A technical key, such as the component's.
    #[prop(optional, into)]
    key_name: Option<String>,
    /// Whether the value is out of bounds.
    #[prop(optional, into)]
    bad: Signal<bool>,
    /// Whether the value is old: kept, hatched.
    #[prop(optional, into)]
    stale: Signal<bool>,
    /// The line below.
    #[prop(optional, into)]
    foot: ViewFn,
    /// The value: text, `<small>` unit, a sparkline or a switch.
    children: Children,
) -> impl IntoView {
    view! {
        <section
            class="card tile"
            class:bad=move || bad.get()
            class:stale=move || stale.get()
        >
            <div class="th">
                <Draw icon/>
                <span class="ell" title=move || label.get()>{move || label.get()}</span>
                {key_name.map(|key| view! { <span class="mono" title=key.clone()>{key.clone()}</span> })}
            </div>
            <div class="tv">{children()}</div>
            <div class="tf">{foot.run()}</div>
        </section>
    }
}
