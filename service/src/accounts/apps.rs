//! A person's apps: each installation has a certificate of its own for the broker, renewed and revoked singly.
//!
//! Invariant: an installation is known by the serial number of its first certificate. At most two of its certificates
//! are let in: the one that it uses, and the one that is to take its place.

use std::collections::{HashMap, HashSet};

use domain::{AppError, Email, TimestampMs, UserId, account::AppInfo};
use entity::certificate::{ActiveModel, Column, Entity, Model};
use protocol::Principal;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction,
    EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, TransactionTrait, sea_query::Expr,
};
use serde_json::json;

use crate::{
    Actor, Services,
    apart::commit_then,
    audit, certificates,
    devices::admission,
    internal, names,
    pki::{IssueError, Issued, issue::SigningRequest},
};

/// Apps of one person that may work at a time.
pub const MOST: usize = 20;
const LONGEST_NAME: usize = 80;

/// What an installation is given: when it is admitted, and with each renewal.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// The installation's id: the serial number of its first certificate.
    pub id: String,
    /// The certificate, PEM; its Common Name is the person's id.
    pub certificate: String,
    /// The site's authority, PEM: what the broker's certificate is checked against.
    pub ca: String,
    /// The broker: `mqtts://host:port`.
    pub mqtt_url: String,
    /// The MQTT client id to use with this certificate.
    pub client_id: String,
    /// When the certificate ends.
    pub expires_at: TimestampMs,
}

/// Admits an installation called `name` by its signing request (PKCS#10, PEM); the key stays with the app.
pub async fn add(
    services: &Services,
    actor: &Actor,
    name: &str,
    signing_request: &str,
) -> Result<NewApp, AppError> {
    let name = names::checked("name", name, LONGEST_NAME)?;
    let request = SigningRequest::parse(signing_request).map_err(refused)?;
    let user = actor.user.id;
    let now = services.now();
    let issued = services
        .pki
        .issue_client(request, &user.to_string(), now)
        .map_err(refused)?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    if installations(services, &transaction, user).await?.len() >= MOST {
        return Err(AppError::conflict("too_many_apps"));
    }
    let row = ActiveModel {
        serial: Set(issued.serial.clone()),
        device_id: Set(None),
        user_id: Set(Some(user.0)),
        label: Set(Some(name.clone())),
        pem: Set(issued.pem.clone()),
        issued_ms: Set(now.0),
        expires_ms: Set(issued.expires_at.0),
        revoked_ms: Set(None),
        installation: Set(Some(issued.serial.clone())),
        replaced_by: Set(None),
    };
    row.insert(&transaction).await.map_err(internal)?;
    let (target, detail) = (Some(issued.serial.clone()), json!({ "name": name }));
    audit::record(services, &transaction, actor, "add_app", target, detail).await?;
    transaction.commit().await.map_err(internal)?;
    let id = issued.serial.clone();
    Ok(given(services, user, id, issued))
}

/// Renews an installation's certificate by a signing request (PKCS#10, PEM); the former one stays valid until the new
/// one connects. One that was asked for before and never used is void. `Gone` where the installation was revoked.
pub async fn renew(
    services: &Services,
    actor: &Actor,
    id: &str,
    signing_request: &str,
) -> Result<NewApp, AppError> {
    let request = SigningRequest::parse(signing_request).map_err(refused)?;
    let user = actor.user.id;
    let now = services.now();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    lock(&transaction, user, id).await?;
    let valid = unrevoked(user, id)
        .order_by_asc(Column::IssuedMs)
        .all(&transaction)
        .await
        .map_err(internal)?;
    let latest = valid.last().ok_or(AppError::Gone)?;
    let mut others = installations(services, &transaction, user).await?;
    others.remove(id);
    if others.len() >= MOST {
        return Err(AppError::conflict("too_many_apps"));
    }
    let issued = services
        .pki
        .issue_client(request, &user.to_string(), now)
        .map_err(refused)?;
    let row = ActiveModel {
        serial: Set(issued.serial.clone()),
        device_id: Set(None),
        user_id: Set(Some(user.0)),
        label: Set(latest.label.clone()),
        pem: Set(issued.pem.clone()),
        // Which of two is the newer one must not hang on a clock that was set back.
        issued_ms: Set(now.0.max(latest.issued_ms.saturating_add(1))),
        expires_ms: Set(issued.expires_at.0),
        revoked_ms: Set(None),
        installation: Set(Some(id.to_owned())),
        replaced_by: Set(None),
    };
    row.insert(&transaction).await.map_err(internal)?;
    // One that had connected would have ended those before it: the oldest is the one in use.
    let unused: Vec<String> = valid
        .into_iter()
        .filter(|row| row.expires_ms > now.0)
        .skip(1)
        .map(|row| row.serial)
        .collect();
    Entity::update_many()
        .col_expr(Column::RevokedMs, now.0.into())
        .col_expr(Column::ReplacedBy, Expr::value(issued.serial.clone()))
        .filter(Column::Serial.is_in(unused.iter().cloned()))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let (target, detail) = (Some(id.to_owned()), json!({ "serial": issued.serial }));
    audit::record(services, &transaction, actor, "renew_app", target, detail).await?;
    let given = given(services, user, id.to_owned(), issued);
    let services = services.clone();
    commit_then(transaction, async move {
        end(&services, user, &unused).await;
        Ok(())
    })
    .await?;
    Ok(given)
}

/// An installation connected with this serial, let in under this address: those that it was to replace are refused from
/// now on, and their sessions end. One that would not be let in so any more is disconnected again: it was revoked, or its
/// person was deactivated or changed their address, while it connected and had no session yet that could be ended.
pub async fn connected_with(
    services: &Services,
    user: UserId,
    email: &Email,
    serial: &str,
) -> Result<(), AppError> {
    let Some(current) = Entity::find_by_id(serial.to_owned())
        .filter(Column::UserId.eq(user.0))
        .one(&services.db.read)
        .await
        .map_err(internal)?
    else {
        return Ok(());
    };
    let admitted = admission::admit(services, &user.to_string(), serial).await?;
    if !matches!(&admitted, Some(Principal::App { email: now, .. }) if now == email) {
        let ended = services.link.disconnect_app(user, serial).await;
        return ended.map_err(internal);
    }
    let replaced = certificates::replace_older(services, &current).await?;
    end(services, user, &replaced).await;
    Ok(())
}

/// The actor's apps that work, newest first.
pub async fn list(services: &Services, actor: &Actor) -> Result<Vec<AppInfo>, AppError> {
    let rows = working(services, actor.user.id)
        .order_by_asc(Column::IssuedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    // Of each installation its newest certificate.
    let mut ends: HashMap<String, i64> = HashMap::new();
    for row in rows {
        let expires_ms = row.expires_ms;
        ends.insert(installation_of(row), expires_ms);
    }
    let firsts = Entity::find()
        .filter(Column::Serial.is_in(ends.keys().cloned()))
        .order_by_desc(Column::IssuedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(firsts
        .into_iter()
        .filter_map(|first| {
            let expires_ms = *ends.get(&first.serial)?;
            Some(AppInfo {
                id: first.serial,
                name: first.label.unwrap_or_default(),
                created_at: TimestampMs(first.issued_ms),
                expires_at: TimestampMs(expires_ms),
            })
        })
        .collect())
}

/// Ends one of the actor's apps: its certificates are refused and its sessions end at once.
pub async fn revoke(services: &Services, actor: &Actor, id: &str) -> Result<(), AppError> {
    let user = actor.user.id;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    lock(&transaction, user, id).await?;
    let valid = unrevoked(user, id).all(&transaction).await;
    let valid = valid.map_err(internal)?.into_iter();
    let serials: Vec<String> = valid.map(|row| row.serial).collect();
    if serials.is_empty() {
        return Err(AppError::NotFound);
    }
    Entity::update_many()
        .col_expr(Column::RevokedMs, services.now().0.into())
        .filter(Column::Serial.is_in(serials.iter().cloned()))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let target = Some(id.to_owned());
    audit::record(
        services,
        &transaction,
        actor,
        "revoke_app",
        target,
        json!({}),
    )
    .await?;
    let services = services.clone();
    commit_then(transaction, async move {
        end(&services, user, &serials).await;
        Ok(())
    })
    .await
}

/// Keeps others from changing an installation's certificates until the transaction ends: none is issued while it is
/// revoked. `NotFound` where this person has no such installation.
async fn lock(transaction: &DatabaseTransaction, user: UserId, id: &str) -> Result<(), AppError> {
    let first = Entity::find_by_id(id.to_owned())
        .filter(Column::UserId.eq(user.0))
        .filter(Column::Installation.eq(id))
        .lock_exclusive()
        .one(transaction)
        .await
        .map_err(internal)?;
    first.map(|_| ()).ok_or(AppError::NotFound)
}

/// The certificates of an installation that nobody revoked and none replaced.
fn unrevoked(user: UserId, id: &str) -> Select<Entity> {
    Entity::find()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::Installation.eq(id))
        .filter(Column::RevokedMs.is_null())
}

/// The ids of a person's installations that work.
async fn installations<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    user: UserId,
) -> Result<HashSet<String>, AppError> {
    let rows = working(services, user).all(connection).await;
    Ok(rows
        .map_err(internal)?
        .into_iter()
        .map(installation_of)
        .collect())
}

fn installation_of(row: Model) -> String {
    row.installation.unwrap_or(row.serial)
}

fn given(services: &Services, user: UserId, id: String, issued: Issued) -> NewApp {
    NewApp {
        id,
        client_id: client_id(user, &issued.serial),
        certificate: issued.pem,
        ca: services.pki.ca_pem().to_owned(),
        mqtt_url: services.site.mqtt_url.clone(),
        expires_at: issued.expires_at,
    }
}

fn refused(error: IssueError) -> AppError {
    match error {
        IssueError::Request(_) => AppError::invalid("csr", "csr"),
        IssueError::WeakKey => AppError::invalid("csr", "weak_key"),
        IssueError::Certificate(error) => internal(error),
    }
}

/// The serials of a person's apps that work.
pub(super) async fn serials<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    user: UserId,
) -> Result<Vec<String>, AppError> {
    let rows = working(services, user).all(connection).await;
    let rows = rows.map_err(internal)?;
    Ok(rows.into_iter().map(|row| row.serial).collect())
}

/// Ends the sessions of apps that are no longer admitted.
pub(super) async fn end(services: &Services, user: UserId, serials: &[String]) {
    for serial in serials {
        if let Err(error) = services.link.disconnect_app(user, serial).await {
            tracing::error!(%error, %user, serial, "the session of an app that was revoked did not end");
        }
    }
}

/// The client id that an installation is told to use with a certificate: any other of the same Common Name works too,
/// but an external broker can end only a session whose client id is known.
pub fn client_id(user: UserId, serial: &str) -> String {
    format!("{user}:{serial}")
}

fn working(services: &Services, user: UserId) -> Select<Entity> {
    Entity::find()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::RevokedMs.is_null())
        .filter(Column::ExpiresMs.gt(services.now().0))
}
