//! The document around every page: theme and language are set before the first paint.

use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::routes::App;

/// The HTML document; `lang` on `<html>` comes from the language provider inside [`App`].
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html data-theme=theme()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#FAF8F4"/>
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#11161C"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="preload" href="/fonts/madang.woff2" r#as="font" type="font/woff2" crossorigin="anonymous"/>
                <link rel="stylesheet" href="/pkg/madang.css"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

#[cfg(feature = "ssr")]
fn theme() -> Option<&'static str> {
    use domain::account::Theme;
    match crate::preferences::of_request().theme {
        Theme::System => None,
        theme => Some(theme.as_str()),
    }
}

#[cfg(not(feature = "ssr"))]
fn theme() -> Option<&'static str> {
    None
}
