//! The language and the theme of this visit, known before the first byte is sent: no flash, no guess.
//!
//! Order: the cookie (which sign-in fills from the account's choice), then for the language the
//! browser's `Accept-Language`, then Korean; for the theme the system's.

use domain::account::{Language, Theme};
use serde::{Deserialize, Serialize};

/// The cookie that keeps the chosen language.
pub const LANGUAGE_COOKIE: &str = "madang_language";
/// The cookie that keeps the chosen theme.
pub const THEME_COOKIE: &str = "madang_theme";

/// How this visit looks and reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// The language of the page.
    pub language: Language,
    /// The theme; `System` leaves it to the browser.
    pub theme: Theme,
}

/// The best of our languages for an `Accept-Language` header (RFC 9110, 12.5.4).
pub fn negotiate(accept_language: &str) -> Language {
    accept_language
        .split(',')
        .filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = parameters
                .trim()
                .strip_prefix("q=")
                .map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())?;
            let primary = tag.trim().split('-').next()?.to_ascii_lowercase();
            let language = Language::parse(&primary)?;
            (weight > 0.0).then_some((language, weight))
        })
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map_or(Language::Korean, |(language, _)| language)
}

#[cfg(feature = "ssr")]
pub use of_request::of_request;

#[cfg(feature = "ssr")]
mod of_request {
    use axum::http::{header::ACCEPT_LANGUAGE, request::Parts};
    use domain::account::{Language, Theme};
    use leptos::prelude::use_context;

    use super::{LANGUAGE_COOKIE, Preferences, THEME_COOKIE, negotiate};
    use crate::session::cookie;

    /// The preferences of the request in context; without one, Korean and the system's theme.
    pub fn of_request() -> Preferences {
        let Some(parts) = use_context::<Parts>() else {
            return Preferences {
                language: Language::Korean,
                theme: Theme::System,
            };
        };
        let chosen =
            cookie(&parts.headers, LANGUAGE_COOKIE).and_then(|name| Language::parse(&name));
        let accepted = || {
            parts
                .headers
                .get(ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok())
                .map_or(Language::Korean, negotiate)
        };
        Preferences {
            language: chosen.unwrap_or_else(accepted),
            theme: cookie(&parts.headers, THEME_COOKIE)
                .and_then(|name| Theme::parse(&name))
                .unwrap_or(Theme::System),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_language_that_we_speak_wins() {
        assert_eq!(negotiate("en-US,en;q=0.9,ko;q=0.8"), Language::English);
        assert_eq!(negotiate("fr, en;q=0.3, ko-KR;q=0.7"), Language::Korean);
        assert_eq!(negotiate("ko;q=0, en;q=0.1"), Language::English);
        assert_eq!(negotiate(""), Language::Korean);
    }
}
