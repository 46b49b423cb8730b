//! The session cookie: given when someone signs in, taken when they sign out.

use axum::http::{HeaderValue, header::SET_COOKIE, request::Parts};
use domain::AppError;
use leptos::prelude::use_context;
use service::{
    Actor,
    accounts::{SignedIn, profile},
};

use super::preferences::remember;
use crate::{
    request,
    session::{SESSION_COOKIE, cookie},
};

/// As long as browsers keep a cookie (RFC 6265bis); the server ends a session that is not used.
const LIFETIME_S: u32 = 400 * 24 * 3600;

/// Gives the browser its session, and the language and theme that the person chose elsewhere.
pub(super) async fn admit(signed_in: SignedIn) -> Result<(), AppError> {
    give(&signed_in.token, LIFETIME_S);
    let client = request::client();
    let actor = Actor {
        user: signed_in.me,
        address: client.address,
    };
    let choices = profile::choices(&request::services()?, &actor).await?;
    remember(choices.language, choices.theme);
    Ok(())
}

/// Takes the session from the browser; gives its value, where there was one.
pub(super) fn dismiss() -> Option<String> {
    let token = token().ok();
    give("", 0);
    token
}

/// The session that asks.
pub(super) fn token() -> Result<String, AppError> {
    use_context::<Parts>()
        .and_then(|parts| cookie(&parts.headers, SESSION_COOKIE))
        .ok_or(AppError::SignedOut)
}

fn give(token: &str, max_age_s: u32) {
    // Over TLS the cookie never travels in the clear; plain HTTP is served on loopback alone.
    let secure = request::client().secure;
    let guard = if secure { "; Secure" } else { "" };
    let text = format!(
        "{SESSION_COOKIE}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{guard}"
    );
    if let (Some(response), Ok(value)) = (
        use_context::<leptos_axum::ResponseOptions>(),
        HeaderValue::from_str(&text),
    ) {
        response.append_header(SET_COOKIE, value);
    }
}
