//! What a list says when nothing is in it: the lattice of a paper door, one sentence, the next step.

use leptos::prelude::*;

use super::{Draw, Icon};

/// Teaches the next step; `children` hold the button that does it.
#[component]
pub fn Empty(
    /// The picture.
    icon: Icon,
    /// What is missing.
    #[prop(into)]
    title: Signal<String>,
    /// What to do about it.
    #[prop(into)]
    text: Signal<String>,
    /// The button.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty lattice">
            <div>
                <Draw icon/>
                <p class="strong">{move || title.get()}</p>
                <p class="sub">{move || text.get()}</p>
                {children.map(|children| children())}
            </div>
        </div>
    }
}
