//! The frame of a signed-in person, and the guard in front of it.

use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::{
    components::{Outlet, Redirect},
    hooks::use_location,
    location::Url,
};

use super::{
    keys, palette,
    rail::{BottomBar, Rail},
    top_bar::TopBar,
};
use crate::{
    i18n::use_i18n,
    parts::{Toasts, later::when},
    session::use_session,
};

/// Where someone goes who must sign in first; `next` leads back.
pub fn sign_in_address(next: &str) -> String {
    format!("/sign-in?next={}", Url::escape(next))
}

/// Shows the pages to whoever is signed in; sends everyone else to sign in and back.
#[component]
pub fn Household() -> impl IntoView {
    if use_session().with_value(|session| session.me.is_some()) {
        return view! { <Frame/> }.into_any();
    }
    let location = use_location();
    let query = location.search.get_untracked();
    let mut here = location.pathname.get_untracked();
    if !query.is_empty() {
        here.push('?');
        here.push_str(&query);
    }
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        // Also for clients that do not say that they accept HTML.
        response.set_status(axum::http::StatusCode::FOUND);
    }
    view! { <Redirect path=sign_in_address(&here)/> }.into_any()
}

#[component]
fn Frame() -> impl IntoView {
    let i18n = use_i18n();
    let search = RwSignal::new(false);
    let help = RwSignal::new(false);
    Effect::new(move || keys::listen(help, search));
    view! {
        <a class="skip" href="#main">{tu_string!(i18n, frame.skip)}</a>
        <div class="app">
            <Rail/>
            <TopBar palette=search/>
            <main id="main" tabindex="-1"><Outlet/></main>
            <BottomBar/>
        </div>
        {when(move || search.get(), move || palette::palette(search))}
        {when(move || help.get(), move || keys::keys_dialog(help))}
        <Toasts/>
    }
}
