//! Hearing who a device says it is: learnt, or found to differ and answered as the policy says.

use domain::{
    AppError, DeviceId, TimestampMs,
    event::{EventKind, Severity},
    identity::{Act, Circumstances, FindingKind, FindingState, Reaction, Traits, judge},
    live::LiveEvent,
};
use entity::{device, device_live, identity_finding, identity_known};
use protocol::identity::Identity;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, TransactionTrait,
    sea_query::OnConflict,
};
use serde_json::json;

use super::{act, finding, policy, quarantine};
use crate::{
    Services, accounts::actor::DeviceRef, apart::commit_then, devices, downlink, events, internal,
    notices,
};

/// Findings of one kind about one device that are open, or were opened within [`LATELY_MS`]. Past it one more is counted
/// on the newest, so that a device that says something else each time fills neither the table nor people's notices.
const MOST_OF_A_KIND: usize = 4;
const LATELY_MS: i64 = 86_400_000;

/// What becomes of what a speaker reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is who it is known to be, or is let through.
    Settled,
    /// It is kept apart for this finding.
    Held(i64),
}

/// A device says who it is, over this session where it is known.
pub async fn heard(
    services: &Services,
    device: DeviceId,
    identity: &Identity,
    session: Option<u64>,
) -> Result<Standing, AppError> {
    let said = Traits {
        uuid: identity.device_uuid,
        cpu_serial: identity.cpu_serial.trim().chars().take(128).collect(),
        storage_id: identity
            .storage_id
            .as_ref()
            .map(|id| id.trim().chars().take(128).collect()),
        macs: identity
            .macs
            .iter()
            .take(32)
            .map(|mac| mac.chars().take(32).collect())
            .collect(),
    };
    let speaker = speaker(&said);
    let seen = services
        .sightings()
        .says(device, session, &speaker, services.now());
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    let record = record_of(&transaction, row.id).await?;
    let known = known_of(&row, &record);
    let other = another(&transaction, &row, &said).await?;
    let circumstances = Circumstances {
        original_lives: seen.original_lives(last_heard(&transaction, row.id).await?),
        takes_turns: seen.takes_turns,
        serial_of_another: other.is_some(),
    };
    let Some(kind) = judge(&known, &said, circumstances) else {
        let was_held = record.held_finding_id.is_some();
        learn(&transaction, record, &said).await?;
        transaction.commit().await.map_err(internal)?;
        if was_held {
            told(services, device).await;
        }
        devices::identified(services, device, identity).await?;
        return Ok(Standing::Settled);
    };
    let difference = Difference {
        kind,
        known,
        said,
        speaker,
        other: other.map(|other| other.id),
    };
    let noted = note(services, &transaction, &row, &difference).await?;
    let held = noted.holds.then_some(noted.finding);
    hold(&transaction, record, held).await?;
    if let (Some(finding), Some(session)) = (held, session) {
        let device = DeviceRef {
            id: row.id,
            uuid: device,
        };
        quarantine::attach(&transaction, device, session, finding).await?;
    }
    transaction.commit().await.map_err(internal)?;
    follow(services, &row, noted, &difference).await?;
    told(services, device).await;
    let record = record_of(&services.db.read, row.id).await?;
    match record.held_finding_id {
        Some(finding) => Ok(Standing::Held(finding)),
        None => {
            devices::identified(services, device, identity).await?;
            Ok(Standing::Settled)
        }
    }
}

/// Something other than what it says gives a device's identity away: people are told, and its data flows.
pub async fn suspected(
    services: &Services,
    device: DeviceId,
    kind: FindingKind,
    speaker: &str,
) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    let known = known_of(&row, &record_of(&transaction, row.id).await?);
    let difference = Difference {
        kind,
        said: known.clone(),
        known,
        speaker: speaker.to_owned(),
        other: None,
    };
    let mut noted = note(services, &transaction, &row, &difference).await?;
    // Which of the two speaks now is not known.
    noted.perform = None;
    let services = services.clone();
    commit_then(transaction, async move {
        follow(&services, &row, noted, &difference).await
    })
    .await
}

struct Difference {
    kind: FindingKind,
    known: Traits,
    said: Traits,
    speaker: String,
    other: Option<i64>,
}

/// What a finding asks for now.
struct Noted {
    finding: i64,
    /// Whether people are to be told: it is new, worse than it was, or came again after a decision.
    news: bool,
    /// Whether what the speaker reports is kept apart.
    holds: bool,
    /// What the policy does by itself.
    perform: Option<Act>,
    /// Whether the speaker is to be told again to switch itself off.
    disable: bool,
}

async fn note(
    services: &Services,
    transaction: &DatabaseTransaction,
    device: &device::Model,
    difference: &Difference,
) -> Result<Noted, AppError> {
    use identity_finding::{ActiveModel, Column, Entity};
    let now = services.now().0;
    let reaction = policy::stored(transaction).await?.of(difference.kind);
    let latest = Entity::find()
        .filter(Column::DeviceId.eq(device.id))
        .filter(Column::Speaker.eq(&difference.speaker))
        .order_by_desc(Column::Id)
        .one(transaction)
        .await
        .map_err(internal)?;
    let Some(latest) = latest else {
        if let Some(copy) = told_already(transaction, device.id, difference).await? {
            return match difference.speaker == finding::REUSED {
                true => grow(transaction, copy, now, reaction).await,
                false => named(transaction, copy, difference, now, reaction).await,
            };
        }
        if let Some(newest) = crowded(transaction, device.id, difference, now).await? {
            return grow(transaction, newest, now, reaction).await;
        }
        let row = ActiveModel {
            device_id: Set(device.id),
            other_device_id: Set(difference.other),
            kind: Set(difference.kind.as_str().to_owned()),
            state: Set(FindingState::Open.as_str().to_owned()),
            reaction: Set(reaction.as_str().to_owned()),
            known: Set(serde_json::to_value(&difference.known).map_err(internal)?),
            said: Set(serde_json::to_value(&difference.said).map_err(internal)?),
            speaker: Set(difference.speaker.clone()),
            opened_ms: Set(now),
            last_ms: Set(now),
            count: Set(1),
            ..Default::default()
        };
        let row = row.insert(transaction).await.map_err(internal)?;
        return Ok(answered(row.id, reaction));
    };
    let open = latest.state == FindingState::Open.as_str();
    let same = latest.kind == difference.kind.as_str();
    let act = latest.act.as_deref().and_then(Act::parse);
    let (id, count) = (latest.id, latest.count.saturating_add(1));
    let was = Reaction::parse(&latest.reaction).unwrap_or(Reaction::Quarantine);
    let mut change: ActiveModel = latest.into();
    change.last_ms = Set(now);
    change.count = Set(count);
    let quiet = |holds| Noted {
        finding: id,
        news: false,
        holds,
        perform: None,
        disable: act == Some(Act::Disable),
    };
    // A swap that turns out to be a copy is worse than it was; anything else is what it was found to be.
    let worse = !same && difference.kind == FindingKind::Clone;
    let noted = match (open, act) {
        _ if worse => answered(id, reaction),
        (true, _) => quiet(was != Reaction::Alert),
        (false, Some(Act::Accept | Act::Release)) => quiet(false),
        (false, Some(Act::Block | Act::Disable)) => quiet(true),
        // It was decided on, and here it is again.
        (false, _) => Noted {
            perform: None,
            holds: true,
            ..answered(id, reaction)
        },
    };
    if noted.news {
        change.kind = Set(difference.kind.as_str().to_owned());
        change.reaction = Set(reaction.as_str().to_owned());
        change.known = Set(serde_json::to_value(&difference.known).map_err(internal)?);
        reopen(&mut change);
    }
    change.update(transaction).await.map_err(internal)?;
    Ok(noted)
}

/// The open finding of the same copy: it gives itself away by what it says, and by a sequence that it used again,
/// whichever is heard first.
async fn told_already(
    transaction: &DatabaseTransaction,
    device: i64,
    difference: &Difference,
) -> Result<Option<identity_finding::Model>, AppError> {
    use identity_finding::{Column, Entity};
    if difference.kind != FindingKind::Clone || difference.speaker == finding::KEY {
        return Ok(None);
    }
    let of_the_other_sign = match difference.speaker == finding::REUSED {
        true => Column::Speaker.is_not_in([finding::REUSED, finding::KEY]),
        false => Column::Speaker.eq(finding::REUSED),
    };
    Entity::find()
        .filter(Column::DeviceId.eq(device))
        .filter(Column::Kind.eq(FindingKind::Clone.as_str()))
        .filter(Column::State.eq(FindingState::Open.as_str()))
        .filter(of_the_other_sign)
        .order_by_desc(Column::Id)
        .one(transaction)
        .await
        .map_err(internal)
}

/// Who used a sequence again has said what it is: people were told of it, and the policy can act now.
async fn named(
    transaction: &DatabaseTransaction,
    copy: identity_finding::Model,
    difference: &Difference,
    now: i64,
    reaction: Reaction,
) -> Result<Noted, AppError> {
    let (finding, count) = (copy.id, copy.count.saturating_add(1));
    let mut change: identity_finding::ActiveModel = copy.into();
    change.speaker = Set(difference.speaker.clone());
    change.known = Set(serde_json::to_value(&difference.known).map_err(internal)?);
    change.said = Set(serde_json::to_value(&difference.said).map_err(internal)?);
    change.reaction = Set(reaction.as_str().to_owned());
    change.last_ms = Set(now);
    change.count = Set(count);
    change.update(transaction).await.map_err(internal)?;
    Ok(Noted {
        news: false,
        ..answered(finding, reaction)
    })
}

/// The newest finding of this kind, open ones first, where there are as many about the device as there may be. What is
/// not told apart by what was said is one finding anyway.
async fn crowded(
    transaction: &DatabaseTransaction,
    device: i64,
    difference: &Difference,
    now: i64,
) -> Result<Option<identity_finding::Model>, AppError> {
    use identity_finding::{Column, Entity};
    if [finding::REUSED, finding::KEY].contains(&difference.speaker.as_str()) {
        return Ok(None);
    }
    let open = Column::State.eq(FindingState::Open.as_str());
    let counted = Condition::any()
        .add(open)
        .add(Column::OpenedMs.gt(now - LATELY_MS));
    // Whom people let through stays let through, and is counted nowhere else.
    let others = Condition::any()
        .add(Column::Act.is_null())
        .add(Column::Act.ne(Act::Release.as_str()));
    let mut found = Entity::find()
        .filter(Column::DeviceId.eq(device))
        .filter(Column::Kind.eq(difference.kind.as_str()))
        .filter(Column::Speaker.is_not_in([finding::REUSED, finding::KEY]))
        .filter(counted)
        .filter(others)
        .order_by_desc(Column::Id)
        .all(transaction)
        .await
        .map_err(internal)?;
    if found.len() < MOST_OF_A_KIND {
        return Ok(None);
    }
    let is_open = |row: &identity_finding::Model| row.state == FindingState::Open.as_str();
    let newest = found.iter().position(is_open).unwrap_or(0);
    Ok(Some(found.swap_remove(newest)))
}

/// Counts another speaker on a finding. One that is decided on waits for people again, whatever the policy does by
/// itself: what is kept apart for it must not go the way that was decided for another speaker.
async fn grow(
    transaction: &DatabaseTransaction,
    newest: identity_finding::Model,
    now: i64,
    reaction: Reaction,
) -> Result<Noted, AppError> {
    let holds = reaction != Reaction::Alert;
    let again = holds && newest.state != FindingState::Open.as_str();
    let (finding, count) = (newest.id, newest.count.saturating_add(1));
    let mut change: identity_finding::ActiveModel = newest.into();
    change.last_ms = Set(now);
    change.count = Set(count);
    if again {
        reopen(&mut change);
    }
    change.update(transaction).await.map_err(internal)?;
    Ok(Noted {
        finding,
        news: again,
        holds,
        perform: None,
        disable: false,
    })
}

fn reopen(change: &mut identity_finding::ActiveModel) {
    change.state = Set(FindingState::Open.as_str().to_owned());
    change.act = Set(None);
    change.resolved_by = Set(None);
    change.resolved_ms = Set(None);
    change.before = Set(None);
}

/// How a policy answers what is new.
fn answered(finding: i64, reaction: Reaction) -> Noted {
    Noted {
        finding,
        news: true,
        holds: reaction != Reaction::Alert,
        perform: match reaction {
            Reaction::Alert | Reaction::Quarantine => None,
            Reaction::Block => Some(Act::Block),
            Reaction::Remap => Some(Act::Accept),
            Reaction::Reprovision => Some(Act::Reprovision),
            Reaction::Disable => Some(Act::Disable),
        },
        disable: false,
    }
}

/// Tells people, and does what the policy does by itself.
async fn follow(
    services: &Services,
    device: &device::Model,
    noted: Noted,
    difference: &Difference,
) -> Result<(), AppError> {
    let uuid = DeviceId(device.uuid);
    if noted.news {
        let severity = match difference.kind {
            FindingKind::Clone | FindingKind::Collision => Severity::Alarm,
            FindingKind::BoardSwap | FindingKind::CardSwap => Severity::Warning,
        };
        let detail = json!({
            "finding": noted.finding,
            "kind": difference.kind.as_str(),
            "cpu_serial": difference.said.cpu_serial,
        });
        tracing::warn!(
            target: "security", device = %uuid, kind = difference.kind.as_str(),
            finding = noted.finding, "the identity of device {uuid} is in doubt"
        );
        events::record(
            services,
            device.id,
            uuid,
            EventKind::IdentityFound,
            severity,
            detail,
        )
        .await?;
        notices::identity(services, device, noted.finding).await?;
    }
    if let Some(act) = noted.perform {
        match act::perform(services, None, noted.finding, act).await {
            Ok(()) => {}
            // What the policy wants does not fit this one: people decide, and the reports wait.
            Err(AppError::Conflict { .. }) => {
                tracing::warn!(device = %uuid, act = act.as_str(), "a policy does not apply; people decide");
            }
            Err(error) => return Err(error),
        }
    }
    if noted.disable {
        act::send_disable(services, uuid, &difference.said.cpu_serial).await;
    }
    Ok(())
}

async fn told(services: &Services, device: DeviceId) {
    services
        .bus
        .publish(vec![LiveEvent::Device { device }])
        .await;
}

/// Tells speakers apart.
pub(super) fn speaker(said: &Traits) -> String {
    let storage = said.storage_id.as_deref().unwrap_or_default();
    format!("{}|{storage}|{}", said.cpu_serial, said.uuid).to_lowercase()
}

/// What a device is known to be.
pub(super) fn known_of(device: &device::Model, record: &identity_known::Model) -> Traits {
    Traits {
        uuid: DeviceId(device.uuid),
        cpu_serial: device.cpu_serial.clone(),
        storage_id: record.storage_id.clone(),
        macs: serde_json::from_value(record.macs.clone()).unwrap_or_default(),
    }
}

pub(super) async fn record_of<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<identity_known::Model, AppError> {
    let found = identity_known::Entity::find_by_id(device)
        .one(connection)
        .await
        .map_err(internal)?;
    Ok(found.unwrap_or(identity_known::Model {
        device_id: device,
        storage_id: None,
        macs: json!([]),
        held_finding_id: None,
        blocked_ms: None,
        quarantined: 0,
    }))
}

/// Whether nobody may speak for a device.
pub(crate) async fn is_blocked<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<bool, AppError> {
    let record = record_of(connection, device).await?;
    Ok(record.blocked_ms.is_some())
}

async fn another(
    transaction: &DatabaseTransaction,
    device: &device::Model,
    said: &Traits,
) -> Result<Option<device::Model>, AppError> {
    if device.cpu_serial.eq_ignore_ascii_case(&said.cpu_serial) {
        return Ok(None);
    }
    device::Entity::find()
        .filter(device::Column::CpuSerial.eq(&said.cpu_serial))
        .one(transaction)
        .await
        .map_err(internal)
}

async fn last_heard(
    transaction: &DatabaseTransaction,
    device: i64,
) -> Result<Option<TimestampMs>, AppError> {
    let row = device_live::Entity::find_by_id(device)
        .one(transaction)
        .await
        .map_err(internal)?;
    Ok(row.and_then(|row| row.last_received_ms).map(TimestampMs))
}

/// The speaker is the one that is known: what it says beyond is learnt, and nothing is kept apart for it.
async fn learn(
    transaction: &DatabaseTransaction,
    record: identity_known::Model,
    said: &Traits,
) -> Result<(), AppError> {
    let mut learnt = record.clone();
    learnt.held_finding_id = None;
    if learnt.storage_id.is_none() {
        learnt.storage_id.clone_from(&said.storage_id);
    }
    if !said.macs.is_empty() {
        learnt.macs = json!(said.macs);
    }
    match learnt == record {
        true => Ok(()),
        false => keep(transaction, learnt).await,
    }
}

async fn hold(
    transaction: &DatabaseTransaction,
    record: identity_known::Model,
    held: Option<i64>,
) -> Result<(), AppError> {
    let held_finding_id = held;
    keep(
        transaction,
        identity_known::Model {
            held_finding_id,
            ..record
        },
    )
    .await
}

/// Writes what is known of a device; how much is kept apart is counted elsewhere.
pub(super) async fn keep<C: ConnectionTrait>(
    connection: &C,
    record: identity_known::Model,
) -> Result<(), AppError> {
    use identity_known::{ActiveModel, Column, Entity};
    let columns = [
        Column::StorageId,
        Column::Macs,
        Column::HeldFindingId,
        Column::BlockedMs,
    ];
    let row = ActiveModel {
        device_id: Set(record.device_id),
        storage_id: Set(record.storage_id),
        macs: Set(record.macs),
        held_finding_id: Set(record.held_finding_id),
        blocked_ms: Set(record.blocked_ms),
        quarantined: Set(record.quarantined),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::DeviceId)
                .update_columns(columns)
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await
        .map(|_| ())
        .map_err(internal)
}
