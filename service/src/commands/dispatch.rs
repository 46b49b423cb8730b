//! Out of the queue: one dispatcher per device at a time, oldest command first.
//!
//! Invariant: a command is marked delivered, with its number taken, before it is published; when the
//! broker does not take it, it goes back into the queue. A crash between the two leaves it delivered
//! without an answer, and it is published again (a device executes once what comes twice).

use std::collections::HashMap;

use domain::{
    AppError, DeviceId, TimestampMs,
    command::{Command, CommandState},
    event::{EventKind, Severity},
};
use entity::{command, device};
use parking_lot::Mutex;
use protocol::{CommandMessage, SharedSecret, Topic};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder,
    TransactionTrait,
};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::{
    row,
    senders::{NOT_ALLOWED, Senders},
    step, wifi,
};
use crate::{Services, downlink, events, identity, internal};

/// A delivered command that the device has not answered for so long is published again, and again after twice as long as
/// the time before. The broker may still have the copies before it: each of them takes its place there.
const UNANSWERED_MS: i64 = 10_000;
/// The longest of these pauses.
const LONGEST_UNANSWERED_MS: i64 = 3_600_000;

/// Whose turn it is, and who is to be served next.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    turns: Mutex<HashMap<DeviceId, Turn>>,
    woken: Mutex<Vec<DeviceId>>,
    pub(super) notify: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A dispatcher is at work.
    Running,
    /// It is to look again before it ends.
    Again(Reach),
}

/// How much of what is unfinished is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// What waits, and what was long delivered without an answer.
    Due,
    /// Everything unfinished: the device has connected anew and may have lost what it was told.
    Everything,
}

impl Dispatch {
    pub(super) fn take_woken(&self) -> Vec<DeviceId> {
        std::mem::take(&mut *self.woken.lock())
    }
}

/// Asks the running task to serve a device soon.
pub(crate) fn wake(services: &Services, device: DeviceId) {
    let dispatch = services.dispatch();
    let mut woken = dispatch.woken.lock();
    if !woken.contains(&device) {
        woken.push(device);
    }
    drop(woken);
    dispatch.notify.notify_one();
}

/// Delivers what waits for this device, oldest first; called when it has connected (and subscribed).
/// Unfinished commands that it was told before are told again.
pub async fn deliver(services: &Services, device: DeviceId) -> Result<(), AppError> {
    serve(services, device, Reach::Everything).await
}

pub(super) async fn serve(
    services: &Services,
    device: DeviceId,
    reach: Reach,
) -> Result<(), AppError> {
    if !begin(services, device, reach) {
        return Ok(());
    }
    let mut turn = HeldTurn {
        services,
        device,
        over: false,
    };
    let mut reach = reach;
    loop {
        serve_once(services, device, reach).await?;
        match turn.again() {
            Some(next) => reach = next,
            None => return Ok(()),
        }
    }
}

/// Takes the turn, or tells the one who has it to look again.
fn begin(services: &Services, device: DeviceId, reach: Reach) -> bool {
    let mut turns = services.dispatch().turns.lock();
    match turns.get_mut(&device) {
        Some(Turn::Again(noted)) => *noted = reach.max(*noted),
        Some(turn) => *turn = Turn::Again(reach),
        None => {
            turns.insert(device, Turn::Running);
            return true;
        }
    }
    false
}

/// Gives the turn back, also when the dispatcher failed or was dropped.
struct HeldTurn<'a> {
    services: &'a Services,
    device: DeviceId,
    over: bool,
}

impl HeldTurn<'_> {
    /// What to look at again; `None` when the turn is over, which then is free for others.
    fn again(&mut self) -> Option<Reach> {
        let mut turns = self.services.dispatch().turns.lock();
        if let Some(Turn::Again(reach)) = turns.get(&self.device).copied() {
            turns.insert(self.device, Turn::Running);
            return Some(reach);
        }
        turns.remove(&self.device);
        self.over = true;
        None
    }
}

impl Drop for HeldTurn<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // After a failure nobody looks again at once: the sweep does.
        self.services.dispatch().turns.lock().remove(&self.device);
    }
}

async fn serve_once(services: &Services, device: DeviceId, reach: Reach) -> Result<(), AppError> {
    if !services.link.is_connected(device) {
        return Ok(());
    }
    let Some(target) = device::Entity::find()
        .filter(device::Column::Uuid.eq(device.0))
        .one(&services.db.read)
        .await
        .map_err(internal)?
    else {
        return Ok(());
    };
    if identity::is_held(&services.db.read, target.id).await? {
        return Ok(());
    }
    let mut wanted = Condition::any().add(state_is(CommandState::Queued));
    let stale = services.now().plus_ms(-UNANSWERED_MS).0;
    let delivered = Condition::all().add(state_is(CommandState::Delivered));
    wanted = match reach {
        Reach::Due => wanted.add(delivered.add(command::Column::DeliveredMs.lt(stale))),
        Reach::Everything => wanted
            .add(delivered)
            .add(state_is(CommandState::Accepted))
            .add(state_is(CommandState::Executing)),
    };
    let waiting = command::Entity::find()
        .filter(command::Column::DeviceId.eq(target.id))
        .filter(wanted)
        .filter(command::Column::NotBeforeMs.lte(services.now().0))
        .order_by_asc(command::Column::QueuedMs)
        .order_by_asc(command::Column::Id)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let senders = Senders::of(&services.db.read, target.id, &waiting).await?;
    let now = services.now();
    for waiting in waiting {
        if reach == Reach::Due && rests(&waiting, now) {
            continue;
        }
        if !deliver_one(services, device, waiting, reach, &senders).await? {
            break;
        }
    }
    Ok(())
}

/// Whether the device is still given time to answer what it was told.
fn rests(told: &command::Model, now: TimestampMs) -> bool {
    let doublings = (told.deliveries - 1).clamp(0, 16);
    let pause = (UNANSWERED_MS << doublings).min(LONGEST_UNANSWERED_MS);
    told.delivered_ms.is_some_and(|at| now.0 - at <= pause)
}

fn state_is(state: CommandState) -> Condition {
    Condition::all().add(command::Column::State.eq(state.as_str()))
}

/// Publishes one command; `false` when the broker did not take it and the rest has to wait.
async fn deliver_one(
    services: &Services,
    device: DeviceId,
    seen: command::Model,
    reach: Reach,
    senders: &Senders,
) -> Result<bool, AppError> {
    let now = services.now();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let held = step::hold(&transaction, device).await?;
    let target = &held.device;
    let current = held.command(domain::CommandId(seen.id)).await?;
    let before = row::state(&current)?;
    // Somebody cancelled it, or the device answered meanwhile.
    if before.is_final() || current.state != seen.state {
        return Ok(true);
    }
    let foreign = current.ownership != target.ownership;
    let expired =
        row::rank(before) < row::rank(CommandState::Accepted) && current.expires_ms < now.0;
    if expired && before == CommandState::Delivered && !foreign {
        // The device may have taken it in time: the sweep waits for the answer, and ends it.
        return Ok(true);
    }
    let secret = downlink::secret_of(&services.vault, target)?;
    let barred = !foreign && !expired && senders.bar(&transaction, &current).await?;
    let (Some(secret), false, false, false) = (secret, foreign, expired, barred) else {
        let (state, reason) = match (foreign, expired, barred) {
            (false, true, _) => (CommandState::Expired, "expired"),
            (false, false, true) => (CommandState::Cancelled, NOT_ALLOWED),
            _ => (CommandState::Cancelled, "ownership_changed"),
        };
        let id = target.id;
        let mut moved = held.end(current, now.0, state, Some(reason)).await?;
        transaction.commit().await.map_err(internal)?;
        let held_back = moved.commands.first().filter(|_| barred).cloned();
        if foreign {
            // Of a former ownership nobody who watches the device now may hear.
            moved.commands.clear();
        }
        moved.tell(services).await;
        if let Some(command) = held_back {
            record_held_back(services, id, &command).await?;
        }
        return Ok(true);
    };
    let arguments = wifi::opened(&services.vault, &current.name, &current.arguments)?;
    let deliveries = match reach {
        Reach::Due => current.deliveries.saturating_add(1),
        Reach::Everything => 1,
    };
    let moved = held
        .step(current, now.0, |change| {
            if row::rank(before) <= row::rank(CommandState::Delivered) {
                change.state = Set(CommandState::Delivered.as_str().to_owned());
                change.delivered_ms = Set(Some(now.0));
                change.deliveries = Set(deliveries);
            }
        })
        .await?;
    let sequence = downlink::next_sequence(&transaction, target, now).await?;
    let command = moved.commands.first().cloned();
    let command = command.ok_or_else(|| internal("a step without its command"))?;
    transaction.commit().await.map_err(internal)?;
    if before == CommandState::Queued {
        moved.tell(services).await;
    }

    let (topic, payload) = message(&command, arguments, sequence, now, &secret)?;
    if let Err(error) = services.link.publish(&topic, payload, false).await {
        tracing::warn!(%device, command = %command.id, %error, "command not delivered: {error}");
        if before == CommandState::Queued {
            put_back(services, device, &command).await?;
        }
        return Ok(false);
    }
    Ok(true)
}

/// On the device's page: who asked for what, and that it was not sent.
async fn record_held_back(
    services: &Services,
    device: i64,
    command: &Command,
) -> Result<(), AppError> {
    let detail = json!({
        "command": command.id,
        "name": command.name,
        "component": command.component,
        "by": command.created_by,
    });
    let (kind, severity) = (EventKind::CommandHeldBack, Severity::Warning);
    events::record(services, device, command.device, kind, severity, detail).await
}

fn message(
    command: &Command,
    arguments: Map<String, Value>,
    sequence: u64,
    now: TimestampMs,
    secret: &SharedSecret,
) -> Result<(Topic, Vec<u8>), AppError> {
    let topic = Topic::Command {
        device: command.device,
        name: command.name.clone(),
    };
    let body = serde_json::to_value(CommandMessage {
        command_id: command.id,
        component_key: command.component.clone(),
        arguments,
        expires_at: command.expires_at,
    })
    .map_err(internal)?;
    let Value::Object(body) = body else {
        return Err(internal("a command serialises to an object"));
    };
    let payload = downlink::seal(&topic, body, sequence, now, secret);
    Ok((topic, payload))
}

/// The broker did not take it: it waits again, unless it was answered or ended meanwhile.
async fn put_back(
    services: &Services,
    device: DeviceId,
    command: &Command,
) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let held = step::hold(&transaction, device).await?;
    let current = held.command(command.id).await?;
    if row::state(&current)? != CommandState::Delivered {
        return Ok(());
    }
    let moved = held
        .step(current, services.now().0, |change| {
            change.state = Set(CommandState::Queued.as_str().to_owned());
            change.delivered_ms = Set(None);
            change.deliveries = Set(0);
        })
        .await?;
    transaction.commit().await.map_err(internal)?;
    moved.tell(services).await;
    Ok(())
}
