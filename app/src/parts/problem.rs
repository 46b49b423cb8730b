//! Whole pages for what is not there or not allowed.

use leptos::prelude::*;
use leptos_i18n::t;

use crate::i18n::use_i18n;

/// There is no such address, or the person may not know of it; answers 404.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    let i18n = use_i18n();
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    view! {
        <main id="main" class="problem">
            <h1>{t!(i18n, errors.not_found_title)}</h1>
            <p>{t!(i18n, errors.not_found)}</p>
            <a class="btn pri" href="/">{t!(i18n, errors.back_overview)}</a>
        </main>
    }
}
