//! Configuration: defaults → `madang.toml` → `MADANG__…` environment → flags.
//!
//! An unknown key stops the start and is told the nearest known name.

mod load;

use std::{net::SocketAddr, path::PathBuf};

use domain::account::Registration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use load::{ConfigError, example, load};

/// Everything that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// The folder of the database, the site's certificate authority and keys. Back it up.
    pub data_dir: PathBuf,
    /// The folder with the interface's files; empty: `site` beside the program.
    pub site_dir: PathBuf,
    /// What the site is called and where it is found.
    pub site: Site,
    /// Where browsers and programs connect.
    pub http: Http,
    /// Where devices connect.
    pub mqtt: Mqtt,
    /// Where rows are kept.
    pub database: Database,
    /// Who may make an account.
    pub accounts: Accounts,
    /// What devices report, and how long it is kept.
    pub telemetry: Telemetry,
    /// What has happened, and how long it is kept.
    pub records: Records,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("madang-data"),
            site_dir: PathBuf::new(),
            site: Site::default(),
            http: Http::default(),
            mqtt: Mqtt::default(),
            database: Database::default(),
            accounts: Accounts::default(),
            telemetry: Telemetry::default(),
            records: Records::default(),
        }
    }
}

/// What the site is called and where it is found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Site {
    /// The site's name.
    pub name: String,
    /// The host names and IP addresses by which devices and browsers reach this server; they go into its
    /// certificate. `localhost` is always there. The first one is used in links.
    pub host_names: Vec<String>,
    /// The address of the interface in links, without a trailing slash; empty: made of the first host name
    /// and the TLS port.
    pub public_url: String,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            name: "Madang".to_owned(),
            host_names: Vec::new(),
            public_url: String::new(),
        }
    }
}

/// Where browsers and programs connect.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Http {
    /// Plain HTTP, on loopback only unless a trusted proxy is configured.
    pub address: SocketAddr,
    /// HTTPS with the site's own certificate.
    pub tls_address: SocketAddr,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_address: SocketAddr::from(([0, 0, 0, 0], 8443)),
            trusted_proxies: Vec::new(),
        }
    }
}

/// Where devices connect.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Mqtt {
    /// The embedded broker, TLS with client certificates.
    pub address: SocketAddr,
    /// Where the embedded broker also listens without TLS, on loopback only, for developing devices:
    /// `127.0.0.1:1883`. Whoever is on this machine may then speak for every device; empty: nowhere.
    pub plain_address: String,
    /// The broker's address as devices are told; empty: made of the first host name and the port, or the
    /// external broker's.
    pub public_url: String,
    /// An external broker instead of the embedded one: `mqtts://host:port`; empty: the embedded one. It must
    /// trust the site's authority and hold clients to the topics of the wire.
    pub external_url: String,
    /// The authority of the external broker's certificate, PEM; empty: the site's own.
    pub external_ca_file: PathBuf,
    /// Connections to the external broker that share the work.
    pub external_connections: usize,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0, 0, 0, 0], 8883)),
            plain_address: String::new(),
            public_url: String::new(),
            external_url: String::new(),
            external_ca_file: PathBuf::new(),
            external_connections: 2,
        }
    }
}

/// Where rows are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Database {
    /// `postgres://user:password@host/name`, or `sqlite://path`; empty: SQLite in the data folder.
    pub url: String,
    /// A file that holds the URL, so that its password is in no environment; wins over `url`.
    pub url_file: PathBuf,
    /// Connections to PostgreSQL at most.
    pub connections: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: String::new(),
            url_file: PathBuf::new(),
            connections: 10,
        }
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Accounts {
    /// `closed`, `invite` or `open`.
    #[schemars(with = "String")]
    pub registration: Registration,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            registration: Registration::Invite,
        }
    }
}

/// What devices report, and how long it is kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Telemetry {
    /// How often a device is to report that is registered from now on, in milliseconds.
    pub report_interval_ms: i64,
    /// Days that single reports are kept.
    pub keep_reports_days: u32,
    /// Days that the rollups of minutes are kept; those of hours and days stay.
    pub keep_minutes_days: u32,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            report_interval_ms: 10_000,
            keep_reports_days: 90,
            keep_minutes_days: 400,
        }
    }
}

/// What has happened, and how long it is kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Records {
    /// Days that events, the trail, notices, and commands, jobs and imports that have ended are kept.
    pub keep_days: u32,
}

impl Default for Records {
    fn default() -> Self {
        Self { keep_days: 400 }
    }
}
