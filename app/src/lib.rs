//! The interface and its server functions, compiled twice: `ssr` for the server, `hydrate` for the browser.

#![recursion_limit = "256"]

#[allow(missing_docs, clippy::pedantic, clippy::all, unreachable_pub)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/i18n/mod.rs"));
}
pub use messages::i18n;

use leptos::prelude::*;
use leptos_meta::{MetaTags, Stylesheet, Title, provide_meta_context};
use leptos_router::{
    StaticSegment,
    components::{FlatRoutes, Route, Router},
};

/// The document around every page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="ko">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The whole interface.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Stylesheet id="madang" href="/pkg/madang.css"/>
        <Title text="Madang"/>
        <i18n::I18nContextProvider>
            <Router>
                <main>
                    <FlatRoutes fallback=|| "404">
                        <Route path=StaticSegment("") view=Overview/>
                    </FlatRoutes>
                </main>
            </Router>
        </i18n::I18nContextProvider>
    }
}

#[component]
fn Overview() -> impl IntoView {
    let i18n = i18n::use_i18n();
    view! { <h1>{leptos_i18n::t!(i18n, overview)}</h1> }
}
