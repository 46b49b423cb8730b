//! Starting and stopping the whole product in one process.

mod mqtt;

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ingest::{BrokerError, Pipeline};
use leptos::config::LeptosOptions;
use service::{
    Clock, Database, Services, SiteSettings, SystemClock,
    accounts::{self, limit::Limits, token::TokenKeys},
    commands, components,
    database::DatabaseError,
    devices::{self, client_state, directory::Directory},
    identity, jobs,
    live::InProcessBus,
    pki::{self, Pki, PkiError},
    presence::{self, InProcessDeadlines},
    records,
    services::Parts,
    state_cache::InProcessCache,
    telemetry::{self, CommitCounters, Committer},
    twin,
    vault::{self, Vault},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    certificate::{self, CertificateError, ServerCertificate},
    config::Config,
    http,
    live_hub::LiveHub,
    state::{self, AppState},
};

/// Events that a reader of the live bus may lag before it has to read again.
const BUS: usize = 16_384;
/// How long requests under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process uses the data folder.
    #[error("{0} is in use by another madang")]
    InUse(PathBuf),
    /// A file or an address cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The certificate authority cannot be used.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The server's certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The database holds secrets of another vault key.
    #[error(
        "{file} {problem}, and without it the devices' secrets in the database are unreadable. Put the file \
         back from a backup of the data folder. If there is none, start once with `madang serve \
         --forget-secrets`: accounts and history stay, but every claimed device must then be given up on its \
         page and claimed again."
    )]
    VaultKey {
        /// Where it belongs.
        file: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The broker cannot be started.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A use case failed.
    #[error("{step}: {source}")]
    Step {
        /// Which.
        step: &'static str,
        /// Why.
        source: domain::AppError,
    },
}

/// A running server.
#[derive(Debug)]
pub struct Running {
    /// Where plain HTTP is served.
    pub http: SocketAddr,
    /// Where HTTPS is served.
    pub https: SocketAddr,
    /// Where devices connect to the embedded broker; `None` with an external one.
    pub mqtt: Option<SocketAddr>,
    /// Where they do without TLS, where that was asked for.
    pub mqtt_plain: Option<SocketAddr>,
    /// What the TLS listeners show.
    pub certificate: Arc<ServerCertificate>,
    /// The one-time code for the first administrator, while there is none.
    pub setup_code: Option<String>,
    /// The services.
    pub services: Services,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), String>>,
    committer: tokio::task::JoinHandle<()>,
    counters: Arc<CommitCounters>,
    _lock: File,
}

/// Messages stored in a second from which on a site is busy.
const BUSY: u64 = 1_000;

impl Running {
    /// Stops what the server does when it is cancelled.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until as much is stored as a busy site stores.
    pub fn busy(&self) -> impl Future<Output = ()> + Send + 'static {
        let counters = self.counters.clone();
        let stored = move || counters.stored.load(Ordering::Relaxed);
        async move {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            let mut before = stored();
            loop {
                seconds.tick().await;
                let now = stored();
                if now - before >= BUSY {
                    return;
                }
                before = now;
            }
        }
    }

    /// Waits until the server was stopped, or a part of it ended by itself; then stops the rest. What
    /// was received is committed before it returns.
    pub async fn stopped(mut self) -> Result<(), String> {
        let mut failed = None;
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(error.to_string()));
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the server failed");
                failed.get_or_insert(error);
            } else if !self.stop.is_cancelled() {
                failed.get_or_insert_with(|| "a part of the server ended".to_owned());
            }
            self.stop.cancel();
        }
        let db = self.services.db.clone();
        drop(self.services);
        if tokio::time::timeout(GRACE, self.committer).await.is_err() {
            tracing::warn!("the last reports were still being written");
        }
        if let Err(error) = db.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Starts the server; returns when it is ready.
pub async fn run(config: Config) -> Result<Running, StartError> {
    run_by(config, Arc::new(SystemClock)).await
}

/// As [`run`], by this clock.
pub async fn run_by(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let lock = lock(&config)?;
    let pki_dir = config.data_dir.join("pki");
    let names = &config.site.host_names;
    let pki = Arc::new(Pki::open(
        &pki_dir,
        &config.site.name,
        names,
        clock.as_ref(),
    )?);
    let certificate = ServerCertificate::new(pki.clone(), names.clone(), clock.clone())?;
    let db = Database::open(&database_url(&config)?, config.database.connections).await?;
    let key = vault_key(&pki_dir, &db).await?;

    let (broker, mqtt) = mqtt::broker(&config, &pki, &certificate, clock.as_ref()).await?;
    let (mqtt, mqtt_plain) = (mqtt.map(|at| at.0), mqtt.and_then(|at| at.1));
    let plain = bind(&config, config.http.address, true)?;
    let secure = bind(&config, config.http.tls_address, false)?;
    let addresses = (address(&plain)?, address(&secure)?);

    let services = Services::new(Parts {
        site: site_settings(&config, addresses.1, mqtt),
        db,
        clock,
        bus: Arc::new(InProcessBus::new(BUS)),
        cache: Arc::new(InProcessCache::default()),
        deadlines: Arc::new(InProcessDeadlines::default()),
        link: broker.clone(),
        vault: Vault::new(&key),
        pki,
        limits: Limits::default(),
        tokens: TokenKeys::derive(&key),
    });
    let step = |step| move |source| StartError::Step { step, source };
    components::seed(&services).await.map_err(step("catalog"))?;
    presence::server_started(&services)
        .await
        .map_err(step("presence"))?;
    let setup_code = accounts::make_setup_code(&services)
        .await
        .map_err(step("setup code"))?;

    let stop = CancellationToken::new();
    let (committer, committing) = Committer::start(services.clone(), stop.clone())
        .map_err(|source| io_error("the committer", source))?;
    let directory = Directory::default();
    let pipeline = Pipeline::new(services.clone(), committer.clone(), directory.clone());
    let (hub, listening) = LiveHub::new(services.clone(), stop.clone());
    let state = AppState::from(state::Parts {
        services: services.clone(),
        leptos: leptos_options(&config),
        committer: committer.clone(),
        broker: broker.clone(),
        pipeline: pipeline.clone(),
        hub,
        http: Arc::new(config.http.clone()),
        door: Arc::default(),
    });
    let mut tasks = JoinSet::new();
    // It has a thread of its own: that it has ended is seen here.
    let counters = committer.counters().clone();
    spawn(&mut tasks, async move { committer.ended().await });
    spawn(&mut tasks, listening);
    let keep = telemetry::Keep {
        reports_days: config.telemetry.keep_reports_days,
        minutes_days: config.telemetry.keep_minutes_days,
    };
    spawn(
        &mut tasks,
        client_state::tell_apps(services.clone(), directory.clone(), stop.clone()),
    );
    spawn(&mut tasks, directory.follow(services.clone(), stop.clone()));
    spawn(&mut tasks, presence::sweep(services.clone(), stop.clone()));
    spawn(
        &mut tasks,
        service::health::watch(services.clone(), stop.clone()),
    );
    spawn(&mut tasks, identity::purge(services.clone(), stop.clone()));
    spawn(
        &mut tasks,
        devices::imports::run(services.clone(), stop.clone()),
    );
    spawn(&mut tasks, commands::run(services.clone(), stop.clone()));
    spawn(&mut tasks, twin::run(services.clone(), stop.clone()));
    spawn(&mut tasks, jobs::run(services.clone(), stop.clone()));
    spawn(
        &mut tasks,
        components::watch(services.clone(), stop.clone()),
    );
    spawn(
        &mut tasks,
        telemetry::roll_up(services.clone(), keep, stop.clone()),
    );
    let keep_days = config.records.keep_days;
    spawn(
        &mut tasks,
        records::forget_old(services.clone(), keep_days, stop.clone()),
    );
    let serving = broker.run(services.clone(), pipeline, stop.clone());
    tasks.spawn(async move { serving.await.map_err(|error| error.to_string()) });
    let watching = certificate.clone().watch(certificate::EVERY, stop.clone());
    spawn(&mut tasks, watching);
    let tls = certificate.for_browsers().map_err(CertificateError::from)?;
    http::serve(&mut tasks, state, plain, (secure, tls), &stop)
        .map_err(|source| io_error("HTTPS", source))?;
    Ok(Running {
        http: addresses.0,
        https: addresses.1,
        mqtt,
        mqtt_plain,
        certificate,
        setup_code,
        services,
        stop,
        tasks,
        committer: committing,
        counters,
        _lock: lock,
    })
}

fn spawn(tasks: &mut JoinSet<Result<(), String>>, task: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(async move {
        task.await;
        Ok(())
    });
}

/// The key of the secrets in this database; drawn only where there are none yet.
pub(crate) async fn vault_key(folder: &Path, db: &Database) -> Result<[u8; 32], StartError> {
    let step = |source| StartError::Step {
        step: "vault",
        source,
    };
    let file = pki::vault_key_file(folder);
    let refuse = |problem| StartError::VaultKey {
        file: file.clone(),
        problem,
    };
    if !file.exists() && vault::holds_secrets(db).await.map_err(step)? {
        return Err(refuse("is missing"));
    }
    let key = pki::vault_key(folder)?;
    match Vault::new(&key).is_of(db).await.map_err(step)? {
        true => Ok(key),
        false => Err(refuse("holds another key")),
    }
}

/// Forgets every secret in the database, for a site whose vault key is lost; the server must not run.
pub async fn forget_secrets(config: &Config) -> Result<(), StartError> {
    let _lock = lock(config)?;
    let db = Database::open(&database_url(config)?, config.database.connections).await?;
    let file = pki::vault_key_file(&config.data_dir.join("pki"));
    vault::forget_secrets(&db)
        .await
        .map_err(|source| StartError::Step {
            step: "vault",
            source,
        })?;
    if let Err(error) = db.close().await {
        tracing::warn!(%error, "the database did not close cleanly");
    }
    tracing::warn!(
        file = %file.display(),
        "every device's secret was forgotten; claimed devices must be given up and claimed again"
    );
    Ok(())
}

/// One process at a time: the embedded database has one writer.
pub(crate) fn lock(config: &Config) -> Result<File, StartError> {
    let folder = &config.data_dir;
    std::fs::create_dir_all(folder).map_err(|e| io_error(folder.display(), e))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Rows hold hashes of passwords: nobody else on this machine reads them.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .map_err(|e| io_error(folder.display(), e))?;
    }
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|e| io_error(path.display(), e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse(folder.clone())),
        Err(std::fs::TryLockError::Error(error)) => Err(io_error(path.display(), error)),
    }
}

fn bind(config: &Config, address: SocketAddr, plain: bool) -> Result<TcpListener, StartError> {
    if plain && !address.ip().is_loopback() && config.http.trusted_proxies.is_empty() {
        return Err(StartError::Config(format!(
            "http.address: {address} would serve passwords without TLS; use loopback, or name the \
             proxy in http.trusted_proxies"
        )));
    }
    let listener = TcpListener::bind(address).map_err(|e| io_error(address, e))?;
    listener
        .set_nonblocking(true)
        .map_err(|e| io_error(address, e))?;
    Ok(listener)
}

fn address(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|e| io_error("listener", e))
}

fn io_error(what: impl std::fmt::Display, source: std::io::Error) -> StartError {
    StartError::Io {
        what: what.to_string(),
        source,
    }
}

pub(crate) fn database_url(config: &Config) -> Result<String, StartError> {
    let file = &config.database.url_file;
    if !file.as_os_str().is_empty() {
        let text = std::fs::read_to_string(file).map_err(|e| io_error(file.display(), e))?;
        return Ok(text.trim().to_owned());
    }
    Ok(match config.database.url.as_str() {
        "" => format!("sqlite://{}", config.data_dir.join("madang.db").display()),
        url => url.to_owned(),
    })
}

pub(crate) fn site_settings(
    config: &Config,
    https: SocketAddr,
    mqtt: Option<SocketAddr>,
) -> SiteSettings {
    let host = match config.site.host_names.first() {
        Some(name) if name.contains(':') => format!("[{name}]"),
        Some(name) => name.clone(),
        None => "localhost".to_owned(),
    };
    let or = |configured: &str, made: String| match configured.trim_end_matches('/') {
        "" => made,
        configured => configured.to_owned(),
    };
    SiteSettings {
        name: config.site.name.clone(),
        public_url: or(
            &config.site.public_url,
            format!("https://{host}:{}", https.port()),
        ),
        mqtt_url: or(
            &config.mqtt.public_url,
            match mqtt {
                Some(mqtt) => format!("mqtts://{host}:{}", mqtt.port()),
                None => config.mqtt.external_url.clone(),
            },
        ),
        registration: config.accounts.registration,
        report_interval_ms: config.telemetry.report_interval_ms,
    }
}

fn leptos_options(config: &Config) -> LeptosOptions {
    let site = match config.site_dir.as_os_str().is_empty() {
        false => config.site_dir.clone(),
        true => std::env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.join("site")))
            .unwrap_or_else(|| PathBuf::from("site")),
    };
    LeptosOptions::builder()
        .output_name("madang")
        .site_root(site.display().to_string())
        .site_pkg_dir("pkg")
        .build()
}
