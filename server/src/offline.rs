//! A site without its listeners, for commands on its data folder.
//!
//! The folder is locked as long as this lives: no server runs on it meanwhile.

use std::{fs::File, sync::Arc};

use service::{
    Database, Services, SystemClock,
    accounts::{limit::Limits, token::TokenKeys},
    link::NoLink,
    live::InProcessBus,
    pki::Pki,
    presence::InProcessDeadlines,
    services::Parts,
    state_cache::InProcessCache,
    vault::Vault,
};

use crate::{
    config::Config,
    run::{StartError, database_url, lock, site_settings, vault_key},
};

/// A locked site.
#[derive(Debug)]
pub(crate) struct Offline {
    /// What its use cases need.
    pub services: Services,
    _lock: File,
}

/// Opens the site of this configuration; it must have been started before.
pub(crate) async fn open(config: &Config) -> Result<Offline, StartError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pki_dir = config.data_dir.join("pki");
    if !pki_dir.exists() {
        let folder = config.data_dir.display();
        return Err(StartError::Config(format!(
            "there is no site in {folder}: name its folder with --data-dir, or start it once with `madang \
             serve`"
        )));
    }
    let lock = lock(config)?;
    let clock = Arc::new(SystemClock);
    let names = &config.site.host_names;
    let pki = Pki::open(&pki_dir, &config.site.name, names, clock.as_ref())?;
    let db = Database::open(&database_url(config)?, config.database.connections).await?;
    let key = vault_key(&pki_dir, &db).await?;
    let embedded = config.mqtt.external_url.is_empty();
    let mqtt = embedded.then_some(config.mqtt.address);
    let services = Services::new(Parts {
        site: site_settings(config, config.http.tls_address, mqtt),
        db,
        clock,
        bus: Arc::new(InProcessBus::new(64)),
        cache: Arc::new(InProcessCache::default()),
        deadlines: Arc::new(InProcessDeadlines::default()),
        link: Arc::new(NoLink),
        vault: Vault::new(&key),
        pki: Arc::new(pki),
        limits: Limits::default(),
        tokens: TokenKeys::derive(&key),
    });
    Ok(Offline {
        services,
        _lock: lock,
    })
}

impl Offline {
    /// Closes the database and lets the folder go.
    pub(crate) async fn close(self) {
        let db = self.services.db.clone();
        drop(self.services);
        if let Err(error) = db.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}
