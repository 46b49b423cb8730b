//! One's own account: what one is called, and how the interface looks and reads.

use domain::{
    AppError,
    account::{Language, Theme},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, TransactionTrait};
use serde_json::json;

use super::{Client, password, session, token};
use crate::{Actor, Services, audit, internal, names};

/// A person's choices; `None` leaves it to their browser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    /// The language of the interface.
    pub language: Option<Language>,
    /// The theme of the interface.
    pub theme: Option<Theme>,
}

/// What a person chose, on whatever machine.
pub async fn choices(services: &Services, actor: &Actor) -> Result<Choices, AppError> {
    let row = entity::user::Entity::find_by_id(actor.user.id.0)
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::SignedOut)?;
    Ok(Choices {
        language: row.language.as_deref().and_then(Language::parse),
        theme: row.theme.as_deref().and_then(Theme::parse),
    })
}

/// Keeps a person's choices; `None` leaves a choice as it is.
pub async fn choose(services: &Services, actor: &Actor, choices: Choices) -> Result<(), AppError> {
    let mut row = entity::user::ActiveModel {
        id: Set(actor.user.id.0),
        ..Default::default()
    };
    if let Some(language) = choices.language {
        row.language = Set(Some(language.as_str().to_owned()));
    }
    if let Some(theme) = choices.theme {
        row.theme = Set(Some(theme.as_str().to_owned()));
    }
    if row.is_changed() {
        row.update(&services.db.write).await.map_err(internal)?;
    }
    Ok(())
}

/// Changes what a person is called: 1 to 80 characters.
pub async fn rename(services: &Services, actor: &Actor, name: &str) -> Result<(), AppError> {
    let name = names::checked("name", name, 80)?;
    let row = entity::user::ActiveModel {
        id: Set(actor.user.id.0),
        name: Set(name),
        ..Default::default()
    };
    row.update(&services.db.write).await.map_err(internal)?;
    Ok(())
}

/// Changes a person's password, given the one they have; every other session and token of theirs ends.
pub async fn change_password(
    services: &Services,
    actor: &Actor,
    client: &Client,
    session_token: &str,
    current: &str,
    new: &str,
) -> Result<(), AppError> {
    password::check_new(new)?;
    let email = actor.user.email.as_str();
    session::check_password(services, email, current, client)
        .await
        .map_err(|error| match error {
            AppError::Invalid { .. } => AppError::invalid("current", "wrong_current_password"),
            other => other,
        })?;
    let row = entity::user::ActiveModel {
        id: Set(actor.user.id.0),
        password_hash: Set(password::hash(services, new).await?),
        ..Default::default()
    };
    let transaction = services.db.write.begin().await.map_err(internal)?;
    row.update(&transaction).await.map_err(internal)?;
    let action = "change_password";
    audit::record(services, &transaction, actor, action, None, json!({})).await?;
    // With the password or not at all: whoever knew the old one must not stay in.
    session::end_others(&transaction, actor, session_token).await?;
    token::end_all(&transaction, actor.user.id).await?;
    transaction.commit().await.map_err(internal)
}
