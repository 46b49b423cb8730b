//! Who is connected, and telling the service of it in the order in which it happened.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use domain::{AppError, DeviceId, UserId, device::PresenceCause};
use ingest::Session;
use parking_lot::{Mutex, RwLock};
use protocol::Principal;
use service::{
    Services, commands, devices,
    presence::{self, AT_ONCE, SessionChange},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Between tries to write what happened: a minute and a half in all.
const RETRY: [Duration; 12] = {
    let mut pauses = [Duration::from_secs(10); 12];
    pauses[0] = Duration::from_millis(50);
    pauses[1] = Duration::from_millis(250);
    pauses[2] = Duration::from_secs(1);
    pauses[3] = Duration::from_secs(5);
    pauses
};

/// A session that began or ended.
#[derive(Debug)]
enum Change {
    Connected {
        device: DeviceId,
        session: u64,
        serial: String,
    },
    Disconnected {
        device: DeviceId,
        session: u64,
        cause: PresenceCause,
    },
    Subscribed {
        device: DeviceId,
    },
    ResetAcknowledged {
        device: DeviceId,
    },
}

/// The live sessions of this process.
#[derive(Debug)]
pub(super) struct Sessions {
    /// By client id: who, and which session of theirs.
    live: RwLock<HashMap<String, (Principal, Session)>>,
    /// Connected apps, by client id: whose, and with which certificate.
    apps: RwLock<HashMap<String, (UserId, String)>>,
    /// By client id: the serial with which it was let in.
    serials: Mutex<HashMap<String, (Principal, String)>>,
    revoked: Mutex<HashSet<String>>,
    changes: mpsc::UnboundedSender<Change>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Change>>>,
}

impl Default for Sessions {
    fn default() -> Self {
        // Bounded by the connections: each has at most a few changes under way.
        let (changes, inbox) = mpsc::unbounded_channel();
        Self {
            live: RwLock::default(),
            apps: RwLock::default(),
            serials: Mutex::default(),
            revoked: Mutex::default(),
            changes,
            inbox: Mutex::new(Some(inbox)),
        }
    }
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.live.read().len()
    }

    pub(super) fn is_connected(&self, device: DeviceId) -> bool {
        self.live.read().contains_key(&device.to_string())
    }

    /// Its next end is by revocation.
    pub(super) fn mark_revoked(&self, client_id: &str) {
        if self.live.read().contains_key(client_id) {
            self.revoked.lock().insert(client_id.to_owned());
        }
    }

    /// The people whose apps are connected.
    pub(super) fn people(&self) -> HashSet<UserId> {
        self.apps.read().values().map(|(user, _)| *user).collect()
    }

    /// The client ids that are connected with this app's certificate.
    pub(super) fn of_app(&self, user: UserId, serial: &str) -> Vec<String> {
        let apps = self.apps.read();
        let same = apps
            .iter()
            .filter(|(_, (who, with))| *who == user && with == serial);
        same.map(|(client_id, _)| client_id.clone()).collect()
    }

    /// A certificate was let in under this client id.
    pub(super) fn admitted(&self, client_id: &str, principal: Principal, serial: &str) {
        self.serials
            .lock()
            .insert(client_id.to_owned(), (principal, serial.to_owned()));
    }

    /// Who is behind a client id.
    pub(super) fn principal(&self, client_id: &str) -> Option<Principal> {
        let live = self.live.read().get(client_id).map(|(p, _)| p.clone());
        live.or_else(|| self.serials.lock().get(client_id).map(|(p, _)| p.clone()))
    }

    /// The device behind a client id and its session, where it is connected.
    pub(super) fn device(&self, client_id: &str) -> Option<(DeviceId, Session)> {
        match self.live.read().get(client_id)? {
            (Principal::Device { id, .. }, session) => Some((*id, session.clone())),
            (Principal::App { .. }, _) => None,
        }
    }

    pub(super) fn connected(&self, client_id: &str, session: u64) {
        let Some((principal, serial)) = self.serials.lock().remove(client_id) else {
            return;
        };
        let device = device_of(&principal);
        if let Principal::App { user, .. } = &principal {
            let mut apps = self.apps.write();
            apps.insert(client_id.to_owned(), (*user, serial.clone()));
        }
        self.revoked.lock().remove(client_id);
        self.live
            .write()
            .insert(client_id.to_owned(), (principal, Session::new(session)));
        if let Some(device) = device {
            self.tell_change(Change::Connected {
                device,
                session,
                serial,
            });
        }
    }

    pub(super) fn disconnected(&self, client_id: &str, session: u64, cause: PresenceCause) {
        let mut live = self.live.write();
        let Some((principal, latest)) = live.get(client_id) else {
            return;
        };
        let device = device_of(principal);
        if latest.number == session {
            live.remove(client_id);
            self.apps.write().remove(client_id);
        }
        drop(live);
        let revoked = self.revoked.lock().remove(client_id);
        let cause = if revoked {
            PresenceCause::Revoked
        } else {
            cause
        };
        if let Some(device) = device {
            self.tell_change(Change::Disconnected {
                device,
                session,
                cause,
            });
        }
    }

    /// The device hears its commands now.
    pub(super) fn subscribed(&self, device: DeviceId) {
        self.tell_change(Change::Subscribed { device });
    }

    pub(super) fn reset_acknowledged(&self, device: DeviceId) {
        self.tell_change(Change::ResetAcknowledged { device });
    }

    fn tell_change(&self, change: Change) {
        // Without a receiver the server is stopping, and its next start says so itself.
        let _ = self.changes.send(change);
    }

    /// Tells the service of every change until `stop`.
    pub(super) fn tell(
        self: Arc<Self>,
        services: Services,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        let inbox = self.inbox.lock().take();
        tokio::spawn(async move {
            let Some(mut inbox) = inbox else { return };
            let mut changes = Vec::with_capacity(AT_ONCE);
            while let Some(1..) = stop
                .run_until_cancelled(inbox.recv_many(&mut changes, AT_ONCE))
                .await
            {
                for round in rounds(changes.drain(..)) {
                    apply(&services, round, &stop).await;
                }
            }
        })
    }
}

/// Changes in rounds, so that no device is twice in one and each one's stay in their order.
fn rounds(changes: impl Iterator<Item = Change>) -> Vec<Vec<Change>> {
    let mut rounds: Vec<Vec<Change>> = Vec::new();
    let mut before: HashMap<DeviceId, usize> = HashMap::new();
    for change in changes {
        let round = before.entry(change.device()).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(change);
        *round += 1;
    }
    rounds
}

/// Writes a round: the sessions of all its devices at once, and what follows from each.
async fn apply(services: &Services, round: Vec<Change>, stop: &CancellationToken) {
    let happened: Vec<SessionChange> = round.iter().filter_map(Change::of_session).collect();
    let written = again(stop, || presence::sessions(services, &happened));
    if let Err(error) = written.await {
        let sessions = happened.len();
        tracing::error!(%error, sessions, "changes of sessions were not written");
    }
    for change in round {
        let done = match &change {
            Change::Connected { device, serial, .. } => {
                let follow =
                    async || devices::admission::connected_with(services, *device, serial).await;
                again(stop, follow).await
            }
            Change::Disconnected { .. } => Ok(()),
            Change::Subscribed { device } => {
                // Delivering waits for the broker and the database: others need not wait for it.
                let (services, device) = (services.clone(), *device);
                tokio::spawn(async move {
                    if let Err(error) = commands::deliver(&services, device).await {
                        tracing::error!(%device, %error, "waiting commands were not delivered");
                    }
                });
                Ok(())
            }
            Change::ResetAcknowledged { device } => {
                again(stop, || devices::reset_acknowledged(services, *device)).await
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, ?change, "a session's change was not followed");
        }
    }
}

/// Does this again while the database has no room for it: who is connected is told once, and a change that
/// is lost would be wrong on every page until the next one.
async fn again<W: Future<Output = Result<(), AppError>>>(
    stop: &CancellationToken,
    mut work: impl FnMut() -> W,
) -> Result<(), AppError> {
    for pause in RETRY {
        match work().await {
            Err(error @ (AppError::Internal { .. } | AppError::Unavailable)) => {
                tracing::warn!(%error, "a session's change waits to be written");
                let stopped = tokio::time::timeout(pause, stop.cancelled());
                if stopped.await.is_ok() {
                    return Err(error);
                }
            }
            done => return done,
        }
    }
    work().await
}

impl Change {
    fn device(&self) -> DeviceId {
        match self {
            Self::Connected { device, .. }
            | Self::Disconnected { device, .. }
            | Self::Subscribed { device }
            | Self::ResetAcknowledged { device } => *device,
        }
    }

    fn of_session(&self) -> Option<SessionChange> {
        let (device, session, ended) = match self {
            Self::Connected {
                device, session, ..
            } => (*device, *session, None),
            Self::Disconnected {
                device,
                session,
                cause,
            } => (*device, *session, Some(*cause)),
            _ => return None,
        };
        Some(SessionChange {
            device,
            session,
            ended,
        })
    }
}

fn device_of(principal: &Principal) -> Option<DeviceId> {
    match principal {
        Principal::Device { id, .. } => Some(*id),
        Principal::App { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn what_the_database_has_no_room_for_is_done_again_and_a_refusal_is_not() {
        let stop = CancellationToken::new();
        let mut tries = 0;
        let done = again(&stop, || {
            tries += 1;
            ready(match tries {
                3 => Ok(()),
                _ => Err(AppError::Unavailable),
            })
        });
        assert_eq!(done.await, Ok(()));
        assert_eq!(tries, 3);
        let mut tries = 0;
        let refused = again(&stop, || {
            tries += 1;
            ready(Err(AppError::NotFound))
        });
        assert_eq!(refused.await, Err(AppError::NotFound));
        assert_eq!(tries, 1);
        stop.cancel();
        let mut tries = 0;
        let stopped = again(&stop, || {
            tries += 1;
            ready(Err(AppError::Unavailable))
        });
        assert_eq!(stopped.await, Err(AppError::Unavailable));
        assert_eq!(tries, 1, "a server that stops waits for nothing");
    }

    #[test]
    fn a_device_is_once_in_a_round_and_its_changes_stay_in_order() {
        let (a, b) = (DeviceId::random(), DeviceId::random());
        let ended = |device, session| Change::Disconnected {
            device,
            session,
            cause: PresenceCause::ConnectionLost,
        };
        let began = |device, session| Change::Connected {
            device,
            session,
            serial: String::new(),
        };
        let changes = [ended(a, 1), began(a, 2), ended(b, 1), ended(a, 2)];
        let seen: Vec<Vec<_>> = rounds(changes.into_iter())
            .iter()
            .map(|round| round.iter().filter_map(Change::of_session).collect())
            .map(|round: Vec<SessionChange>| {
                round
                    .iter()
                    .map(|c| (c.device, c.session, c.ended.is_some()))
                    .collect()
            })
            .collect();
        assert_eq!(
            seen,
            [
                vec![(a, 1, true), (b, 1, true)],
                vec![(a, 2, false)],
                vec![(a, 2, true)]
            ]
        );
    }
}
