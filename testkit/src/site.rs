//! The services of a site in this process, without its listeners.

use std::sync::Arc;

use domain::{account::Registration, role::SiteRole};
use service::{
    Actor, Clock, Services, SiteSettings, SystemClock,
    accounts::{self, Client, NewAccount, limit::Limits, token::TokenKeys},
    clock::ManualClock,
    link::{DeviceLink, NoLink},
    live::InProcessBus,
    pki::{self, Pki},
    presence::{Deadlines, InProcessDeadlines},
    services::Parts,
    state_cache::InProcessCache,
    vault::Vault,
};
use tempfile::TempDir;

use crate::database::TestDatabase;

/// The password of every account that [`Site`] makes.
pub const PASSWORD: &str = "correct horse battery";

/// Services on a fresh database, with a clock that tests turn.
#[derive(Debug)]
pub struct Site {
    /// The services.
    pub services: Services,
    /// Their clock; it starts at the real time.
    pub clock: Arc<ManualClock>,
    _database: TestDatabase,
    _folder: TempDir,
}

impl Site {
    /// A site without people on this database.
    pub fn on(database: TestDatabase) -> Self {
        Self::with_link(database, Arc::new(NoLink))
    }

    /// A site on this database whose devices are reached over `link`.
    pub fn with_link(database: TestDatabase, link: Arc<dyn DeviceLink>) -> Self {
        Self::with(database, link, Arc::new(InProcessDeadlines::default()))
    }

    /// A site on this database with this link and these deadlines.
    pub fn with(
        database: TestDatabase,
        link: Arc<dyn DeviceLink>,
        deadlines: Arc<dyn Deadlines>,
    ) -> Self {
        Self::made(database, link, deadlines, Registration::Invite)
    }

    /// A site on this database where these may make an account.
    pub fn registering(database: TestDatabase, registration: Registration) -> Self {
        let deadlines = Arc::new(InProcessDeadlines::default());
        Self::made(database, Arc::new(NoLink), deadlines, registration)
    }

    fn made(
        database: TestDatabase,
        link: Arc<dyn DeviceLink>,
        deadlines: Arc<dyn Deadlines>,
        registration: Registration,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let pki = Pki::open(folder.path(), "Test", &[], clock.as_ref()).expect("an authority");
        let key = pki::vault_key(folder.path()).expect("a key");
        let services = Services::new(Parts {
            db: database.database.clone(),
            clock: clock.clone(),
            bus: Arc::new(InProcessBus::new(1_024)),
            cache: Arc::new(InProcessCache::default()),
            deadlines,
            link,
            vault: Vault::new(&key),
            pki: Arc::new(pki),
            site: SiteSettings {
                name: "Test".to_owned(),
                public_url: "https://madang.example:8443".to_owned(),
                mqtt_url: "mqtts://madang.example:8883".to_owned(),
                registration,
                report_interval_ms: 10_000,
            },
            limits: Limits::default(),
            tokens: TokenKeys::derive(&key),
        });
        Self {
            services,
            clock,
            _database: database,
            _folder: folder,
        }
    }

    /// The first administrator, `admin@example.org`.
    pub async fn set_up(&self) -> Actor {
        let code = accounts::make_setup_code(&self.services)
            .await
            .expect("a setup code")
            .expect("nobody is there yet");
        let account = account("admin@example.org");
        let signed_in = accounts::set_up(&self.services, &code, account, &Client::default())
            .await
            .expect("the first administrator");
        Actor {
            user: signed_in.me,
            address: None,
        }
    }

    /// Another person with this role, invited by `admin`.
    pub async fn person(&self, admin: &Actor, email: &str, role: SiteRole) -> Actor {
        let proof = admin.require_admin().expect("an administrator");
        let code = accounts::invite(&self.services, &proof, None, role)
            .await
            .expect("an invitation");
        let signed_in = accounts::register(
            &self.services,
            Some(&code),
            account(email),
            &Client::default(),
        )
        .await
        .expect("an account");
        Actor {
            user: signed_in.me,
            address: None,
        }
    }
}

/// A wish for an account with this address and [`PASSWORD`].
pub fn account(email: &str) -> NewAccount {
    NewAccount {
        email: email.to_owned(),
        name: email.split('@').next().unwrap_or(email).to_owned(),
        password: PASSWORD.to_owned(),
    }
}
