//! What the ingest must know of a device, kept in memory as long as it is true.
//!
//! An entry is dropped when the device changes, and is read again after a short time in any case, because
//! the live bus may lose. A caller that is about to refuse a message asks [`Directory::fresh`] first.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    AppError, ComponentKey, DeviceId, Email, TimestampMs, UserId, device::Lifecycle,
    live::LiveEvent,
};
use parking_lot::RwLock;
use protocol::SharedSecret;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::{
    Services,
    accounts::{actor::DeviceRef, address},
    apart::apart,
    components, downlink, internal,
};

const KEEP: Duration = Duration::from_secs(30);
const MOST: usize = 65_536;
/// Devices that may be read at a time.
const READERS: usize = 64;

/// What the ingest must know of a device.
#[derive(Debug)]
pub struct Known {
    /// The device.
    pub device: DeviceRef,
    /// Unclaimed, active or revoked.
    pub lifecycle: Lifecycle,
    /// Which ownership this is.
    pub ownership: i64,
    /// The secret of this ownership.
    pub secret: Option<SharedSecret>,
    /// What is from before this moment is refused, in milliseconds.
    pub claimed_ms: i64,
    /// The hardware variant that its reports must carry.
    pub hardware_variant: String,
    /// How often it should report.
    pub report_interval_ms: i64,
    /// The claiming owner's address.
    pub owner: Option<Email>,
    /// The addresses that the owner had before, and until when a report may still carry them.
    pub former: Vec<(Email, TimestampMs)>,
    /// Everybody with access, the owner included.
    pub people: HashMap<UserId, Email>,
    /// Its components.
    pub components: HashMap<ComponentKey, KnownComponent>,
    /// Whether its enrolment code is used up.
    pub code_spent: bool,
    /// The finding for which what its speaker reports is kept apart.
    pub held: Option<i64>,
    /// Whether nobody may speak for it.
    pub blocked: bool,
}

/// What the ingest must know of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownComponent {
    /// Internal id.
    pub id: i64,
    /// Whether the pin rules of the device's hardware allow it.
    pub allowed: bool,
}

/// The devices that were asked for lately; cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    kept: Arc<RwLock<Remembered>>,
    /// Who reads which device: a hundred messages of one device wait for one of them.
    turns: Arc<[tokio::sync::Mutex<()>]>,
}

/// What was read of each device, and when.
type Remembered = HashMap<DeviceId, (Arc<Known>, Instant)>;

impl Default for Directory {
    fn default() -> Self {
        Self {
            kept: Arc::default(),
            turns: (0..READERS).map(|_| tokio::sync::Mutex::new(())).collect(),
        }
    }
}

impl Known {
    /// Whether a report that came at this moment may name this address as its owner's.
    pub fn is_owned_by(&self, address: &Email, at: TimestampMs) -> bool {
        let before = |(former, until): &(Email, TimestampMs)| former == address && at < *until;
        self.owner.as_ref() == Some(address) || self.former.iter().any(before)
    }
}

impl Directory {
    /// What is known of a device; `None` where there is no such device.
    ///
    /// What asks the database is a task of its own, here and in [`Directory::fresh`] and
    /// [`Directory::spend_code`]: the sender's session may stop polling for as long as its device does not
    /// read, and must not keep a connection of the database meanwhile.
    pub async fn get(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<Option<Arc<Known>>, AppError> {
        if let Some(known) = self.kept(device) {
            return Ok(Some(known));
        }
        let (directory, services) = (self.clone(), services.clone());
        apart(async move {
            let turn = usize::from(device.0.as_bytes()[15]) % directory.turns.len();
            let _turn = directory.turns[turn].lock().await;
            match directory.kept(device) {
                Some(known) => Ok(Some(known)),
                None => directory.read(&services, device).await,
            }
        })
        .await
    }

    /// What is known of a device without asking the database.
    pub fn kept(&self, device: DeviceId) -> Option<Arc<Known>> {
        let kept = self.kept.read();
        let (known, at) = kept.get(&device)?;
        (at.elapsed() < KEEP).then(|| known.clone())
    }

    /// As [`Directory::get`], read from the database now.
    pub async fn fresh(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<Option<Arc<Known>>, AppError> {
        let (directory, services) = (self.clone(), services.clone());
        apart(async move { directory.read(&services, device).await }).await
    }

    async fn read(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<Option<Arc<Known>>, AppError> {
        let known = read(services, device).await?.map(Arc::new);
        let mut kept = self.kept.write();
        if kept.len() > MOST {
            kept.clear();
        }
        match &known {
            Some(known) => kept.insert(device, (known.clone(), Instant::now())),
            None => kept.remove(&device),
        };
        Ok(known)
    }

    /// Drops what changes, until `stop`.
    pub async fn follow(self, services: Services, stop: CancellationToken) {
        let mut changes = services.bus.subscribe();
        while let Some(change) = stop.run_until_cancelled(changes.recv()).await {
            match change {
                Ok(event) => match &*event {
                    LiveEvent::Device { device } => {
                        self.kept.write().remove(device);
                    }
                    LiveEvent::Access { .. } => self.kept.write().clear(),
                    _ => {}
                },
                Err(RecvError::Lagged(_)) => self.kept.write().clear(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// A valid signed report came: the enrolment code is used up.
    pub async fn spend_code(&self, services: &Services, known: &Known) -> Result<(), AppError> {
        if known.code_spent {
            return Ok(());
        }
        let row = entity::device::ActiveModel {
            id: Set(known.device.id),
            code_spent_ms: Set(Some(services.now().0)),
            ..Default::default()
        };
        let db = services.db.write.clone();
        apart(async move { row.update(&db).await.map_err(internal) }).await?;
        self.kept.write().remove(&known.device.uuid);
        Ok(())
    }
}

async fn read(services: &Services, device: DeviceId) -> Result<Option<Known>, AppError> {
    let db = &services.db.read;
    let row = entity::device::Entity::find()
        .filter(entity::device::Column::Uuid.eq(device.0))
        .one(db)
        .await
        .map_err(internal)?;
    let Some(row) = row else {
        return Ok(None);
    };
    let attached = components::attached(db, row.id).await?;
    let identity = entity::identity_known::Entity::find_by_id(row.id)
        .one(db)
        .await
        .map_err(internal)?;
    let allowed = components::allowed(db, &row, &attached).await?;
    let with_access = entity::device_access::Entity::find()
        .filter(entity::device_access::Column::DeviceId.eq(row.id))
        .filter(entity::device_access::Column::Role.is_not_null())
        .all(db)
        .await
        .map_err(internal)?;
    let people = entity::user::Entity::find()
        .filter(entity::user::Column::Id.is_in(with_access.iter().map(|a| a.user_id)))
        .all(db)
        .await
        .map_err(internal)?;
    let former = match row.owner_id {
        Some(owner) => address::former(db, UserId(owner)).await?,
        None => Vec::new(),
    };
    let address = |id| {
        let person = people.iter().find(|person| person.id == id)?;
        person.email.parse::<Email>().ok()
    };
    Ok(Some(Known {
        device: DeviceRef {
            id: row.id,
            uuid: device,
        },
        lifecycle: Lifecycle::parse(&row.lifecycle)
            .ok_or_else(|| internal(format!("the lifecycle `{}`", row.lifecycle)))?,
        ownership: row.ownership,
        secret: downlink::secret_of(&services.vault, &row)?,
        claimed_ms: row.claimed_ms.unwrap_or(i64::MAX),
        report_interval_ms: row.report_interval_ms,
        owner: row.owner_id.and_then(address),
        former,
        people: people
            .iter()
            .filter_map(|person| Some((UserId(person.id), person.email.parse().ok()?)))
            .collect(),
        components: attached
            .into_iter()
            .filter_map(|component| {
                let known = KnownComponent {
                    id: component.id,
                    allowed: allowed.contains(&component.id),
                };
                Some((component.key.parse().ok()?, known))
            })
            .collect(),
        code_spent: row.code_spent_ms.is_some(),
        held: identity.as_ref().and_then(|known| known.held_finding_id),
        blocked: identity.is_some_and(|known| known.blocked_ms.is_some()),
        hardware_variant: row.hardware_variant,
    }))
}
