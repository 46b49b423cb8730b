//! Who is connected, and telling the service of it in the order in which it happened.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use domain::{DeviceId, device::PresenceCause};
use parking_lot::Mutex;
use protocol::Principal;
use service::{Services, commands, devices, presence};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

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
    live: Mutex<HashMap<String, (Principal, u64)>>,
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
            live: Mutex::default(),
            serials: Mutex::default(),
            revoked: Mutex::default(),
            changes,
            inbox: Mutex::new(Some(inbox)),
        }
    }
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.live.lock().len()
    }

    pub(super) fn is_connected(&self, device: DeviceId) -> bool {
        self.live.lock().contains_key(&device.to_string())
    }

    /// Its next end is by revocation.
    pub(super) fn mark_revoked(&self, client_id: &str) {
        if self.live.lock().contains_key(client_id) {
            self.revoked.lock().insert(client_id.to_owned());
        }
    }

    /// A certificate was let in under this client id.
    pub(super) fn admitted(&self, client_id: &str, principal: Principal, serial: &str) {
        self.serials
            .lock()
            .insert(client_id.to_owned(), (principal, serial.to_owned()));
    }

    /// Who is behind a client id.
    pub(super) fn principal(&self, client_id: &str) -> Option<Principal> {
        let live = self.live.lock().get(client_id).map(|(p, _)| p.clone());
        live.or_else(|| self.serials.lock().get(client_id).map(|(p, _)| p.clone()))
    }

    pub(super) fn connected(&self, client_id: &str, session: u64) {
        let Some((principal, serial)) = self.serials.lock().remove(client_id) else {
            return;
        };
        let device = device_of(&principal);
        self.revoked.lock().remove(client_id);
        self.live
            .lock()
            .insert(client_id.to_owned(), (principal, session));
        if let Some(device) = device {
            self.tell_change(Change::Connected {
                device,
                session,
                serial,
            });
        }
    }

    pub(super) fn disconnected(&self, client_id: &str, session: u64, cause: PresenceCause) {
        let mut live = self.live.lock();
        let Some((principal, latest)) = live.get(client_id) else {
            return;
        };
        let device = device_of(principal);
        if *latest == session {
            live.remove(client_id);
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
            while let Some(Some(change)) = stop.run_until_cancelled(inbox.recv()).await {
                if let Err(error) = apply(&services, &change).await {
                    tracing::error!(%error, ?change, "a session's change was not written");
                }
            }
        })
    }
}

async fn apply(services: &Services, change: &Change) -> Result<(), domain::AppError> {
    match change {
        Change::Connected {
            device,
            session,
            serial,
        } => {
            presence::connected(services, *device, *session).await?;
            devices::admission::connected_with(services, *device, serial).await
        }
        Change::Disconnected {
            device,
            session,
            cause,
        } => presence::disconnected(services, *device, *session, *cause).await,
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
            devices::reset_acknowledged(services, *device).await
        }
    }
}

fn device_of(principal: &Principal) -> Option<DeviceId> {
    match principal {
        Principal::Device { id, .. } => Some(*id),
        Principal::App { .. } => None,
    }
}
