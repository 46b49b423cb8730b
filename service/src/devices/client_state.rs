//! The state for people's apps: `client/state/{user_email}/{device_uuid}`, whole and merged, after each change.
//!
//! Only who has access to a device and an app that may listen is told, and of one device at most ten times
//! a second: what changes in between arrives together.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{AppError, DeviceId, Email, UserId, live::LiveEvent};
use entity::{certificate, device, device_access, device_live};
use futures::{StreamExt as _, stream};
use protocol::{Scalar, Topic};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Map, Value};
use tokio::{
    sync::broadcast::error::{RecvError, TryRecvError},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::directory::Directory;
use crate::{Services, internal};

/// Between two states of a device.
const EVERY: Duration = Duration::from_millis(100);
/// Before what could not be told is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Devices told of at the same time: one that the broker does not answer for holds up few others.
const AT_ONCE: usize = 16;
/// How long the list of people with an app may be old where the broker does not tell who listens.
const LISTENERS: Duration = Duration::from_secs(5);

/// What apps are to be told of.
#[derive(Debug, Default)]
struct Owed {
    devices: HashSet<DeviceId>,
    /// Changes were missed: of every device that somebody who listens may see.
    all: bool,
}

impl Owed {
    fn is_nothing(&self) -> bool {
        self.devices.is_empty() && !self.all
    }

    /// Whether there may be more to hear.
    fn hear(&mut self, heard: Result<Arc<LiveEvent>, RecvError>) -> bool {
        match heard {
            Ok(event) => self.devices.extend(event_of(&event)),
            Err(RecvError::Lagged(_)) => self.all = true,
            Err(RecvError::Closed) => return false,
        }
        true
    }
}

/// Tells apps of every change until `stop`. What could not be told stays owed, as it is by then.
pub async fn tell_apps(services: Services, directory: Directory, stop: CancellationToken) {
    let mut changes = services.bus.subscribe();
    let mut listeners = Listeners::default();
    let mut owed = Owed::default();
    loop {
        if owed.is_nothing() {
            let Some(first) = stop.run_until_cancelled(changes.recv()).await else {
                return;
            };
            if !owed.hear(first) {
                return;
            }
        }
        loop {
            let heard = match changes.try_recv() {
                Ok(event) => Ok(event),
                Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
            owed.hear(heard);
        }
        if owed.is_nothing() {
            continue;
        }
        let telling = tell(&services, &directory, &mut listeners, owed);
        let Some(left) = stop.run_until_cancelled(telling).await else {
            return;
        };
        let pause = match left.is_nothing() {
            true => EVERY,
            false => AGAIN,
        };
        owed = left;
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}

fn event_of(event: &LiveEvent) -> Option<DeviceId> {
    match event {
        LiveEvent::State { device, .. }
        | LiveEvent::Presence { device, .. }
        | LiveEvent::Device { device } => Some(*device),
        _ => None,
    }
}

/// Tells everybody who listens; gives what could not be told.
async fn tell(
    services: &Services,
    directory: &Directory,
    listeners: &mut Listeners,
    mut owed: Owed,
) -> Owed {
    let listening = match listeners.now(services).await {
        Ok(listening) if listening.is_empty() => return Owed::default(),
        Ok(listening) => listening,
        Err(error) => {
            tracing::error!(%error, "who listens for states is not known");
            return owed;
        }
    };
    if owed.all {
        match seen_by(services, &listening).await {
            Ok(seen) => {
                owed.devices.extend(seen);
                owed.all = false;
            }
            Err(error) => tracing::error!(%error, "apps were not told of what they missed"),
        }
    }
    let told = stream::iter(owed.devices)
        .map(async |device| {
            let told = tell_of(services, directory, &listening, device).await;
            (device, told)
        })
        .buffer_unordered(AT_ONCE);
    let left = told.filter_map(async |(device, told)| match told {
        Ok(()) | Err(AppError::NotFound) => None,
        Err(error) => {
            tracing::error!(%error, %device, "apps were not told of a change; they are again");
            Some(device)
        }
    });
    Owed {
        devices: left.collect().await,
        all: owed.all,
    }
}

/// Tells everybody who listens of one device.
async fn tell_of(
    services: &Services,
    directory: &Directory,
    listening: &HashSet<UserId>,
    device: DeviceId,
) -> Result<(), AppError> {
    let Some(known) = directory.get(services, device).await? else {
        return Ok(());
    };
    let people: Vec<&Email> = known
        .people
        .iter()
        .filter(|(user, _)| listening.contains(user))
        .map(|(_, email)| email)
        .collect();
    if people.is_empty() {
        return Ok(());
    }
    let state = whole_state(services, device).await?;
    for email in people {
        publish(services, device, email, &state).await?;
    }
    Ok(())
}

/// Answers `client/request_state`: the state now, to this person's apps. `NotFound` where the person has no
/// access to the device.
pub async fn answer_request(
    services: &Services,
    directory: &Directory,
    email: &Email,
    device: DeviceId,
) -> Result<(), AppError> {
    let known = directory.get(services, device).await?;
    let has_access = known.is_some_and(|known| known.people.values().any(|with| with == email));
    if !has_access {
        return Err(AppError::NotFound);
    }
    let state = whole_state(services, device).await?;
    publish(services, device, email, &state).await
}

async fn publish(
    services: &Services,
    device: DeviceId,
    email: &Email,
    state: &[u8],
) -> Result<(), AppError> {
    let topic = Topic::ClientState {
        user: email.clone(),
        device,
    };
    let sent = services.link.publish(&topic, state.to_vec(), false);
    sent.await.map_err(internal)
}

/// One flat object: what the device reported or somebody has set by hand, `device_status`, and in `device_forced` the
/// keys that are set by hand, with spaces between them, where there are any.
async fn whole_state(services: &Services, device: DeviceId) -> Result<Vec<u8>, AppError> {
    let row = device::Entity::find()
        .filter(device::Column::Uuid.eq(device.0))
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let cached = services.cache.get(&[device]).await?.remove(&device);
    let state = match cached {
        Some(cached) => cached,
        None => device_live::Entity::find_by_id(row.id)
            .one(&services.db.read)
            .await
            .map_err(internal)?
            .map(|live| crate::telemetry::state_of(&live))
            .unwrap_or_default(),
    };
    let mut whole = Map::new();
    whole.insert("device_status".to_owned(), Value::String(row.presence));
    if !state.forced.is_empty() {
        let keys: Vec<&str> = state.forced.keys().map(String::as_str).collect();
        whole.insert("device_forced".to_owned(), keys.join(" ").into());
    }
    for (key, value) in state.state {
        whole.insert(key, json_of(value));
    }
    serde_json::to_vec(&whole).map_err(internal)
}

fn json_of(value: Scalar) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The devices that these people have access to.
async fn seen_by(services: &Services, people: &HashSet<UserId>) -> Result<Vec<DeviceId>, AppError> {
    let seen: Vec<uuid::Uuid> = device::Entity::find()
        .select_only()
        .column(device::Column::Uuid)
        .filter(
            device::Column::Id.in_subquery(sea_orm::QueryTrait::into_query(
                device_access::Entity::find()
                    .select_only()
                    .column(device_access::Column::DeviceId)
                    .filter(device_access::Column::Role.is_not_null())
                    .filter(device_access::Column::UserId.is_in(people.iter().map(|u| u.0))),
            )),
        )
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(seen.into_iter().map(DeviceId).collect())
}

/// Who may be listening.
#[derive(Default)]
struct Listeners {
    known: HashSet<UserId>,
    read_at: Option<Instant>,
}

impl Listeners {
    async fn now(&mut self, services: &Services) -> Result<HashSet<UserId>, AppError> {
        if let Some(listening) = services.link.people_listening() {
            return Ok(listening);
        }
        if self.read_at.is_none_or(|at| at.elapsed() > LISTENERS) {
            self.known = with_apps(services).await?;
            self.read_at = Some(Instant::now());
        }
        Ok(self.known.clone())
    }
}

/// The people who have an app.
async fn with_apps(services: &Services) -> Result<HashSet<UserId>, AppError> {
    use certificate::{Column, Entity};
    let people: Vec<Option<uuid::Uuid>> = Entity::find()
        .select_only()
        .column(Column::UserId)
        .distinct()
        .filter(Column::UserId.is_not_null())
        .filter(Column::RevokedMs.is_null())
        .filter(Column::ExpiresMs.gt(services.now().0))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(people.into_iter().flatten().map(UserId).collect())
}
