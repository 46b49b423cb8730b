//! Who looks at the page and how: found by the server once, carried to the browser in the page.
//!
//! Signing in and out are whole page loads, so a [`Session`] never changes while a page lives.

use domain::account::Me;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{form::Flash, preferences::Preferences};

/// Tells a script that sent a form that the answer leads on to another page.
pub const SCRIPTED_REDIRECT: &str = "serverfnredirect";

/// The cookie of a browser session; its value is opaque.
pub const SESSION_COOKIE: &str = "madang_session";

/// What the server knew of this visit when it rendered the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who is signed in.
    pub me: Option<Me>,
    /// Language and theme.
    pub preferences: Preferences,
    /// What the site is called.
    pub site: String,
    /// What a form left for this page.
    pub flash: Option<Flash>,
    /// How many notices this person has not read.
    pub unread: Option<u32>,
}

/// How many notices the person of a request has not read; the server provides it.
#[derive(Debug, Clone, Copy)]
pub struct Unread(pub u32);

/// Puts the session in context; once, at the root.
pub(crate) fn provide_session() {
    let session = SharedValue::new(current).into_inner();
    provide_context(StoredValue::new(session));
}

/// The session of this page.
pub fn use_session() -> StoredValue<Session> {
    expect_context()
}

/// How many notices were not read when the page was rendered.
pub(crate) fn unread() -> Option<u32> {
    use_session().with_value(|session| session.unread)
}

/// The person signed in; only inside the guarded part of the router.
pub fn use_me() -> Me {
    use_session()
        .with_value(|session| session.me.clone())
        .unwrap_or_else(|| unreachable!("the guard renders guarded pages only for someone"))
}

#[cfg(feature = "ssr")]
fn current() -> Session {
    Session {
        me: use_context::<service::Actor>().map(|actor| actor.user),
        preferences: crate::preferences::of_request(),
        site: use_context::<service::Services>().map_or_else(
            || "Madang".to_owned(),
            |services| services.site.name.clone(),
        ),
        flash: crate::form::take_flash(),
        unread: use_context::<Unread>().map(|unread| unread.0),
    }
}

#[cfg(not(feature = "ssr"))]
fn current() -> Session {
    unreachable!("the browser reads the session from the page")
}

/// The value of a cookie of the request.
#[cfg(feature = "ssr")]
pub(crate) fn cookie(headers: &axum::http::HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(axum::http::header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}

/// Sets a cookie for the whole site, over TLS alone where the request came so; `max_age_s` of 0 removes it.
#[cfg(feature = "ssr")]
pub(crate) fn set_cookie(name: &str, value: &str, max_age_s: u32, http_only: bool) {
    use axum::http::{HeaderValue, header::SET_COOKIE};
    let hidden = if http_only { "; HttpOnly" } else { "" };
    // What a form leaves for its page may be a key that is shown once: over TLS it never travels in the clear.
    let secure = if crate::request::client().secure {
        "; Secure"
    } else {
        ""
    };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_s}; SameSite=Lax{hidden}{secure}");
    if let (Some(response), Ok(value)) = (
        use_context::<leptos_axum::ResponseOptions>(),
        HeaderValue::from_str(&text),
    ) {
        response.append_header(SET_COOKIE, value);
    }
}
