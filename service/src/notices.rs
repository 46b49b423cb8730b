//! What people are told inside the application: one row for each person, unread until they have seen it.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId, Page, TimestampMs, UserId,
    identity::{FindingKind, Notice, NoticeKind},
    live::LiveEvent,
    role::SiteRole,
};
use entity::{
    device, identity_finding, notification,
    notification::{Column, Entity},
    user,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};

use crate::{Actor, Services, devices, internal};

const PAGE_SIZE: u32 = 50;

/// Tells the administrators and the owner that a device's identity is in doubt.
pub(crate) async fn identity(
    services: &Services,
    device: &device::Model,
    finding: i64,
) -> Result<(), AppError> {
    let administrators = SiteRole::ALL.iter().filter(|role| role.is_admin());
    let mut who =
        Condition::any().add(user::Column::Role.is_in(administrators.map(|role| role.as_str())));
    if let Some(owner) = device.owner_id {
        who = who.add(user::Column::Id.eq(owner));
    }
    let people = user::Entity::find()
        .filter(user::Column::DisabledMs.is_null())
        .filter(who)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    if people.is_empty() {
        return Ok(());
    }
    let now = services.now().0;
    let rows = people.iter().map(|person| notification::ActiveModel {
        user_id: Set(person.id),
        at_ms: Set(now),
        kind: Set(NoticeKind::Identity.as_str().to_owned()),
        device_id: Set(Some(device.id)),
        finding_id: Set(Some(finding)),
        ..Default::default()
    });
    Entity::insert_many(rows)
        .exec_without_returning(&services.db.write)
        .await
        .map_err(internal)?;
    let told = people.into_iter().map(|person| LiveEvent::Notice {
        user: UserId(person.id),
    });
    services.bus.publish(told.collect()).await;
    Ok(())
}

/// How many notices one has not read.
pub async fn unread(services: &Services, actor: &Actor) -> Result<u64, AppError> {
    let user = actor.user.id;
    let counted = services
        .found()
        .answer(services, format!("unread of {user}"), async || {
            Entity::find()
                .filter(Column::UserId.eq(user.0))
                .filter(Column::ReadMs.is_null())
                .count(&services.db.read)
                .await
                .map_err(internal)
        });
    counted.await.map(|unread| *unread)
}

/// One page of one's notices, newest first; without its device where they may not see that any more.
pub async fn list(
    services: &Services,
    actor: &Actor,
    unread_only: bool,
    page: u32,
) -> Result<Page<Notice>, AppError> {
    let db = &services.db.read;
    let mut query = Entity::find()
        .filter(Column::UserId.eq(actor.user.id.0))
        .order_by_desc(Column::Id);
    if unread_only {
        query = query.filter(Column::ReadMs.is_null());
    }
    let total = query.clone().count(db).await.map_err(internal)?;
    let page = page.max(1);
    let rows = query
        .offset(u64::from(page - 1) * u64::from(PAGE_SIZE))
        .limit(u64::from(PAGE_SIZE))
        .all(db)
        .await
        .map_err(internal)?;
    let named = device::Entity::find()
        .filter(device::Column::Id.is_in(rows.iter().filter_map(|row| row.device_id)))
        .all(db)
        .await
        .map_err(internal)?;
    let ids: Vec<DeviceId> = named.iter().map(|row| DeviceId(row.uuid)).collect();
    let visible = devices::visible(services, actor, &ids).await?;
    let known: HashMap<i64, device::Model> = named
        .into_iter()
        .filter(|row| visible.contains(&DeviceId(row.uuid)))
        .map(|row| (row.id, row))
        .collect();
    let findings: HashMap<i64, String> = identity_finding::Entity::find()
        .filter(identity_finding::Column::Id.is_in(rows.iter().filter_map(|row| row.finding_id)))
        .all(db)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|row| (row.id, row.kind))
        .collect();
    let items = rows.into_iter().filter_map(|row| {
        let device = row.device_id.and_then(|id| known.get(&id));
        let kind = |id: &i64| FindingKind::parse(findings.get(id)?);
        Some(Notice {
            id: row.id,
            at: TimestampMs(row.at_ms),
            kind: NoticeKind::parse(&row.kind)?,
            device: device.map(|device| (DeviceId(device.uuid), device.name.clone())),
            finding: row.finding_id.and_then(|id| Some((id, kind(&id)?))),
            read_at: row.read_ms.map(TimestampMs),
        })
    });
    Ok(Page {
        items: items.collect(),
        total,
        page,
        page_size: PAGE_SIZE,
    })
}

/// Marks one of one's notices, or all of them, as read or as unread again.
pub async fn mark(
    services: &Services,
    actor: &Actor,
    notice: Option<i64>,
    read: bool,
) -> Result<(), AppError> {
    let at = read.then(|| services.now().0);
    let mut change = Entity::update_many()
        .col_expr(Column::ReadMs, Expr::value(at))
        .filter(Column::UserId.eq(actor.user.id.0));
    if let Some(notice) = notice {
        change = change.filter(Column::Id.eq(notice));
    }
    if read {
        change = change.filter(Column::ReadMs.is_null());
    }
    let done = change.exec(&services.db.write).await.map_err(internal)?;
    if notice.is_some() && done.rows_affected == 0 && !read {
        return Err(AppError::NotFound);
    }
    let user = actor.user.id;
    services.bus.publish(vec![LiveEvent::Notice { user }]).await;
    Ok(())
}
