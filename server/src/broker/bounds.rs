//! What the sessions of people's apps may take of the broker: how many an app has, how long one outlives its
//! connection, and how much waits for it.

use std::{
    collections::HashMap,
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::UserId;
use parking_lot::Mutex;
use protocol::Principal;
use rmqtt::{
    Result,
    codec::types::Publish,
    context::ServerContext,
    fitter::{DefaultFitter, Fitter, FitterManager},
    types::{ConnectInfo, Disconnect, FitterType, Id, ListenerConfig},
};

use super::{listen::HANDSHAKE, sessions::Sessions};

/// Sessions of one app, connected or not.
const MOST: usize = 16;
/// How long a session of an app outlives its connection.
const EXPIRY: Duration = Duration::from_hours(1);
/// States that wait for an app; a newer one takes the place of the oldest.
const QUEUE: usize = 100;
/// States that an app has not acknowledged.
const INFLIGHT: NonZeroU16 = NonZeroU16::new(64).expect("not zero");

/// A session of an app.
#[derive(Debug)]
struct Kept {
    user: UserId,
    serial: String,
    /// When its latest connection began, as the broker tells sessions of one client id apart.
    began: i64,
    admitted: Instant,
}

/// The sessions of all apps, by client id.
#[derive(Debug, Default)]
pub(super) struct AppSessions(Mutex<HashMap<String, Kept>>);

impl AppSessions {
    /// Makes room for this session; `false` where the app has as many as it may.
    pub(super) async fn admit(
        &self,
        context: &ServerContext,
        id: &Id,
        user: UserId,
        serial: &str,
    ) -> bool {
        if self.take(id, user, serial) {
            return true;
        }
        for (other, admitted) in self.of(user, serial) {
            let shared = context.extends.shared().await;
            let known = Id::from(context.node.id(), other.clone().into());
            // One that is still being taken is not there yet.
            if admitted.elapsed() > HANDSHAKE * 2 && !shared.entry(known).exist() {
                let same = |kept: &Kept| kept.admitted == admitted;
                let mut kept = self.0.lock();
                if kept.get(&other).is_some_and(same) {
                    kept.remove(&other);
                }
            }
        }
        self.take(id, user, serial)
    }

    fn take(&self, id: &Id, user: UserId, serial: &str) -> bool {
        let mut kept = self.0.lock();
        let others = kept.iter().filter(|(client_id, kept)| {
            kept.user == user && kept.serial == serial && client_id.as_str() != &*id.client_id
        });
        if others.count() >= MOST {
            return false;
        }
        let session = Kept {
            user,
            serial: serial.to_owned(),
            began: id.create_time,
            admitted: Instant::now(),
        };
        kept.insert(id.client_id.to_string(), session);
        true
    }

    fn of(&self, user: UserId, serial: &str) -> Vec<(String, Instant)> {
        let kept = self.0.lock();
        let same = kept
            .iter()
            .filter(|(_, kept)| kept.user == user && kept.serial == serial);
        same.map(|(client_id, kept)| (client_id.clone(), kept.admitted))
            .collect()
    }

    /// The client ids of an app's sessions, connected or not.
    pub(super) fn client_ids(&self, user: UserId, serial: &str) -> Vec<String> {
        let of = self.of(user, serial).into_iter();
        of.map(|(client_id, _)| client_id).collect()
    }

    /// A session is over, and nothing is kept of it.
    pub(super) fn ended(&self, id: &Id) {
        let mut kept = self.0.lock();
        let same = |kept: &Kept| kept.began == id.create_time;
        if kept.get(&*id.client_id).is_some_and(same) {
            kept.remove(&*id.client_id);
        }
    }
}

/// Gives each session the limits of its kind.
pub(super) struct Limits(pub(super) Arc<Sessions>);

impl FitterManager for Limits {
    fn create(&self, connect: Arc<ConnectInfo>, id: Id, settings: ListenerConfig) -> FitterType {
        let principal = self.0.principal(&id.client_id);
        let usual = DefaultFitter::new(connect, id, settings);
        match principal {
            Some(Principal::App { .. }) => Arc::new(OfApp(usual)),
            _ => Arc::new(usual),
        }
    }
}

/// The limits of an app's session.
struct OfApp(DefaultFitter);

#[async_trait]
impl Fitter for OfApp {
    fn keep_alive(&self, keep_alive: &mut u16) -> Result<u16> {
        self.0.keep_alive(keep_alive)
    }

    fn max_mqueue_len(&self) -> usize {
        self.0.max_mqueue_len().min(QUEUE)
    }

    fn mqueue_rate_limit(&self) -> (NonZeroU32, Duration) {
        self.0.mqueue_rate_limit()
    }

    fn max_inflight(&self) -> NonZeroU16 {
        self.0.max_inflight().min(INFLIGHT)
    }

    fn session_expiry_interval(&self, disconnect: Option<&Disconnect>) -> Duration {
        self.0.session_expiry_interval(disconnect).min(EXPIRY)
    }

    fn message_expiry_interval(&self, publish: &Publish) -> Duration {
        self.0.message_expiry_interval(publish)
    }

    fn max_client_topic_aliases(&self) -> u16 {
        self.0.max_client_topic_aliases()
    }

    fn max_server_topic_aliases(&self) -> u16 {
        self.0.max_server_topic_aliases()
    }
}
