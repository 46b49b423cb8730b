//! The task that keeps the queue moving: serves who was woken, retries, and ends what ran out.

use std::time::Duration;

use domain::{AppError, DeviceId, command::CommandState};
use entity::{command, device};
use futures::StreamExt;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
    sea_query::{Expr, ExprTrait as _},
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{
    dispatch::{self, Reach},
    row,
    step::{self, Moved},
};
use crate::{Services, internal};

/// How often expiry and retries are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long after its expiry a delivered command may still be answered, in milliseconds.
const ANSWER_GRACE_MS: i64 = 10_000;
/// How long after its expiry a command that the device took may stay without an end, in milliseconds.
const NO_ANSWER_MS: i64 = 24 * 3_600 * 1_000;
/// Rows that are ended in one transaction.
const AT_A_TIME: u64 = 500;
/// Devices served at the same time.
const AT_ONCE: usize = 32;

/// Serves the queue until `shutdown`; the server runs one of these.
pub async fn run(services: Services, shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let swept = tokio::select! {
            () = shutdown.cancelled() => return,
            () = services.dispatch().notify.notified() => Ok(services.dispatch().take_woken()),
            _ = tick.tick() => sweep(&services).await,
        };
        let due = match swept {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the command queue was not swept: {error}");
                continue;
            }
        };
        futures::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |device| {
                let services = &services;
                async move {
                    if let Err(error) = dispatch::serve(services, device, Reach::Due).await {
                        tracing::warn!(%device, %error, "commands not delivered: {error}");
                    }
                }
            })
            .await;
    }
}

/// Ends what ran out; gives the connected devices for which something is due.
pub(super) async fn sweep(services: &Services) -> Result<Vec<DeviceId>, AppError> {
    end_expired(services).await?;
    let mut waiting: Vec<uuid::Uuid> = device::Entity::find()
        .select_only()
        .column(device::Column::Uuid)
        .filter(
            device::Column::Id.in_subquery(
                sea_orm::sea_query::Query::select()
                    .column(command::Column::DeviceId)
                    .from(command::Entity)
                    .cond_where(command::Column::State.is_in([
                        CommandState::Queued.as_str(),
                        CommandState::Delivered.as_str(),
                    ]))
                    .and_where(command::Column::NotBeforeMs.lte(services.now().0))
                    .to_owned(),
            ),
        )
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    waiting.dedup();
    Ok(waiting
        .into_iter()
        .map(DeviceId)
        .filter(|device| services.link.is_connected(*device))
        .collect())
}

async fn end_expired(services: &Services) -> Result<(), AppError> {
    let now = services.now().0;
    let over = |states: &[CommandState], before: i64| {
        Condition::all()
            .add(command::Column::State.is_in(states.iter().map(|state| state.as_str())))
            .add(command::Column::ExpiresMs.lt(before))
    };
    let under_way = [CommandState::Accepted, CommandState::Executing];
    let silent = Condition::all()
        .add(command::Column::State.is_in(under_way.iter().map(|state| state.as_str())))
        .add(command::Column::TimeoutMs.is_not_null())
        .add(
            Expr::col(command::Column::AnsweredMs)
                .add(Expr::col(command::Column::TimeoutMs))
                .lt(now),
        );
    let ended = Condition::any()
        .add(over(&[CommandState::Queued], now))
        .add(over(&[CommandState::Delivered], now - ANSWER_GRACE_MS))
        .add(over(&under_way, now - NO_ANSWER_MS))
        .add(silent);
    let over: Vec<(i64, uuid::Uuid)> = command::Entity::find()
        .select_only()
        .columns([command::Column::DeviceId, command::Column::Id])
        .filter(ended.clone())
        .limit(AT_A_TIME)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    if over.is_empty() {
        return Ok(());
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let devices = over.iter().map(|(device, _)| *device);
    let held = step::hold_all(&transaction, devices).await?;
    let current = command::Entity::find()
        .filter(command::Column::Id.is_in(over.iter().map(|(_, id)| *id)))
        .filter(ended)
        .order_by_asc(command::Column::DeviceId)
        .all(&transaction)
        .await
        .map_err(internal)?;
    let mut moved = Moved::default();
    for row in current {
        let Some(held) = held.get(&row.device_id) else {
            continue;
        };
        let (state, reason) = match row::state(&row)? {
            CommandState::Queued => (CommandState::Expired, "expired"),
            CommandState::Delivered => (CommandState::Expired, "not_taken"),
            _ => (CommandState::TimedOut, "no_answer"),
        };
        moved.and(held.end(row, now, state, Some(reason)).await?);
    }
    transaction.commit().await.map_err(internal)?;
    moved.tell(services).await;
    Ok(())
}
