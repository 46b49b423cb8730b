//! Who is connected, and telling the service of it in the order in which it happened.

use std::collections::{HashMap, HashSet};

use domain::{DeviceId, UserId, device::PresenceCause};
use ingest::{Happened, Happenings, Session};
use parking_lot::{Mutex, RwLock};
use protocol::Principal;
use service::Services;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bounds::AppSessions;

/// The live sessions of this process.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By client id: who, and which session of theirs.
    live: RwLock<HashMap<String, (Principal, Session)>>,
    /// Connected apps, by client id: whose.
    people: RwLock<HashMap<String, UserId>>,
    /// What the broker keeps for apps, connected or not.
    pub(super) apps: AppSessions,
    /// By client id: the serial with which it was let in.
    serials: Mutex<HashMap<String, (Principal, String)>>,
    revoked: Mutex<HashSet<String>>,
    happened: Happenings,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.live.read().len()
    }

    pub(super) fn may_be_told(&self, device: DeviceId) -> bool {
        let live = self.live.read();
        let found = live.get(&device.to_string());
        found.is_some_and(|(_, session)| session.may_be_told())
    }

    /// Its next end is by revocation.
    pub(super) fn mark_revoked(&self, client_id: &str) {
        if self.live.read().contains_key(client_id) {
            self.revoked.lock().insert(client_id.to_owned());
        }
    }

    /// The people whose apps are connected.
    pub(super) fn people(&self) -> HashSet<UserId> {
        self.people.read().values().copied().collect()
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
        let happened = match &principal {
            Principal::Device { id, .. } => Happened::Connected {
                device: *id,
                session,
                serial: Some(serial),
            },
            Principal::App { user, email } => {
                self.people.write().insert(client_id.to_owned(), *user);
                Happened::AppConnected {
                    user: *user,
                    email: email.clone(),
                    serial,
                }
            }
        };
        self.revoked.lock().remove(client_id);
        self.live
            .write()
            .insert(client_id.to_owned(), (principal, Session::new(session)));
        self.happened.note(happened);
    }

    pub(super) fn disconnected(&self, client_id: &str, session: u64, cause: PresenceCause) {
        let mut live = self.live.write();
        let Some((principal, latest)) = live.get(client_id) else {
            return;
        };
        let device = device_of(principal);
        if latest.number == session {
            live.remove(client_id);
            self.people.write().remove(client_id);
        }
        drop(live);
        let revoked = self.revoked.lock().remove(client_id);
        let cause = if revoked {
            PresenceCause::Revoked
        } else {
            cause
        };
        if let Some(device) = device {
            self.happened.note(Happened::Disconnected {
                device,
                session,
                cause,
            });
        }
    }

    /// The device hears its commands now.
    pub(super) fn subscribed(&self, device: DeviceId) {
        if let Some((_, session)) = self.live.read().get(&device.to_string()) {
            session.listens();
        }
        self.happened.note(Happened::Listens { device });
    }

    pub(super) fn reset_acknowledged(&self, device: DeviceId) {
        self.happened.note(Happened::ResetAcknowledged { device });
    }

    /// Tells the service of every change until `stop`.
    pub(super) fn tell(&self, services: Services, stop: CancellationToken) -> JoinHandle<()> {
        self.happened.tell(services, stop)
    }
}

fn device_of(principal: &Principal) -> Option<DeviceId> {
    match principal {
        Principal::Device { id, .. } => Some(*id),
        Principal::App { .. } => None,
    }
}
