//! The frame of a signed-in person, and the guard in front of it.

use leptos::prelude::*;
use leptos_router::{
    components::{Outlet, Redirect},
    hooks::use_location,
};

use crate::session::use_session;

/// Where someone goes who must sign in first; `next` leads back.
pub fn sign_in_address(next: &str) -> String {
    format!(
        "/sign-in?next={}",
        leptos_router::location::Url::escape(next)
    )
}

/// Shows the pages to whoever is signed in; sends everyone else to sign in and back.
#[component]
pub fn Household() -> impl IntoView {
    if use_session().with_value(|session| session.me.is_some()) {
        view! { <main id="main" tabindex="-1"><Outlet/></main> }.into_any()
    } else {
        let location = use_location();
        let query = location.search.get_untracked();
        let mut here = location.pathname.get_untracked();
        if !query.is_empty() {
            here.push('?');
            here.push_str(&query);
        }
        view! { <Redirect path=sign_in_address(&here)/> }.into_any()
    }
}
