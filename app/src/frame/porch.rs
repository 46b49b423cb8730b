//! The frame of the pages before signing in: a quiet card, with language and theme in reach.

use leptos::prelude::*;
use leptos_router::components::Outlet;

use super::{
    mark::Brand,
    switches::{LanguageSwitch, ThemeSwitch},
};
use crate::{parts::Toasts, session::use_session};

/// Sign-in, first run and registration.
#[component]
pub fn Porch() -> impl IntoView {
    let site = use_session().with_value(|session| session.site.clone());
    view! {
        <div class="porch">
            <header>
                <Brand/>
                <div class="tools">
                    <LanguageSwitch/>
                    <ThemeSwitch/>
                </div>
            </header>
            <main id="main" tabindex="-1"><Outlet/></main>
            <footer>{site}</footer>
        </div>
        <Toasts/>
    }
    .into_any()
}
