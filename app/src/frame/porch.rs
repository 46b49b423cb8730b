//! The frame of the pages before signing in: a quiet card, with language and theme in reach.

use leptos::prelude::*;
use leptos_router::components::Outlet;

/// Sign-in, first run and registration.
#[component]
pub fn Porch() -> impl IntoView {
    view! { <main id="main" class="porch"><Outlet/></main> }
}
