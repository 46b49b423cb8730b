//! Whole pages for what is not there or not allowed; they answer with the status that says the same.

use domain::AppError;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::error_text;
use crate::{
    i18n::use_i18n,
    parts::{CopyButton, PageTitle},
};

/// An error as a page of its own: what happened, what to do, the way back.
#[component]
pub fn ProblemPage(
    /// The error.
    error: AppError,
) -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let (Some(response), Ok(status)) = (
        use_context::<leptos_axum::ResponseOptions>(),
        axum::http::StatusCode::from_u16(error.status()),
    ) {
        response.set_status(status);
    }
    let i18n = use_i18n();
    let id = match &error {
        AppError::Internal { request_id } => Some(request_id.clone()),
        _ => None,
    };
    let locale = i18n.get_locale_untracked();
    let title = error_text::title(locale, &error);
    let told = error_text::told(locale, &error);
    view! {
        <PageTitle text=title.clone()/>
        <div class="problem">
            <h1>{title}</h1>
            <p>{move || told.get()}</p>
            {id.map(|id| view! {
                <p class="row">
                    <span class="xs mut">{tu_string!(i18n, errors.request_id)}</span>
                    <code>{id.clone()}</code>
                    <CopyButton text=id/>
                </p>
            })}
            <p class="row">
                <a class="btn pri" href="/">{tu_string!(i18n, errors.back_overview)}</a>
            </p>
        </div>
    }
}

/// What the page is about is not there, or the person may not know of it; answers 404.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! { <ProblemPage error=AppError::NotFound/> }
}

/// There is no such address, so no frame either; answers 404.
#[component]
pub fn NowherePage() -> impl IntoView {
    view! { <main id="main"><NotFoundPage/></main> }
}

/// The person may not open this page; answers 403.
#[component]
pub fn ForbiddenPage() -> impl IntoView {
    view! { <ProblemPage error=AppError::Forbidden/> }
}
