//! The mark of the house: the plan of a courtyard with its gate, which is also the first letter of 마당.

use leptos::prelude::*;

/// The mark and the name, leading to the overview.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/" aria-label="Madang 마당">
            <svg viewBox="0 0 20 20" aria-hidden="true">
                <path d="M11.5 17.5h-9v-15h15v15H15" fill="none" stroke="var(--ink)" stroke-width="2.6"></path>
                <rect x="7" y="7" width="6" height="6" fill="var(--jade)"></rect>
            </svg>
            <b>"Madang"</b>
            <small lang="ko">"마당"</small>
        </a>
        <div class="beam" aria-hidden="true"><i></i><i></i><i></i><i></i><i></i></div>
    }
}
