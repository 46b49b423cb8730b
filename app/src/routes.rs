//! Every address of the interface, in one place.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Route, Router, Routes},
    path,
};

use crate::{
    frame::{household::Household, live_mark::provide_live_slot, porch::Porch},
    i18n::I18nContextProvider,
    pages,
    parts::{NowherePage, clock::provide_clock, page_title::provide_here, toast::provide_toasts},
    preferences::LANGUAGE_COOKIE,
    session::provide_session,
};

/// The whole interface. Pages are rendered complete (`SsrMode::Async`): they read without a script.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_session();
    provide_clock();
    provide_toasts();
    provide_here();
    #[cfg(feature = "hydrate")]
    Effect::new(crate::frame::menus::listen);
    provide_live_slot();
    crate::live::provide_live();
    #[cfg(feature = "ssr")]
    language::provide();
    view! {
        <Title formatter=|text: String| if text.is_empty() { "Madang".to_owned() } else { format!("{text} · Madang") }/>
        <I18nContextProvider
            enable_cookie=false
            cookie_name=LANGUAGE_COOKIE
            ssr_lang_header_getter=language_of_request()
        >
            <Router>
                <Routes fallback=NowherePage>
                    <ParentRoute path=path!("") view=Porch ssr=SsrMode::Async>
                        <Route path=path!("sign-in") view={pages::sign_in()} ssr=SsrMode::Async/>
                        <Route path=path!("setup") view={pages::setup()} ssr=SsrMode::Async/>
                        <Route path=path!("register") view={pages::register()} ssr=SsrMode::Async/>
                    </ParentRoute>
                    <ParentRoute path=path!("") view=Household ssr=SsrMode::Async>
                        <Route path=path!("") view={pages::overview()} ssr=SsrMode::Async/>
                        <Route path=path!("devices") view={pages::device_list()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/tags") view={pages::tag_picked()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/new") view={pages::preregister()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/import") view={pages::import()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/imports/:id") view={pages::import_progress()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/imports/:id/labels") view={pages::labels()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/:id") view={pages::device()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/:id/debug") view={pages::debug()} ssr=SsrMode::Async/>
                        <Route path=path!("devices/:id/wifi") view={pages::wifi()} ssr=SsrMode::Async/>
                        <Route path=path!("charts") view={pages::charts()} ssr=SsrMode::Async/>
                        <Route path=path!("jobs") view={pages::job_list()} ssr=SsrMode::Async/>
                        <Route path=path!("jobs/new") view={pages::new_job()} ssr=SsrMode::Async/>
                        <Route path=path!("jobs/:id") view={pages::job()} ssr=SsrMode::Async/>
                        <Route path=path!("claim") view={pages::claim()} ssr=SsrMode::Async/>
                        <Route path=path!("identity") view={pages::identity()} ssr=SsrMode::Async/>
                        <Route path=path!("identity/:id") view={pages::finding()} ssr=SsrMode::Async/>
                        <Route path=path!("notices") view={pages::notices()} ssr=SsrMode::Async/>
                        <Route path=path!("catalog") view={pages::catalog()} ssr=SsrMode::Async/>
                        <Route path=path!("users") view={pages::users()} ssr=SsrMode::Async/>
                        <Route path=path!("account") view={pages::account()} ssr=SsrMode::Async/>
                    </ParentRoute>
                </Routes>
            </Router>
        </I18nContextProvider>
    }
}

#[cfg(feature = "ssr")]
fn language_of_request() -> leptos_i18n::context::UseLocalesOptions {
    language::of_request()
}

#[cfg(not(feature = "ssr"))]
fn language_of_request() -> leptos_i18n::context::UseLocalesOptions {
    leptos_i18n::context::UseLocalesOptions::default()
}

#[cfg(feature = "ssr")]
mod language {
    use leptos::prelude::*;
    use leptos_i18n::context::{
        I18nContextOptions, UseLocalesOptions, init_i18n_context_with_options,
    };

    use crate::i18n::Locale;

    pub(super) fn of_request() -> UseLocalesOptions {
        let language = crate::preferences::of_request().language.as_str();
        UseLocalesOptions::default().ssr_lang_header_getter(move || Some(language.to_owned()))
    }

    /// Puts the language in context, for the provider to find.
    ///
    /// The library looks after a change of it by an effect, which runs on the server too, in a task of its
    /// own: where the page is rendered or dropped before that, what it reads is gone, and it panics. No
    /// language changes while a page is rendered, and the effects of an owner that is paused never run.
    pub(super) fn provide() {
        let owner = Owner::current().unwrap_or_default().child();
        let options = I18nContextOptions::<Locale>::default()
            .enable_cookie(false)
            .ssr_lang_header_getter(of_request());
        let language = owner.with(|| init_i18n_context_with_options(options));
        // Before this task lets go of its thread: the effect's waits in the same queue.
        owner.pause();
        provide_context(language);
        // What was made in it lives as long as the page.
        StoredValue::new(owner);
    }
}
