//! What people do to their own account.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    TimestampMs,
    account::{AppInfo, SessionInfo},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    super::admission::token,
    crate::{
        form::{answer, answer_with},
        request,
    },
    domain::AppError,
    service::accounts::{self, address, api_key, apps, profile},
};

/// Changes one's own name.
#[server(prefix = "/do", endpoint = "rename_me")]
pub async fn rename_me(name: String) -> Result<(), Failure> {
    let result = async {
        let actor = request::actor()?;
        profile::rename(&request::services()?, &actor, &name).await
    }
    .await;
    answer(result, "rename_me", &[("name", &name)], None)
}

/// Changes one's own address; gives it as it is kept.
#[server(prefix = "/do", endpoint = "change_address")]
pub async fn change_address(
    new_email: String,
    address_password: String,
) -> Result<Option<String>, Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let client = request::client();
        address::change(&services, &actor, &client, &address_password, &new_email)
            .await
            .map(|email| email.to_string())
            .map_err(|error| match error {
                AppError::Invalid { field, message } => match field.as_str() {
                    "password" => AppError::invalid("address_password", message),
                    _ => AppError::invalid("new_email", message),
                },
                other => other,
            })
    }
    .await;
    answer_with(result, "change_address", &[("new_email", &new_email)])
}

/// Changes one's own password; every other session ends.
#[server(prefix = "/do", endpoint = "change_password")]
pub async fn change_password(current: String, password: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let client = request::client();
        profile::change_password(&services, &actor, &client, &token()?, &current, &password).await
    }
    .await;
    answer(result, "change_password", &[], None)
}

/// Deletes one's own account and gives one's devices up.
#[server(prefix = "/do", endpoint = "delete_account")]
pub async fn delete_account(own_password: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        accounts::delete_account(&services, &actor, &request::client(), &own_password)
            .await
            .map_err(|error| match error {
                AppError::Invalid { .. } => {
                    AppError::invalid("own_password", "wrong_current_password")
                }
                other => other,
            })
    }
    .await;
    answer(result, "delete_account", &[], Some("/sign-in"))
}

/// Where one is signed in.
#[server(prefix = "/do", endpoint = "list_sessions", input = Json, output = Json)]
pub async fn list_sessions() -> Result<Vec<SessionInfo>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    Ok(accounts::list_sessions(&services, &actor, &token()?).await?)
}

/// Signs out in another browser.
#[server(prefix = "/do", endpoint = "end_session")]
pub async fn end_session(id: String) -> Result<(), Failure> {
    let result = async {
        let actor = request::actor()?;
        accounts::end_session(&request::services()?, &actor, &id).await
    }
    .await;
    answer(result, "end_session", &[], None)
}

/// Signs out everywhere but here.
#[server(prefix = "/do", endpoint = "end_other_sessions")]
pub async fn end_other_sessions() -> Result<(), Failure> {
    let result = async {
        let actor = request::actor()?;
        accounts::end_other_sessions(&request::services()?, &actor, &token()?).await
    }
    .await;
    answer(result.map(|_| ()), "end_other_sessions", &[], None)
}

/// The apps that may connect to the broker for one.
#[server(prefix = "/do", endpoint = "list_apps", input = Json, output = Json)]
pub async fn list_apps() -> Result<Vec<AppInfo>, Failure> {
    Ok(apps::list(&request::services()?, &request::actor()?).await?)
}

/// Ends one of one's apps.
#[server(prefix = "/do", endpoint = "revoke_app")]
pub async fn revoke_app(id: String) -> Result<(), Failure> {
    let result = async {
        let actor = request::actor()?;
        apps::revoke(&request::services()?, &actor, &id).await
    }
    .await;
    answer(result, "revoke_app", &[], None)
}

/// An API key as its owner sees it later: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created_at: TimestampMs,
    /// When it was last used.
    pub last_used_at: Option<TimestampMs>,
}

/// One's API keys that work.
#[server(prefix = "/do", endpoint = "list_keys", input = Json, output = Json)]
pub async fn list_keys() -> Result<Vec<KeyInfo>, Failure> {
    let keys = api_key::list(&request::services()?, &request::actor()?).await?;
    let keys = keys.into_iter().map(|key| KeyInfo {
        id: key.id.to_string(),
        name: key.name,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
    });
    Ok(keys.collect())
}

/// A new API key, which is shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeKey {
    /// Its id.
    pub id: String,
    /// For `X-API-Key`.
    pub key: String,
}

/// Makes an API key.
///
/// A plain post gets nothing here: the page that follows shows the key.
#[server(prefix = "/do", endpoint = "create_key")]
pub async fn create_key(key_name: String) -> Result<Option<MadeKey>, Failure> {
    let result = async {
        let actor = request::actor()?;
        api_key::create(&request::services()?, &actor, &key_name)
            .await
            .map(|made| MadeKey {
                id: made.listed.id.to_string(),
                key: made.key,
            })
            .map_err(|error| match error {
                AppError::Invalid { message, .. } => AppError::invalid("key_name", message),
                other => other,
            })
    }
    .await;
    answer_with(result, "create_key", &[("key_name", &key_name)])
}

/// Ends one of one's API keys; gives which, so that it is not shown any longer.
#[server(prefix = "/do", endpoint = "revoke_key")]
pub async fn revoke_key(id: String) -> Result<Option<String>, Failure> {
    let result = async {
        let key = id.parse().map_err(|_| AppError::NotFound)?;
        api_key::revoke(&request::services()?, &request::actor()?, key).await
    }
    .await;
    answer_with(result.map(|()| id), "revoke_key", &[])
}
