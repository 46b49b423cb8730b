//! What stands beside a device's history: its tags, its presence over days, who sees it, and its certificates.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId,
    certificate::DeviceCertificate,
    finding::{PresenceHistory, Sharer, Trouble},
    tag::Tag,
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
    domain::{AppError, UserId, role::DeviceRole},
    service::{
        certificates,
        devices::{self, sharing, tags},
        presence,
    },
};

/// What stands beside a device's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// Its tags.
    pub tags: Vec<Tag>,
    /// The site's other tags, to choose from; for those who may set them.
    pub known: Vec<Tag>,
    /// What is wrong with it.
    pub troubles: Vec<Trouble>,
    /// Presence of the last days.
    pub presence: PresenceHistory,
    /// Who sees it; for those who may share it.
    pub people: Option<Vec<Sharer>>,
    /// Whether this person sees it because it was shared with them, and may leave.
    pub may_leave: bool,
    /// Its certificates, newest first; for administrators.
    pub certificates: Option<Vec<DeviceCertificate>>,
}

/// What stands beside a device's history, with presence over so many days.
#[server(prefix = "/do", endpoint = "read_beside", input = Json, output = Json)]
pub async fn read_beside(id: DeviceId, days: u32) -> Result<Beside, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let viewer = actor.require_viewer(&services, id).await?;
    let owner = actor.require_owner(&services, id).await.ok();
    let mut extra = devices::extras(&services, &actor, &[id], &[]).await?;
    let extra = extra.pop().unwrap_or_default();
    let (people, known) = match &owner {
        Some(owner) => {
            let counts = tags::counts(&services, &actor).await?;
            let known = counts.tags.into_iter().map(|(tag, _)| tag).collect();
            (Some(sharing::people(&services, owner).await?), known)
        }
        None => (None, Vec::new()),
    };
    let claimed = sharing::has_claimed(&services, &viewer).await?;
    let certificates = match actor.require_admin() {
        Ok(admin) => Some(certificates::of_device(&services, &admin, id).await?),
        Err(_) => None,
    };
    Ok(Beside {
        tags: extra.tags,
        known,
        troubles: extra.troubles,
        presence: presence::history(&services, &viewer, days).await?,
        may_leave: viewer.role().is_some() && !claimed,
        people,
        certificates,
    })
}

/// Gives a device exactly these tags.
#[server(prefix = "/do", endpoint = "set_tags")]
pub async fn set_tags(id: DeviceId, #[server(default)] tags: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        tags::set(&services, &owner, &tags::read(&tags)?).await
    }
    .await;
    answer(result, "set_tags", &[("tags", &tags)], None)
}

/// Shares a device with somebody who has an account, or changes their role on it.
#[server(prefix = "/do", endpoint = "share_device")]
pub async fn share_device(
    id: DeviceId,
    #[server(default)] email: String,
    role: String,
) -> Result<(), Failure> {
    let chosen = role.clone();
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        let role = DeviceRole::parse(&role).ok_or_else(|| AppError::invalid("role", "invalid"))?;
        sharing::share(&services, &owner, &email, role).await
    }
    .await;
    let typed = [("email", email.as_str()), ("role", chosen.as_str())];
    answer(result.map(|_| ()), "share_device", &typed, None)
}

/// Takes somebody's role on a device away; gives who they are and what they had, so that it can be shared again.
#[server(prefix = "/do", endpoint = "unshare_device")]
pub async fn unshare_device(id: DeviceId, person: String) -> Result<Option<Sharer>, Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        let person: UserId = person.parse().map_err(|_| AppError::NotFound)?;
        sharing::unshare(&services, &owner, person).await
    }
    .await;
    answer_with(result, "unshare_device", &[])
}

/// Gives one's own role on a device up.
#[server(prefix = "/do", endpoint = "leave_device")]
pub async fn leave_device(id: DeviceId, sure: Option<String>) -> Result<(), Failure> {
    let result = async {
        sure.ok_or_else(|| AppError::invalid("sure", "sure"))?;
        let (services, actor) = (request::services()?, request::actor()?);
        let viewer = actor.require_viewer(&services, id).await?;
        sharing::leave(&services, &viewer).await
    }
    .await;
    answer(result, "leave_device", &[], Some("/devices"))
}
