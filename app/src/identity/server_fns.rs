//! What the pages of identity and notices ask of the server.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    Page,
    identity::{Finding, Notice, Policies},
};
use leptos::prelude::*;

use crate::{Failure, devices::label::Label, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{
        form::{answer, answer_with},
        request,
    },
    domain::{
        AppError,
        identity::{Act, FindingKind, FindingState, Reaction},
    },
    service::{identity, notices},
};

/// One page of the findings, and how many wait for a decision.
#[server(prefix = "/do", endpoint = "list_findings", input = Json, output = Json)]
pub async fn list_findings(
    state: String,
    search: String,
    page: u32,
) -> Result<(Page<Finding>, u64), Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let admin = actor.require_admin()?;
    let state = FindingState::parse(&state);
    let search: String = search.chars().take(200).collect();
    let found = identity::list(&services, &admin, state, None, &search, page).await?;
    Ok((found, identity::open_count(&services, &admin).await?))
}

/// One finding.
#[server(prefix = "/do", endpoint = "read_finding", input = Json, output = Json)]
pub async fn read_finding(id: i64) -> Result<Finding, Failure> {
    let admin = request::actor()?.require_admin()?;
    Ok(identity::read(&request::services()?, &admin, id).await?)
}

/// Decides about a finding.
#[server(prefix = "/do", endpoint = "resolve_finding")]
pub async fn resolve_finding(id: i64, act: String) -> Result<(), Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let act = Act::parse(&act).ok_or_else(|| AppError::invalid("act", "invalid"))?;
        identity::resolve(&request::services()?, &admin, id, act).await
    }
    .await;
    answer(result, "resolve_finding", &[], None)
}

/// Takes the decision about a finding back.
#[server(prefix = "/do", endpoint = "undo_finding")]
pub async fn undo_finding(id: i64) -> Result<(), Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        identity::undo(&request::services()?, &admin, id).await
    }
    .await;
    answer(result, "undo_finding", &[], None)
}

/// Makes a new code for a device that must enrol again; it is shown once.
#[server(prefix = "/do", endpoint = "enrol_again")]
pub async fn enrol_again(id: i64) -> Result<Option<Label>, Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let made = identity::new_code(&request::services()?, &admin, id).await?;
        Ok(Label::of(&made))
    }
    .await;
    answer_with(result, "enrol_again", &[])
}

/// What is done by itself about each kind of finding.
#[server(prefix = "/do", endpoint = "read_policies", input = Json, output = Json)]
pub async fn read_policies() -> Result<Policies, Failure> {
    let admin = request::actor()?.require_admin()?;
    Ok(identity::policies(&request::services()?, &admin).await?)
}

/// Sets what is done by itself about one kind of finding.
#[server(prefix = "/do", endpoint = "set_policy")]
pub async fn set_policy(kind: String, reaction: String) -> Result<(), Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let invalid = |field: &str| AppError::invalid(field, "invalid");
        let kind = FindingKind::parse(&kind).ok_or_else(|| invalid("kind"))?;
        let reaction = Reaction::parse(&reaction).ok_or_else(|| invalid("reaction"))?;
        identity::set_policy(&request::services()?, &admin, kind, reaction).await
    }
    .await;
    answer(result.map(|_| ()), "set_policy", &[], None)
}

/// One page of what one was told.
#[server(prefix = "/do", endpoint = "list_notices", input = Json, output = Json)]
pub async fn list_notices(page: u32) -> Result<Page<Notice>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    Ok(notices::list(&services, &actor, false, page).await?)
}

/// Marks one notice, or all, as read or as not read.
#[server(prefix = "/do", endpoint = "mark_notice")]
pub async fn mark_notice(notice: Option<i64>, read: bool) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        notices::mark(&services, &actor, notice, read).await
    }
    .await;
    answer(result, "mark_notice", &[], None)
}
