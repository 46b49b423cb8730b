//! A person's apps: each installation has a certificate of its own for the broker, revocable singly.

use domain::{AppError, TimestampMs, UserId, account::AppInfo};
use entity::certificate::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, TransactionTrait,
};
use serde_json::json;

use crate::{
    Actor, Services, audit, internal,
    pki::{IssueError, issue::SigningRequest},
};

/// Apps of one person that may work at a time.
pub const MOST: u64 = 20;
const LONGEST_NAME: usize = 80;

/// What a new installation is given.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// The certificate's serial number, and the installation's id.
    pub id: String,
    /// The certificate, PEM; its Common Name is the person's id.
    pub certificate: String,
    /// The site's authority, PEM: what the broker's certificate is checked against.
    pub ca: String,
    /// The broker: `mqtts://host:port`.
    pub mqtt_url: String,
    /// The MQTT client id of this installation.
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
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(AppError::invalid("name", "name"));
    }
    let refused = |error: IssueError| match error {
        IssueError::Request(_) => AppError::invalid("csr", "csr"),
        IssueError::WeakKey => AppError::invalid("csr", "weak_key"),
        IssueError::Certificate(error) => internal(error),
    };
    let request = SigningRequest::parse(signing_request).map_err(refused)?;
    let user = actor.user.id;
    let now = services.now();
    let issued = services
        .pki
        .issue_client(request, &user.to_string(), now)
        .map_err(refused)?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let have = working(services, user).count(&transaction).await;
    if have.map_err(internal)? >= MOST {
        return Err(AppError::conflict("too_many_apps"));
    }
    let row = ActiveModel {
        serial: Set(issued.serial.clone()),
        device_id: Set(None),
        user_id: Set(Some(user.0)),
        label: Set(Some(name.to_owned())),
        pem: Set(issued.pem.clone()),
        issued_ms: Set(now.0),
        expires_ms: Set(issued.expires_at.0),
        revoked_ms: Set(None),
    };
    row.insert(&transaction).await.map_err(internal)?;
    let (target, detail) = (Some(issued.serial.clone()), json!({ "name": name }));
    audit::record(services, &transaction, actor, "add_app", target, detail).await?;
    transaction.commit().await.map_err(internal)?;
    Ok(NewApp {
        client_id: client_id(user, &issued.serial),
        id: issued.serial,
        certificate: issued.pem,
        ca: services.pki.ca_pem().to_owned(),
        mqtt_url: services.site.mqtt_url.clone(),
        expires_at: issued.expires_at,
    })
}

/// The actor's apps that work, newest first.
pub async fn list(services: &Services, actor: &Actor) -> Result<Vec<AppInfo>, AppError> {
    let rows = working(services, actor.user.id)
        .order_by_desc(Column::IssuedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .into_iter()
        .map(|row| AppInfo {
            id: row.serial,
            name: row.label.unwrap_or_default(),
            created_at: TimestampMs(row.issued_ms),
            expires_at: TimestampMs(row.expires_ms),
        })
        .collect())
}

/// Ends one of the actor's apps: its certificate is refused and its session ends at once.
pub async fn revoke(services: &Services, actor: &Actor, id: &str) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedMs, services.now().0.into())
        .filter(Column::Serial.eq(id))
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::RevokedMs.is_null())
        .exec(&transaction)
        .await
        .map_err(internal)?;
    if revoked.rows_affected == 0 {
        return Err(AppError::NotFound);
    }
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
    transaction.commit().await.map_err(internal)?;
    end(services, actor.user.id, &[id.to_owned()]).await;
    Ok(())
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

/// The client id that an installation is told to use: any other of the same Common Name works too, but an
/// external broker can end only a session whose client id is known.
pub fn client_id(user: UserId, serial: &str) -> String {
    format!("{user}:{serial}")
}

fn working(services: &Services, user: UserId) -> sea_orm::Select<Entity> {
    Entity::find()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::RevokedMs.is_null())
        .filter(Column::ExpiresMs.gt(services.now().0))
}
