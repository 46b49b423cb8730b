//! Signing in and out, first run, registration. They post as whole page loads: a session never changes
//! under a living page.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::account::Registration;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    super::admission::{admit, dismiss},
    crate::{form::answer, request},
    service::accounts::{self, NewAccount},
};

/// What the pages before signing in must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doorway {
    /// Whether the site waits for its first administrator.
    pub needs_setup: bool,
    /// Who may make an account.
    pub registration: Registration,
}

/// How the site receives people.
#[server(prefix = "/do", endpoint = "read_doorway", input = Json, output = Json)]
pub async fn read_doorway() -> Result<Doorway, Failure> {
    let services = request::services()?;
    Ok(Doorway {
        needs_setup: accounts::needs_setup(&services).await?,
        registration: services.site.registration,
    })
}

/// Signs in and goes on to `next`.
#[server(prefix = "/do", endpoint = "sign_in")]
pub async fn sign_in(
    email: String,
    password: String,
    #[server(default)] next: String,
) -> Result<(), Failure> {
    let result = async {
        let services = request::services()?;
        let signed_in = accounts::sign_in(&services, &email, &password, &request::client()).await?;
        admit(signed_in).await
    }
    .await;
    answer(result, "sign_in", &[("email", &email)], Some(&next))
}

/// Makes the first administrator and goes on to the overview.
#[server(prefix = "/do", endpoint = "set_up")]
pub async fn set_up(
    code: String,
    name: String,
    email: String,
    password: String,
) -> Result<(), Failure> {
    let typed = [
        ("code", code.clone()),
        ("name", name.clone()),
        ("email", email.clone()),
    ];
    let result = async {
        let services = request::services()?;
        let account = NewAccount {
            email,
            name,
            password,
        };
        let signed_in =
            accounts::set_up(&services, code.trim(), account, &request::client()).await?;
        admit(signed_in).await
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(result, "set_up", &typed, Some("/"))
}

/// Makes an account with an invitation, or without one where registration is open.
#[server(prefix = "/do", endpoint = "register")]
pub async fn register(
    #[server(default)] code: String,
    name: String,
    email: String,
    password: String,
) -> Result<(), Failure> {
    let typed = [
        ("code", code.clone()),
        ("name", name.clone()),
        ("email", email.clone()),
    ];
    let result = async {
        let services = request::services()?;
        let account = NewAccount {
            email,
            name,
            password,
        };
        let code = Some(code.trim()).filter(|code| !code.is_empty());
        let signed_in = accounts::register(&services, code, account, &request::client()).await?;
        admit(signed_in).await
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(result, "register", &typed, Some("/"))
}

/// Ends the session.
#[server(prefix = "/do", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), Failure> {
    let result = match (dismiss(), request::services()) {
        (Some(token), Ok(services)) => accounts::sign_out(&services, &token).await,
        _ => Ok(()),
    };
    answer(result, "sign_out", &[], Some("/sign-in"))
}
