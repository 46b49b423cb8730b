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
    title: String,
    /// What to do about it.
    #[prop(into)]
    text: String,
    /// The button.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty lattice">
            <div>
                <Draw icon/>
                <p class="strong">{title}</p>
                <p class="sub">{text}</p>
                {children.map(|children| children())}
            </div>
        </div>
    }
}
