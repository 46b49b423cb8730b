//! The value that every use case is given: database, clock, bus, cache, link, keys, settings.

use std::{ops::Deref, sync::Arc};

use domain::{TimestampMs, account::Registration};

use crate::{
    Clock, Database,
    link::DeviceLink,
    live::LiveBus,
    pki::Pki,
    presence::Deadlines,
    state_cache::StateCache,
    traffic::{Overheard, Traffic},
    vault::Vault,
};

/// What the configuration says about the site, for the use cases.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// What the site is called.
    pub name: String,
    /// Where browsers and agents find it, without a trailing slash: `https://host:port`.
    pub public_url: String,
    /// Where devices find the broker: `mqtts://host:port`.
    pub mqtt_url: String,
    /// Who may make an account.
    pub registration: Registration,
    /// How often a device is to report that is registered from now on, in milliseconds.
    pub report_interval_ms: i64,
}

/// Everything a use case needs. Cheap to clone.
#[derive(Clone)]
pub struct Services(Arc<Inner>);

struct Inner {
    parts: Parts,
    dispatch: crate::commands::Dispatch,
    sparklines: crate::devices::Sparklines,
    found: crate::devices::Found,
    sightings: crate::identity::Sightings,
    imports: crate::devices::imports::Waking,
    traffic: Arc<Traffic>,
    rewritten: crate::telemetry::Rewritten,
}

/// The parts of [`Services`].
pub struct Parts {
    /// Where rows are.
    pub db: Database,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Tells what changed.
    pub bus: Arc<dyn LiveBus>,
    /// The latest states.
    pub cache: Arc<dyn StateCache>,
    /// When a silent device is due.
    pub deadlines: Arc<dyn Deadlines>,
    /// The way to the devices.
    pub link: Arc<dyn DeviceLink>,
    /// Encrypts secrets.
    pub vault: Vault,
    /// The site's certificate authority.
    pub pki: Arc<Pki>,
    /// What the configuration says.
    pub site: SiteSettings,
    /// Slows down and limits tries.
    pub limits: crate::accounts::limit::Limits,
    /// Signs access tokens of the REST interface.
    pub tokens: crate::accounts::token::TokenKeys,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl Services {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let traffic = Arc::new(Traffic::default());
        let link = Arc::new(Overheard {
            link: parts.link,
            traffic: traffic.clone(),
            bus: parts.bus.clone(),
            clock: parts.clock.clone(),
        });
        Self(Arc::new(Inner {
            parts: Parts { link, ..parts },
            traffic,
            rewritten: crate::telemetry::Rewritten::default(),
            dispatch: crate::commands::Dispatch::default(),
            sparklines: crate::devices::Sparklines::default(),
            found: crate::devices::Found::default(),
            sightings: crate::identity::Sightings::default(),
            imports: crate::devices::imports::Waking::default(),
        }))
    }

    /// Whose commands are being delivered.
    pub(crate) fn dispatch(&self) -> &crate::commands::Dispatch {
        &self.0.dispatch
    }

    /// The last hours that lists show.
    pub(crate) fn sparklines(&self) -> &crate::devices::Sparklines {
        &self.0.sparklines
    }

    /// What searches for devices have found.
    pub(crate) fn found(&self) -> &crate::devices::Found {
        &self.0.found
    }

    /// Who connected as each device lately.
    pub fn sightings(&self) -> &crate::identity::Sightings {
        &self.0.sightings
    }

    /// Wakes the task that does imports.
    pub(crate) fn imports(&self) -> &crate::devices::imports::Waking {
        &self.0.imports
    }

    /// The raw messages of devices that are watched.
    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.0.traffic
    }

    /// Whose states were written past the committer.
    pub(crate) fn rewritten(&self) -> &crate::telemetry::Rewritten {
        &self.0.rewritten
    }

    /// What time it is.
    pub fn now(&self) -> TimestampMs {
        self.clock.now()
    }
}

impl Deref for Services {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
