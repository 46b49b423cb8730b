//! The task that brings devices to what is desired of them.
//!
//! It hears what devices report, compares it in memory, and looks into the store only where a comparison
//! turned out otherwise than before. What it missed on the bus it looks up. A wish is tried at most
//! [`MOST_ATTEMPTS`] times, each later than the one before; the device that comes again begins anew.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use domain::{
    AppError, ComponentKey, DeviceId, TimestampMs,
    command::CommandOptions,
    device::{Lifecycle, Presence, StateMap},
    live::LiveEvent,
    twin::{Desired, differs, expected},
};
use entity::{command, desired, device, device_live};
use protocol::{DesiredState, STATE_DESIRED};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    TransactionTrait, sea_query::Expr,
};
use tokio::{sync::broadcast::error::RecvError, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{tell, wishes::of_device};
use crate::{
    Services, commands,
    commands::{Attempt, Draft, MAX_WAITING},
    devices, downlink, internal,
};

/// How often the server tries by itself.
pub(super) const MOST_ATTEMPTS: i16 = 5;
/// How often what is due is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// How long a device that has connected may take to report, in milliseconds.
const TO_REPORT_MS: i64 = 3_000;
/// How long a command of the server's own is worth sending, in milliseconds.
const VALID_MS: i64 = 60_000;
/// How long a device may take for one, in milliseconds.
const TIMEOUT_MS: i64 = 120_000;
/// Most devices looked at in one go.
const AT_A_TIME: u64 = 500;

/// What is desired, by device, as this task last read it.
type Known = HashMap<DeviceId, Vec<Desired>>;

/// Fulfils wishes until `shutdown`; the server runs one of these.
pub async fn run(services: Services, shutdown: CancellationToken) {
    let mut bus = services.bus.subscribe();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut known = Known::new();
    let mut look = HashSet::new();
    let mut everything = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            heard = bus.recv() => match heard {
                Ok(event) => hear(&services, &known, &mut look, &event).await,
                Err(RecvError::Lagged(_)) => everything = true,
                Err(RecvError::Closed) => return,
            },
            _ = tick.tick() => {
                if everything {
                    match all(&services).await {
                        Ok(devices) => {
                            everything = false;
                            known.clear();
                            look.extend(devices);
                        }
                        Err(error) => tracing::warn!(%error, "wishes were not read: {error}"),
                    }
                }
                match due(&services).await {
                    Ok(devices) => look.extend(devices),
                    Err(error) => tracing::warn!(%error, "due wishes were not read: {error}"),
                }
                for device in std::mem::take(&mut look) {
                    match check(&services, device).await {
                        Ok(wishes) if wishes.is_empty() => drop(known.remove(&device)),
                        Ok(wishes) => drop(known.insert(device, wishes)),
                        Err(AppError::NotFound) => drop(known.remove(&device)),
                        Err(error) => {
                            tracing::warn!(%device, %error, "a wish was not looked at: {error}");
                        }
                    }
                }
            }
        }
    }
}

async fn hear(services: &Services, known: &Known, look: &mut HashSet<DeviceId>, event: &LiveEvent) {
    match event {
        LiveEvent::State {
            device, changed, ..
        } if known
            .get(device)
            .is_some_and(|wishes| wishes.iter().any(|wish| turns(wish, changed))) =>
        {
            look.insert(*device);
        }
        LiveEvent::Twin { device } | LiveEvent::Device { device } => {
            look.insert(*device);
        }
        LiveEvent::Presence {
            device, presence, ..
        } if presence.presence == Presence::Online && known.contains_key(device) => {
            if let Err(error) = begin_anew(services, *device).await {
                tracing::warn!(%device, %error, "a device that came again: {error}");
            }
            look.insert(*device);
        }
        _ => {}
    }
}

/// Whether these reported values may change how a wish stands.
fn turns(wish: &Desired, changed: &StateMap) -> bool {
    let touched =
        expected(&wish.component, &wish.wanted).any(|(key, _)| changed.contains_key(&key));
    touched && differs(&wish.component, &wish.wanted, changed) != Some(wish.differs)
}

/// Every device of which something is desired.
async fn all(services: &Services) -> Result<Vec<DeviceId>, AppError> {
    let of = desired::Entity::find()
        .select_only()
        .column(desired::Column::DeviceId);
    devices_in(services, of, u64::MAX).await
}

/// The connected devices that differ from what is desired of them, and whose next try is due.
async fn due(services: &Services) -> Result<Vec<DeviceId>, AppError> {
    let of = desired::Entity::find()
        .select_only()
        .column(desired::Column::DeviceId)
        .filter(desired::Column::Differs.eq(true))
        .filter(desired::Column::NextMs.lte(services.now().0))
        .filter(desired::Column::Attempts.lt(MOST_ATTEMPTS));
    let devices = devices_in(services, of, AT_A_TIME).await?;
    Ok(devices
        .into_iter()
        .filter(|device| services.link.is_connected(*device))
        .collect())
}

async fn devices_in(
    services: &Services,
    of: sea_orm::Select<desired::Entity>,
    most: u64,
) -> Result<Vec<DeviceId>, AppError> {
    use sea_orm::QueryTrait;
    let connected = device::Entity::find()
        .select_only()
        .column(device::Column::Uuid)
        .filter(device::Column::Id.in_subquery(of.into_query()));
    let connected = match most {
        u64::MAX => connected,
        // Those that are away cannot crowd out those that are there.
        most => connected
            .filter(device::Column::Presence.ne(Presence::Offline.as_str()))
            .limit(most),
    };
    let found: Vec<Uuid> = connected
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(found.into_iter().map(DeviceId).collect())
}

/// A device that came again is tried again.
async fn begin_anew(services: &Services, uuid: DeviceId) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let device = downlink::lock_device(&transaction, uuid).await?;
    desired::Entity::update_many()
        .col_expr(desired::Column::Attempts, Expr::value(0_i16))
        .col_expr(desired::Column::NextMs, Expr::value(services.now().0))
        .filter(desired::Column::DeviceId.eq(device.id))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    transaction.commit().await.map_err(internal)?;
    Ok(())
}

/// Compares a device with what is desired of it, and sends what brings it there where that is due. Gives
/// what is desired of it now.
async fn check(services: &Services, uuid: DeviceId) -> Result<Vec<Desired>, AppError> {
    let now = services.now();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let target = downlink::lock_device(&transaction, uuid).await?;
    let rows = desired::Entity::find()
        .filter(desired::Column::DeviceId.eq(target.id))
        .all(&transaction)
        .await
        .map_err(internal)?;
    let cached = devices::state(services, target.id, uuid).await?;
    let said = cached.reported();
    let busy = busy(&transaction, target.id).await?;
    let received = device_live::Entity::find_by_id(target.id)
        .one(&transaction)
        .await
        .map_err(internal)?
        .and_then(|live| live.last_received_ms);
    let may = target.lifecycle == Lifecycle::Active.as_str()
        && target.secret.is_some()
        && services.link.is_connected(uuid)
        && commands::waiting(&transaction, target.id).await? < MAX_WAITING;
    let (mut turned, mut wanted) = (false, Vec::new());
    for row in rows {
        if row.ownership != target.ownership {
            // Somebody else's wish.
            desired::Entity::delete_by_id((row.device_id, row.component_key))
                .exec(&transaction)
                .await
                .map_err(internal)?;
            turned = true;
            continue;
        }
        let key: ComponentKey = row.component_key.parse().map_err(internal)?;
        let wish = row.wanted.as_object().cloned().unwrap_or_default();
        let compared = differs(&key, &wish, &said);
        let untold = row.command_id.is_none() && row.attempts == 0;
        let differs = compared.unwrap_or(untold);
        let reported = received.is_some_and(|at| at > row.next_ms.max(target.presence_since_ms));
        let silent = now.0 - row.next_ms.max(target.presence_since_ms) >= TO_REPORT_MS;
        let due = now.0 >= row.next_ms && (untold || reported || silent);
        let send =
            may && differs && due && row.attempts < MOST_ATTEMPTS && !busy.contains(key.as_str());
        if row.differs != differs {
            turned = true;
            let mut change: desired::ActiveModel = row.clone().into();
            change.differs = Set(differs);
            if !differs {
                change.attempts = Set(0);
            }
            change.update(&transaction).await.map_err(internal)?;
        }
        if send {
            wanted.push((key, wish, row));
        }
    }
    let sent = send(&transaction, &target, wanted, now).await?;
    let mut told = Vec::with_capacity(sent.len());
    for row in sent {
        told.push(commands::one_to_domain(&transaction, uuid, row).await?);
    }
    let after = of_device(&transaction, target.id).await?;
    transaction.commit().await.map_err(internal)?;
    if !told.is_empty() {
        commands::publish(services, told).await;
        commands::wake(services, uuid);
    }
    if turned {
        tell(services, uuid).await;
    }
    Ok(after)
}

/// The components that a command which has not ended is about.
async fn busy(
    connection: &sea_orm::DatabaseTransaction,
    device: i64,
) -> Result<HashSet<String>, AppError> {
    let rows = command::Entity::find()
        .filter(command::Column::DeviceId.eq(device))
        .filter(command::Column::FinishedMs.is_null())
        .all(connection)
        .await
        .map_err(internal)?;
    let mut busy = HashSet::new();
    for row in rows {
        if row.name == STATE_DESIRED
            && let Some(components) = row.arguments["components"].as_object()
        {
            busy.extend(components.keys().cloned());
        }
        busy.extend(row.component_key);
    }
    Ok(busy)
}

/// Queues what brings the device there: one `state/desired`, or a `set` for each component of a device that
/// knows only that.
async fn send(
    connection: &sea_orm::DatabaseTransaction,
    target: &device::Model,
    wanted: Vec<(
        ComponentKey,
        serde_json::Map<String, serde_json::Value>,
        desired::Model,
    )>,
    now: TimestampMs,
) -> Result<Vec<command::Model>, AppError> {
    let draft = |name: &str, by: Option<Uuid>| Draft {
        id: Uuid::now_v7(),
        device: target.id,
        ownership: target.ownership,
        name: name.to_owned(),
        component: None,
        arguments: serde_json::Value::Null,
        created_by: by,
        queued_ms: now.0,
        expires_ms: now.plus_ms(VALID_MS).0,
        options: CommandOptions {
            timeout_ms: Some(TIMEOUT_MS),
            ..CommandOptions::default()
        },
        job: None,
        attempt: Attempt::FIRST,
    };
    let mut sent = Vec::new();
    let (single, together): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|(_, _, row)| row.by_set);
    for (key, wish, row) in single {
        let one = Draft {
            component: Some(key.to_string()),
            arguments: serde_json::Value::Object(wish),
            ..draft("set", row.set_by)
        };
        sent.push(queue(connection, one, vec![row], now).await?);
    }
    if let Some((_, _, first)) = together.first() {
        let by = first.set_by;
        let mut all = DesiredState::default();
        let mut rows = Vec::with_capacity(together.len());
        for (key, wish, row) in together {
            all.components.insert(key, wish);
            rows.push(row);
        }
        let one = Draft {
            arguments: serde_json::to_value(all).map_err(internal)?,
            ..draft(STATE_DESIRED, by)
        };
        sent.push(queue(connection, one, rows, now).await?);
    }
    Ok(sent)
}

async fn queue(
    connection: &sea_orm::DatabaseTransaction,
    draft: Draft,
    wishes: Vec<desired::Model>,
    now: TimestampMs,
) -> Result<command::Model, AppError> {
    let row = draft.row().insert(connection).await.map_err(internal)?;
    for wish in wishes {
        let attempts = wish.attempts + 1;
        let mut change: desired::ActiveModel = wish.into();
        change.command_id = Set(Some(row.id));
        change.attempts = Set(attempts);
        change.next_ms = Set(now.0);
        change.update(connection).await.map_err(internal)?;
    }
    Ok(row)
}
