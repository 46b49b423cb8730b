//! What happens to the sessions of devices and apps, told to the service in the order in which it happened.
//!
//! Invariant: of one device, or one person's apps, the next thing is told when the last one is written. What the database has no room for is
//! tried again, because who is connected is told once.

use std::{collections::HashMap, time::Duration};

use domain::{AppError, DeviceId, Email, UserId, device::PresenceCause};
use parking_lot::Mutex;
use service::{
    Services,
    accounts::apps,
    commands, devices,
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

/// What happened to a session.
#[derive(Debug)]
pub enum Happened {
    /// It began, and is the device's latest.
    Connected {
        /// Whose.
        device: DeviceId,
        /// Which.
        session: u64,
        /// With which certificate it was let in, where the broker tells.
        serial: Option<String>,
    },
    /// It ended.
    Disconnected {
        /// Whose.
        device: DeviceId,
        /// Which.
        session: u64,
        /// Why.
        cause: PresenceCause,
    },
    /// The device hears its commands now.
    Listens {
        /// Which.
        device: DeviceId,
    },
    /// The device is there, and the broker may not have kept what is retained for it.
    Arrived {
        /// Which.
        device: DeviceId,
    },
    /// The device has erased what belonged to a former ownership.
    ResetAcknowledged {
        /// Which.
        device: DeviceId,
    },
    /// A session of a person's app began.
    AppConnected {
        /// Whose.
        user: UserId,
        /// The address that it was let in under: what it may hear hangs on it.
        email: Email,
        /// With which certificate it was let in.
        serial: String,
    },
}

/// To whom something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Device(DeviceId),
    Person(UserId),
}

/// What happened and is not told yet.
#[derive(Debug)]
pub struct Happenings {
    happened: mpsc::UnboundedSender<Happened>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Happened>>>,
}

impl Default for Happenings {
    fn default() -> Self {
        // Bounded by the connections: each has at most a few changes under way.
        let (happened, inbox) = mpsc::unbounded_channel();
        Self {
            happened,
            inbox: Mutex::new(Some(inbox)),
        }
    }
}

impl Happenings {
    /// Takes this as the next thing that happened.
    pub fn note(&self, happened: Happened) {
        // Without a receiver the server is stopping, and its next start says so itself.
        let _ = self.happened.send(happened);
    }

    /// Tells the service of everything until `stop`.
    pub fn tell(&self, services: Services, stop: CancellationToken) -> JoinHandle<()> {
        let inbox = self.inbox.lock().take();
        tokio::spawn(async move {
            let Some(mut inbox) = inbox else { return };
            let mut happened = Vec::with_capacity(AT_ONCE);
            while let Some(1..) = stop
                .run_until_cancelled(inbox.recv_many(&mut happened, AT_ONCE))
                .await
            {
                for round in rounds(happened.drain(..)) {
                    apply(&services, round, &stop).await;
                }
            }
        })
    }
}

/// Changes in rounds, so that no device or person is twice in one and each one's stay in their order.
fn rounds(changes: impl Iterator<Item = Happened>) -> Vec<Vec<Happened>> {
    let mut rounds: Vec<Vec<Happened>> = Vec::new();
    let mut before: HashMap<Whose, usize> = HashMap::new();
    for change in changes {
        let round = before.entry(change.whose()).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(change);
        *round += 1;
    }
    rounds
}

/// Writes a round: the sessions of all its devices at once, and what follows from each.
async fn apply(services: &Services, round: Vec<Happened>, stop: &CancellationToken) {
    let happened: Vec<SessionChange> = round.iter().filter_map(Happened::of_session).collect();
    let written = again(stop, || presence::sessions(services, &happened));
    if let Err(error) = written.await {
        let sessions = happened.len();
        tracing::error!(%error, sessions, "changes of sessions were not written");
    }
    for change in round {
        let done = match &change {
            Happened::Connected {
                device,
                serial: Some(serial),
                ..
            } => {
                let follow =
                    async || devices::admission::connected_with(services, *device, serial).await;
                again(stop, follow).await
            }
            Happened::Connected { .. } | Happened::Disconnected { .. } => Ok(()),
            Happened::Listens { device } => {
                deliver(services, *device, false);
                Ok(())
            }
            Happened::Arrived { device } => {
                deliver(services, *device, true);
                Ok(())
            }
            Happened::ResetAcknowledged { device } => {
                again(stop, || devices::reset_acknowledged(services, *device)).await
            }
            Happened::AppConnected {
                user,
                email,
                serial,
            } => {
                let follow = async || apps::connected_with(services, *user, email, serial).await;
                again(stop, follow).await
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, ?change, "a session's change was not followed");
        }
    }
}

/// Gives a device what waits for it. That waits for the broker and the database: others need not wait for it.
pub(crate) fn deliver(services: &Services, device: DeviceId, retained: bool) {
    let services = services.clone();
    tokio::spawn(async move {
        if retained && let Err(error) = devices::tell_what_is_retained(&services, device).await {
            tracing::warn!(%device, %error, "what is retained for a device was not published");
        }
        if let Err(error) = commands::deliver(&services, device).await {
            tracing::error!(%device, %error, "waiting commands were not delivered");
        }
    });
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

impl Happened {
    fn whose(&self) -> Whose {
        match self {
            Self::Connected { device, .. }
            | Self::Disconnected { device, .. }
            | Self::Listens { device }
            | Self::Arrived { device }
            | Self::ResetAcknowledged { device } => Whose::Device(*device),
            Self::AppConnected { user, .. } => Whose::Person(*user),
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
        let ended = |device, session| Happened::Disconnected {
            device,
            session,
            cause: PresenceCause::ConnectionLost,
        };
        let began = |device, session| Happened::Connected {
            device,
            session,
            serial: None,
        };
        let changes = [ended(a, 1), began(a, 2), ended(b, 1), ended(a, 2)];
        let seen: Vec<Vec<_>> = rounds(changes.into_iter())
            .iter()
            .map(|round| round.iter().filter_map(Happened::of_session).collect())
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
