//! What administrators do with people: see them, give roles, let them in or not, invite.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    Page, UserId,
    account::{Invitation, UserSummary},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{
        form::{answer, answer_with},
        request,
    },
    domain::{AppError, Email, role::SiteRole},
    service::accounts,
};

/// One page of the people, found by name or address.
#[server(prefix = "/do", endpoint = "list_users", input = Json, output = Json)]
pub async fn list_users(search: String, page: u32) -> Result<Page<UserSummary>, Failure> {
    let admin = request::actor()?.require_admin()?;
    Ok(accounts::list_users(&request::services()?, &admin, search.trim(), page.max(1)).await?)
}

/// The invitations that may still be used.
#[server(prefix = "/do", endpoint = "list_invitations", input = Json, output = Json)]
pub async fn list_invitations() -> Result<Vec<Invitation>, Failure> {
    let admin = request::actor()?.require_admin()?;
    Ok(accounts::list_invitations(&request::services()?, &admin).await?)
}

/// Gives a person another role.
#[server(prefix = "/do", endpoint = "set_role")]
pub async fn set_role(user: UserId, role: String) -> Result<(), Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let role = SiteRole::parse(&role).ok_or_else(|| AppError::invalid("role", "invalid"))?;
        accounts::set_role(&request::services()?, &admin, user, role).await
    }
    .await;
    answer(result, "set_role", &[], None)
}

/// Lets a person sign in, or not.
#[server(prefix = "/do", endpoint = "set_active")]
pub async fn set_active(user: UserId, active: bool) -> Result<(), Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        accounts::set_active(&request::services()?, &admin, user, active).await
    }
    .await;
    answer(result, "set_active", &[], None)
}

/// A new invitation, whose link is shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// Where the invited person makes their account.
    pub link: String,
    /// Who it is for, where it is for one person.
    pub email: String,
}

/// Invites someone; an empty address makes a link that works for anyone who holds it.
///
/// A plain post gets nothing here: the page that follows shows the link.
#[server(prefix = "/do", endpoint = "invite_user")]
pub async fn invite_user(email: String, role: String) -> Result<Option<Invited>, Failure> {
    let chosen = role.clone();
    let result = async {
        let services = request::services()?;
        let admin = request::actor()?.require_admin()?;
        let role = SiteRole::parse(&role).ok_or_else(|| AppError::invalid("role", "invalid"))?;
        let address: Option<Email> = match email.trim() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| AppError::invalid("email", "email"))?,
            ),
        };
        let code = accounts::invite(&services, &admin, address, role).await?;
        Ok(Invited {
            link: format!("{}/register?code={code}", services.site.public_url),
            email: email.trim().to_owned(),
        })
    }
    .await;
    answer_with(
        result,
        "invite_user",
        &[("email", &email), ("role", &chosen)],
    )
}

/// Takes an invitation back.
#[server(prefix = "/do", endpoint = "withdraw_invitation")]
pub async fn withdraw_invitation(id: String) -> Result<(), Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        accounts::withdraw_invitation(&request::services()?, &admin, &id).await
    }
    .await;
    answer(result, "withdraw_invitation", &[], None)
}
