//! How long a device was there: the past days in slots for a strip, and each time it was not with its cause.

use domain::{
    AppError, TimestampMs,
    device::{Presence, PresenceCause},
    event::EventKind,
    finding::{Absence, PresenceHistory, PresenceSlot},
};
use entity::device_event::{Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::{Services, ViewerOf, internal};

const HOUR_MS: i64 = 3_600_000;
/// How far back one may look.
pub const MOST_DAYS: u32 = 90;
/// Slots of a strip: as many as can be told apart.
const SLOTS: i64 = 84;
/// Changes read at most, the latest; what was before them is not known, and not kept.
pub const MOST_CHANGES: u64 = 50_000;
/// Absences told at most, the latest.
const MOST_ABSENCES: usize = 50;

/// A stretch in which presence did not change.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: i64,
    to: i64,
    presence: Presence,
    cause: PresenceCause,
}

/// Presence of the last `days`, as far back as the viewer may look.
pub async fn history(
    services: &Services,
    viewer: &ViewerOf,
    days: u32,
) -> Result<PresenceHistory, AppError> {
    let now = services.now().0;
    let length = i64::from(days.clamp(1, MOST_DAYS)) * 24 * HOUR_MS;
    let from = now - length;
    let stretches = stretches(services, viewer, from, now).await?;
    let slot = length / SLOTS;
    let mut slots: Vec<PresenceSlot> = (0..SLOTS)
        .map(|n| PresenceSlot {
            at: TimestampMs(from + n * slot),
            online_ms: 0,
            timeout_ms: 0,
            offline_ms: 0,
        })
        .collect();
    let (mut online, mut known) = (0, 0);
    for stretch in &stretches {
        let long = stretch.to - stretch.from;
        known += long;
        if stretch.presence == Presence::Online {
            online += long;
        }
        fill(&mut slots, from, slot, stretch);
    }
    let absences = stretches
        .iter()
        .rev()
        .filter(|stretch| stretch.presence != Presence::Online)
        .take(MOST_ABSENCES)
        .map(|stretch| Absence {
            from: TimestampMs(stretch.from),
            to: (stretch.to < now).then_some(TimestampMs(stretch.to)),
            presence: stretch.presence,
            cause: stretch.cause,
        })
        .collect();
    Ok(PresenceHistory {
        from: TimestampMs(from),
        to: TimestampMs(now),
        slot_ms: slot,
        slots,
        online_ms: online,
        known_ms: known,
        absences,
    })
}

fn fill(slots: &mut [PresenceSlot], from: i64, slot: i64, stretch: &Stretch) {
    let first = usize::try_from((stretch.from - from).div_euclid(slot)).unwrap_or(0);
    for one in slots.iter_mut().skip(first) {
        let (begin, end) = (one.at.0, one.at.0 + slot);
        if begin >= stretch.to {
            return;
        }
        let within = (stretch.to.min(end) - stretch.from.max(begin)).max(0);
        match stretch.presence {
            Presence::Online => one.online_ms += within,
            Presence::Timeout => one.timeout_ms += within,
            Presence::Offline => one.offline_ms += within,
        }
    }
}

/// In time order and without gaps; what is the same in a row is one.
async fn stretches(
    services: &Services,
    viewer: &ViewerOf,
    from: i64,
    now: i64,
) -> Result<Vec<Stretch>, AppError> {
    let device = viewer.device().id;
    let may_see = viewer.history_from_ms.max(0);
    let changes = Entity::find()
        .select_only()
        .columns([Column::AtMs, Column::Detail])
        .filter(Column::DeviceId.eq(device))
        .filter(Column::Kind.eq(EventKind::Presence.as_str()))
        .order_by_desc(Column::AtMs)
        .order_by_desc(Column::Id);
    let within: Vec<(i64, serde_json::Value)> = changes
        .clone()
        .filter(Column::AtMs.gte(from.max(may_see)))
        .limit(MOST_CHANGES)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    // How it stood when the time began; not where somebody else owned it then.
    let before: Option<(i64, serde_json::Value)> = match from > may_see {
        true => changes
            .filter(Column::AtMs.lt(from))
            .apply_if((may_see > 0).then_some(may_see), |query, may_see| {
                query.filter(Column::AtMs.gte(may_see))
            })
            .limit(1)
            .into_tuple()
            .one(&services.db.read)
            .await
            .map_err(internal)?,
        false => None,
    };
    let whole = u64::try_from(within.len()).unwrap_or(u64::MAX) < MOST_CHANGES;
    let before = before.filter(|_| whole).map(|(_, detail)| (from, detail));
    let mut all: Vec<Stretch> = Vec::new();
    for (at, detail) in before.into_iter().chain(within.into_iter().rev()) {
        let text = |key: &str| detail.get(key).and_then(serde_json::Value::as_str);
        let (Some(presence), Some(cause)) = (
            text("presence").and_then(Presence::parse),
            text("cause").and_then(PresenceCause::parse),
        ) else {
            continue;
        };
        if let Some(last) = all.last_mut() {
            if (last.presence, last.cause) == (presence, cause) {
                continue;
            }
            last.to = at;
        }
        all.push(Stretch {
            from: at,
            to: now,
            presence,
            cause,
        });
    }
    Ok(all)
}
