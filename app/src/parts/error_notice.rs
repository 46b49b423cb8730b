//! An error in its place: what happened, what to do, and the id that finds the log line.

use domain::AppError;
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::{
    hooks::use_location,
    location::{Location, Url},
};

use super::{Mark, error_text, status_mark::Shape};
use crate::i18n::use_i18n;

/// Shows an error while there is one; spoken at once.
#[component]
pub fn ErrorNotice(
    /// The error.
    #[prop(into)]
    error: Signal<Option<AppError>>,
) -> impl IntoView {
    let i18n = use_i18n();
    let Location {
        pathname, search, ..
    } = use_location();
    let here = move || match search.get_untracked().as_str() {
        "" => pathname.get_untracked(),
        search => format!("{}?{search}", pathname.get_untracked()),
    };
    view! {
        <div role="alert">
            {move || {
                error.get().map(|error| {
                    let locale = i18n.get_locale_untracked();
                    let id = match &error {
                        AppError::Internal { request_id } => Some(request_id.clone()),
                        _ => None,
                    };
                    let told = error_text::told(locale, &error);
                    // Elsewhere, so that what was typed here is still there afterwards.
                    let sign_in = matches!(error, AppError::SignedOut).then(|| view! {
                        <a class="btn sm" href=format!("/sign-in?next={}", Url::escape(&here())) target="_blank">
                            {tu_string!(i18n, errors.sign_in_again)}
                        </a>
                    });
                    view! {
                        <div class="banner bad">
                            <Shape mark=Mark::Failed/>
                            <b>{error_text::title(locale, &error)}</b>
                            <span>{move || told.get()}</span>
                            {sign_in}
                            {id.map(|id| view! {
                                <span class="xs mut">
                                    {tu_string!(i18n, errors.request_id)} " " <code>{id}</code>
                                </span>
                            })}
                        </div>
                    }
                })
            }}
        </div>
    }
    .into_any()
}
