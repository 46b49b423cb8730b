//! Keeping the language and the theme: in cookies for the next page, in the account for the next machine.

use domain::{
    AppError,
    account::{Language, Theme},
};
use leptos::prelude::use_context;
use service::{Actor, accounts::profile};

use crate::{
    preferences::{LANGUAGE_COOKIE, THEME_COOKIE},
    request,
    session::set_cookie,
};

const YEAR_S: u32 = 365 * 24 * 3600;

/// Keeps a choice; `None` leaves it as it is.
pub(crate) async fn keep(language: Option<Language>, theme: Option<Theme>) -> Result<(), AppError> {
    remember(language, theme);
    match use_context::<Actor>() {
        Some(actor) => {
            let choices = profile::Choices { language, theme };
            profile::choose(&request::services()?, &actor, choices).await
        }
        None => Ok(()),
    }
}

/// Sets the cookies of the choices that were made.
pub(crate) fn remember(language: Option<Language>, theme: Option<Theme>) {
    if let Some(language) = language {
        set_cookie(LANGUAGE_COOKIE, language.as_str(), YEAR_S, true);
    }
    if let Some(theme) = theme {
        set_cookie(THEME_COOKIE, theme.as_str(), YEAR_S, true);
    }
}
