//! A device's raw messages while somebody watches it: a bounded window in memory, never on disk.
//!
//! Invariant: nothing is kept of a device that nobody watches, and to ask costs one read of an atomic then. A
//! window holds at most [`MOST_MESSAGES`] and [`MOST_BYTES`] of one ownership.

mod link;
mod passing;
mod shown;

pub(crate) use link::Overheard;
pub use passing::Passing;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{
    AppError, DeviceId, TimestampMs, UserId,
    live::LiveEvent,
    traffic::{TrafficMessage, TrafficQuery},
};
use parking_lot::Mutex;
use sea_orm::{EntityTrait, QuerySelect};
use serde_json::json;

use crate::{Clock, Services, audit, commands::MayCommand, internal, live::LiveBus};

/// Messages that are kept of a device.
const MOST_MESSAGES: usize = 200;
/// Bytes of topics and texts that are kept of a device.
const MOST_BYTES: usize = 256 * 1024;
/// Devices that are watched at a time.
const MOST_DEVICES: usize = 64;
/// A device whose messages nobody has asked for so long is watched no more, in milliseconds.
const WATCHED_MS: i64 = 5 * 60_000;
/// How often it is looked whether anybody still watches.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The windows of the devices that are watched.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    watched: AtomicUsize,
    windows: Mutex<HashMap<DeviceId, Window>>,
}

#[derive(Debug)]
struct Window {
    messages: VecDeque<TrafficMessage>,
    bytes: usize,
    next: u64,
    /// Whose it is: what passed under a former owner is not shown to the next.
    ownership: i64,
    /// Open pages.
    pages: usize,
    /// When it was last asked for.
    asked: TimestampMs,
    /// Whether pages were told since then that something has passed.
    told: bool,
    /// Who is in the audit for it.
    audited: HashSet<UserId>,
}

impl Traffic {
    fn is_watched(&self, device: DeviceId) -> bool {
        self.watched.load(Ordering::Relaxed) > 0 && self.windows.lock().contains_key(&device)
    }

    /// Keeps a message of a watched device; whether pages are to be told.
    fn keep(&self, device: DeviceId, now: TimestampMs, passing: Passing<'_>) -> bool {
        // Outside the lock: a text may be long.
        let payload = passing.payload.map(shown::shown);
        let mut windows = self.windows.lock();
        let Some(window) = windows.get_mut(&device) else {
            return false;
        };
        let message = TrafficMessage {
            number: window.next,
            at: now,
            direction: passing.direction,
            packet: passing.packet,
            topic: passing.topic.chars().take(200).collect(),
            size_bytes: u64::try_from(passing.payload.map_or(0, <[u8]>::len)).unwrap_or(0),
            payload,
            fate: passing.fate,
            refused: passing.refused,
            cause: passing.cause,
        };
        window.next += 1;
        window.bytes += bytes_of(&message);
        window.messages.push_back(message);
        while window.messages.len() > MOST_MESSAGES || window.bytes > MOST_BYTES {
            let Some(oldest) = window.messages.pop_front() else {
                break;
            };
            window.bytes -= bytes_of(&oldest);
        }
        !std::mem::replace(&mut window.told, true)
    }

    /// Looks at a device's window, which begins where there is none; whether it began.
    fn at<T>(
        &self,
        device: DeviceId,
        ownership: i64,
        now: TimestampMs,
        look: impl FnOnce(&mut Window) -> T,
    ) -> Result<(T, bool), AppError> {
        let mut windows = self.windows.lock();
        let began = !windows.contains_key(&device);
        if began && windows.len() >= MOST_DEVICES {
            windows.retain(|_, window| !window.is_over(now));
            if windows.len() >= MOST_DEVICES {
                return Err(AppError::conflict("too_many_watched"));
            }
        }
        let window = windows
            .entry(device)
            .or_insert_with(|| Window::new(ownership, now));
        if window.ownership != ownership {
            window.messages.clear();
            window.bytes = 0;
            window.ownership = ownership;
        }
        window.asked = now;
        let seen = look(window);
        self.watched.store(windows.len(), Ordering::Relaxed);
        Ok((seen, began))
    }

    /// Forgets a device's window where nobody watches it any more; whether it is gone.
    fn end(&self, device: DeviceId, now: TimestampMs) -> bool {
        let mut windows = self.windows.lock();
        if windows
            .get(&device)
            .is_some_and(|window| window.is_over(now))
        {
            windows.remove(&device);
        }
        self.watched.store(windows.len(), Ordering::Relaxed);
        !windows.contains_key(&device)
    }
}

impl Window {
    fn new(ownership: i64, now: TimestampMs) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            // A page may still ask for what comes after a message of an earlier window.
            next: u64::try_from(now.0).unwrap_or(1),
            ownership,
            pages: 0,
            asked: now,
            told: false,
            audited: HashSet::new(),
        }
    }

    fn is_over(&self, now: TimestampMs) -> bool {
        self.pages == 0 && now.since(self.asked) > WATCHED_MS
    }
}

fn bytes_of(message: &TrafficMessage) -> usize {
    let payload = message.payload.as_ref().map_or(0, String::len);
    size_of::<TrafficMessage>() + message.topic.len() + payload
}

/// Whether anybody watches this device.
pub fn is_watched(services: &Services, device: DeviceId) -> bool {
    services.traffic().is_watched(device)
}

/// Notes a message of a device, where somebody watches it.
pub async fn note(services: &Services, device: DeviceId, passing: Passing<'_>) {
    let (traffic, bus) = (services.traffic(), services.bus.as_ref());
    overhear(traffic, bus, services.clock.as_ref(), device, passing).await;
}

async fn overhear(
    traffic: &Traffic,
    bus: &dyn LiveBus,
    clock: &dyn Clock,
    device: DeviceId,
    passing: Passing<'_>,
) {
    if traffic.is_watched(device) && traffic.keep(device, clock.now(), passing) {
        bus.publish(vec![LiveEvent::Traffic { device }]).await;
    }
}

/// The latest messages of a device, newest first; it is watched from now on, for five minutes or as long as a
/// page is open. That somebody watches is audited.
pub async fn read(
    services: &Services,
    watcher: &impl MayCommand,
    query: &TrafficQuery,
) -> Result<Vec<TrafficMessage>, AppError> {
    let look = |window: &mut Window| {
        window.told = false;
        let newest = window.messages.iter().rev();
        let asked = newest.filter(|message| query.asks_for(message));
        asked.cloned().collect()
    };
    at(services, watcher, look).await
}

/// An open page that shows a device's messages: they are kept as long as it is there.
#[derive(Debug)]
pub struct Watch {
    services: Services,
    device: DeviceId,
}

/// Keeps a device's messages until the answer is dropped, and for five minutes after.
pub async fn watch(services: &Services, watcher: &impl MayCommand) -> Result<Watch, AppError> {
    at(services, watcher, |window| window.pages += 1).await?;
    Ok(Watch {
        services: services.clone(),
        device: watcher.device().uuid,
    })
}

impl Drop for Watch {
    fn drop(&mut self) {
        let now = self.services.now();
        let mut windows = self.services.traffic().windows.lock();
        if let Some(window) = windows.get_mut(&self.device) {
            window.pages = window.pages.saturating_sub(1);
            window.asked = now;
        }
    }
}

async fn at<T>(
    services: &Services,
    watcher: &impl MayCommand,
    look: impl FnOnce(&mut Window) -> T,
) -> Result<T, AppError> {
    let (device, now, user) = (watcher.device(), services.now(), watcher.actor().user.id);
    let ownership: i64 = entity::device::Entity::find_by_id(device.id)
        .select_only()
        .column(entity::device::Column::Ownership)
        .into_tuple()
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let traffic = services.traffic();
    let ((seen, first), began) = traffic.at(device.uuid, ownership, now, |window| {
        let first = window.audited.insert(user);
        (look(window), first)
    })?;
    if began {
        tokio::spawn(forget(
            Arc::downgrade(traffic),
            services.clock.clone(),
            device.uuid,
        ));
    }
    if first {
        let target = Some(device.uuid.to_string());
        let db = &services.db.write;
        let (actor, action) = (watcher.actor(), "traffic.watch");
        audit::record(services, db, actor, action, target, json!({})).await?;
    }
    Ok(seen)
}

/// Forgets a window when nobody watches any more, also of a device that says nothing.
async fn forget(traffic: Weak<Traffic>, clock: Arc<dyn Clock>, device: DeviceId) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match traffic.upgrade() {
            Some(traffic) if !traffic.end(device, clock.now()) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::traffic::Fate;

    use super::*;

    const NOW: TimestampMs = TimestampMs(1_000_000);

    fn kept(traffic: &Traffic, device: DeviceId) -> Vec<TrafficMessage> {
        let messages = |window: &mut Window| window.messages.iter().cloned().collect();
        traffic.at(device, 1, NOW, messages).unwrap().0
    }

    #[test]
    fn a_window_is_bounded_and_belongs_to_one_ownership() {
        let (traffic, device) = (Traffic::default(), DeviceId::random());
        let passing = Passing::up("t", b"1", Fate::Taken);
        assert!(!traffic.is_watched(device) && !traffic.keep(device, NOW, passing));
        assert!(kept(&traffic, device).is_empty());
        for _ in 0..MOST_MESSAGES + 5 {
            traffic.keep(device, NOW, passing);
        }
        let messages = kept(&traffic, device);
        assert_eq!(messages.len(), MOST_MESSAGES);
        let long = vec![b'x'; 60_000];
        for _ in 0..MOST_MESSAGES {
            traffic.keep(device, NOW, Passing::up("t", &long, Fate::Taken));
        }
        let bytes: usize = kept(&traffic, device).iter().map(bytes_of).sum();
        assert!(bytes <= MOST_BYTES, "{bytes}");
        let (left, _) = traffic.at(device, 2, NOW, |w| w.messages.len()).unwrap();
        assert_eq!(left, 0, "another's");
    }

    #[test]
    fn pages_are_told_once_until_one_has_read() {
        let (traffic, device) = (Traffic::default(), DeviceId::random());
        let passing = Passing::up("t", b"1", Fate::Taken);
        traffic.at(device, 1, NOW, |_| ()).unwrap();
        assert!(traffic.keep(device, NOW, passing));
        assert!(!traffic.keep(device, NOW, passing));
        traffic
            .at(device, 1, NOW, |window| window.told = false)
            .unwrap();
        assert!(traffic.keep(device, NOW, passing));
    }

    #[test]
    fn a_window_ends_when_nobody_asks_and_no_page_is_open() {
        let (traffic, device) = (Traffic::default(), DeviceId::random());
        let later = TimestampMs(NOW.0 + WATCHED_MS + 1);
        traffic
            .at(device, 1, NOW, |window| window.pages += 1)
            .unwrap();
        assert!(!traffic.end(device, later));
        traffic
            .at(device, 1, NOW, |window| window.pages -= 1)
            .unwrap();
        assert!(!traffic.end(device, NOW));
        assert!(traffic.end(device, later) && !traffic.is_watched(device));
        for _ in 0..MOST_DEVICES {
            traffic.at(DeviceId::random(), 1, NOW, |_| ()).unwrap();
        }
        let full = traffic.at(device, 1, NOW, |_| ()).map(|_| ());
        assert_eq!(full, Err(AppError::conflict("too_many_watched")));
        assert!(
            traffic.at(device, 1, later, |_| ()).is_ok(),
            "the old ones went"
        );
    }
}
