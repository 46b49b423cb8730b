//! A whole server in this process: real listeners on loopback, a fresh data folder.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use domain::role::SiteRole;
use reqwest::{Client as Http, header};
use server::{Config, Running, certificate::ServerCertificate};
use service::{
    Actor, Clock, Services, SystemClock,
    accounts::{self, Client},
};
use tempfile::TempDir;

use crate::{database, site::account};

/// Of each server to PostgreSQL: many run at a time.
const CONNECTIONS: u32 = 4;

/// A running server; its data is gone when this is dropped.
#[derive(Debug)]
pub struct App {
    running: Running,
    config: Config,
    folder: TempDir,
}

/// A server that is not running now.
#[derive(Debug)]
pub struct Stopped {
    config: Config,
    folder: TempDir,
}

impl Stopped {
    /// How it was configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Tries to start it; a server that did start is stopped again.
    pub async fn try_start(&self) -> Result<(), server::StartError> {
        end(server::run(self.config.clone()).await?).await;
        Ok(())
    }

    /// As [`Stopped::try_start`], with what `change` sets.
    pub async fn try_start_with(
        &self,
        change: impl FnOnce(&mut Config),
    ) -> Result<(), server::StartError> {
        let mut config = self.config.clone();
        change(&mut config);
        end(server::run(config).await?).await;
        Ok(())
    }

    /// Starts it again.
    pub async fn start(self) -> App {
        let Self { config, folder } = self;
        let running = server::run(config.clone()).await.expect("a server again");
        App {
            running,
            config,
            folder,
        }
    }
}

/// A person with a session in a browser.
#[derive(Debug)]
pub struct Person {
    /// As the use cases know them.
    pub actor: Actor,
    /// The session cookie's value.
    pub session: String,
}

impl App {
    /// A server on a new SQLite database.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server on a new database of each engine that is there.
    #[allow(clippy::print_stderr, reason = "shown by the test runner")]
    pub async fn on_each_engine() -> Vec<Self> {
        let mut apps = vec![Self::start().await];
        match database::postgres_url().await {
            Some(url) => apps.push(
                Self::start_with(|config| {
                    config.database.url = url;
                    config.database.connections = CONNECTIONS;
                })
                .await,
            ),
            None => eprintln!(
                "{} is not set: PostgreSQL is not tested",
                database::POSTGRES_URL
            ),
        }
        apps
    }

    /// A server whose configuration is the default but for what `change` sets.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_by(Arc::new(SystemClock), change).await
    }

    /// A server on a new database, by this clock.
    pub async fn start_at(clock: Arc<dyn Clock>) -> Self {
        Self::start_by(clock, |_| {}).await
    }

    async fn start_by(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config {
            data_dir: folder.path().join("data"),
            ..Config::default()
        };
        config.http.address = any;
        config.http.tls_address = any;
        config.mqtt.address = any;
        change(&mut config);
        let running = server::run_by(config.clone(), clock)
            .await
            .expect("a server");
        Self {
            running,
            config,
            folder,
        }
    }

    /// Stops the server and starts it again on the same data and addresses.
    pub async fn restart(self) -> Self {
        self.pause().await.start().await
    }

    /// As [`App::restart`], with what `change` sets.
    pub async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut stopped = self.pause().await;
        change(&mut stopped.config);
        stopped.start().await
    }

    /// Stops the server; its data and addresses stay.
    pub async fn pause(self) -> Stopped {
        let Self {
            running,
            mut config,
            folder,
        } = self;
        config.http.address = running.http;
        config.http.tls_address = running.https;
        if let Some(mqtt) = running.mqtt {
            config.mqtt.address = mqtt;
        }
        end(running).await;
        Stopped { config, folder }
    }

    /// Where its data is.
    pub fn data(&self) -> &Path {
        &self.config.data_dir
    }

    /// Stops the server as an administrator would.
    pub async fn stop(self) {
        end(self.running).await;
    }

    /// The services.
    pub fn services(&self) -> &Services {
        &self.running.services
    }

    /// Where devices connect.
    pub fn mqtt(&self) -> SocketAddr {
        self.running.mqtt.expect("the embedded broker")
    }

    /// Where devices connect without TLS, where that was asked for.
    pub fn mqtt_plain(&self) -> Option<SocketAddr> {
        self.running.mqtt_plain
    }

    /// Where HTTPS is served.
    pub fn https_address(&self) -> SocketAddr {
        self.running.https
    }

    /// What the TLS listeners show.
    pub fn certificate(&self) -> &ServerCertificate {
        &self.running.certificate
    }

    /// The one-time code for the first administrator.
    pub fn setup_code(&self) -> Option<&str> {
        self.running.setup_code.as_deref()
    }

    /// An address on the plain listener.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.http)
    }

    /// An address on the TLS listener, by the name in its certificate.
    pub fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.running.https.port())
    }

    /// The site's certificate authority, PEM.
    pub fn ca_pem(&self) -> String {
        self.services().pki.ca_pem().to_owned()
    }

    /// The first administrator.
    pub async fn set_up(&self) -> Person {
        let code = self.running.setup_code.as_deref().expect("nobody is there");
        let account = account("admin@example.org");
        let signed_in = accounts::set_up(self.services(), code, account, &Client::default())
            .await
            .expect("the first administrator");
        Person::new(signed_in)
    }

    /// Another person with this role, invited by `admin`.
    pub async fn person(&self, admin: &Person, email: &str, role: SiteRole) -> Person {
        let proof = admin.actor.require_admin().expect("an administrator");
        let code = accounts::invite(self.services(), &proof, None, role)
            .await
            .expect("an invitation");
        let signed_in = accounts::register(
            self.services(),
            Some(&code),
            account(email),
            &Client::default(),
        )
        .await
        .expect("an account");
        Person::new(signed_in)
    }

    /// An HTTP client that follows no redirect, as `person` where there is one, and as a browser of this
    /// site sends its requests.
    pub fn browser(&self, person: Option<&Person>) -> Http {
        let mut headers = header::HeaderMap::new();
        let own = self.url("").parse().expect("an origin");
        headers.insert(header::ORIGIN, own);
        if let Some(person) = person {
            let cookie = format!("{}={}", server::SESSION_COOKIE, person.session);
            headers.insert(header::COOKIE, cookie.parse().expect("a cookie"));
        }
        let ca = reqwest::Certificate::from_pem(self.ca_pem().as_bytes()).expect("a certificate");
        Http::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([ca])
            .timeout(Duration::from_secs(20))
            .build()
            .expect("an HTTP client")
    }
}

impl Person {
    fn new(signed_in: accounts::SignedIn) -> Self {
        Self {
            actor: Actor {
                user: signed_in.me,
                address: None,
            },
            session: signed_in.token,
        }
    }
}

async fn end(running: Running) {
    running.stopper().cancel();
    running.stopped().await.expect("a clean end");
}
