//! A site made through the use cases, in this process, before the measured program starts on it.

use std::{path::PathBuf, sync::Arc};

use agent::trust;
use anyhow::{Context, Result, bail};
use domain::{DeviceId, device::DeviceKind};
use protocol::{ComponentKey, Email, SharedSecret, enroll::CredentialsRequest};
use rustls::ClientConfig;
use server::Config;
use service::{
    Actor, Clock, Services, SystemClock,
    accounts::{self, Client, NewAccount},
    devices::{self, CredentialsOutcome, NewDevice},
};
use tempfile::TempDir;

use crate::figures::say;

const EMAIL: &str = "bench@madang.example";
const PASSWORD: &str = "a password of this bench alone";

/// A site with devices, not running.
#[derive(Debug)]
pub(crate) struct Site {
    folder: TempDir,
    /// The session cookie's value of its administrator.
    pub session: String,
    /// The devices that have certificates.
    pub devices: Vec<Identity>,
}

/// What a site is made of.
pub(crate) struct Plan {
    /// Devices that can connect.
    pub enrolled: usize,
    /// Devices that only fill the list.
    pub others: usize,
    /// The database; none means SQLite in the data folder.
    pub database: Option<String>,
    /// What time it is while the site is made.
    pub clock: Arc<dyn Clock>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            enrolled: 0,
            others: 0,
            database: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// What a device is enrolled with.
pub(crate) struct Identity {
    pub id: DeviceId,
    pub serial: String,
    pub owner: Email,
    pub secret: SharedSecret,
    pub variant: String,
    pub component: ComponentKey,
    pub tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.id)
    }
}

impl Site {
    /// Makes a site with `enrolled` devices that can connect and `others` that only fill the list.
    pub(crate) async fn make(enrolled: usize, others: usize) -> Result<Self> {
        let plan = Plan {
            enrolled,
            others,
            ..Plan::default()
        };
        Self::prepared(plan, async |_, _, _| Ok(())).await
    }

    /// Makes a site by this plan, and does to it what `prepare` does with its services, its administrator and
    /// its devices.
    pub(crate) async fn prepared(
        plan: Plan,
        prepare: impl AsyncFnOnce(&Services, &Actor, &[DeviceId]) -> Result<()>,
    ) -> Result<Self> {
        let Plan {
            enrolled,
            others,
            database,
            clock,
        } = plan;
        let folder = tempfile::Builder::new()
            .prefix("madang-bench-")
            .tempdir()
            .context("a temporary folder")?;
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config {
            data_dir: folder.path().join("data"),
            ..Config::default()
        };
        config.http.address = any;
        config.http.tls_address = any;
        config.mqtt.address = any;
        if let Some(url) = &database {
            config.database.url.clone_from(url);
            // The measured program finds it in its working folder.
            std::fs::create_dir_all(&config.data_dir)?;
            let text = format!("[database]\nurl = \"{url}\"\n");
            std::fs::write(config.data_dir.join("madang.toml"), text)?;
        }
        let running = server::run_by(config, clock).await?;
        let code = running.setup_code.clone().context("no setup code")?;
        let services = &running.services;
        let account = NewAccount {
            email: EMAIL.to_owned(),
            name: "Bench".to_owned(),
            password: PASSWORD.to_owned(),
        };
        let client = Client::default();
        let signed_in = accounts::set_up(services, &code, account, &client).await?;
        let actor = Actor {
            user: signed_in.me,
            address: None,
        };
        say(&format!("making {} devices", enrolled + others));
        let mut identities = Vec::with_capacity(enrolled);
        let mut devices = Vec::with_capacity(enrolled + others);
        for number in 0..enrolled + others {
            let (device, serial, code) = claimed(services, &actor, number).await?;
            devices.push(device);
            if number < enrolled {
                identities.push(identity(services, serial, code).await?);
            }
        }
        prepare(services, &actor, &devices).await?;
        // The clock may have moved on: a session lasts 30 days.
        let signed_in = accounts::sign_in(services, EMAIL, PASSWORD, &client).await?;
        running.stopper().cancel();
        running.stopped().await.map_err(anyhow::Error::msg)?;
        Ok(Self {
            folder,
            session: signed_in.token,
            devices: identities,
        })
    }

    /// Where the data is.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Names as they are found in a lab and in a greenhouse, so that searching and sorting have work.
fn name(number: usize) -> String {
    let places = ["실습실", "온실", "Lab", "Workshop", "관측소", "창고"];
    format!(
        "{} {:03}-{:02}",
        places[number % places.len()],
        number / 12,
        number % 12 + 1
    )
}

async fn claimed(
    services: &Services,
    actor: &Actor,
    number: usize,
) -> Result<(DeviceId, String, String)> {
    let computer = !number.is_multiple_of(3);
    let (kind, version, components): (_, _, &[&str]) = match computer {
        true => (DeviceKind::Computer, "pc", &["cpu", "memory"]),
        false => (DeviceKind::Board, "5", &["cpu", "dht22"]),
    };
    let wish = NewDevice {
        cpu_serial: format!("BENCH-{number:06}"),
        uuid: None,
        kind,
        hardware_version: version.to_owned(),
        hardware_variant: "Standard".to_owned(),
        name: Some(name(number)),
        components: components.iter().filter_map(|c| c.parse().ok()).collect(),
    };
    let serial = wish.cpu_serial.clone();
    let admin = actor.require_admin()?;
    let made = devices::preregister(services, &admin, wish).await?;
    let code = made.code.to_string();
    let device = devices::claim(services, actor, &serial, &code).await?;
    Ok((device, serial, code))
}

async fn identity(services: &Services, serial: String, code: String) -> Result<Identity> {
    let key = rcgen::KeyPair::generate()?;
    let csr = rcgen::CertificateParams::default()
        .serialize_request(&key)?
        .pem()?;
    let request = CredentialsRequest {
        cpu_serial: serial.clone(),
        code,
        csr,
    };
    let credentials = match devices::credentials(services, request, &Client::default()).await? {
        CredentialsOutcome::Complete(credentials) => credentials,
        CredentialsOutcome::Waiting(_) => bail!("{serial} is not claimed"),
    };
    let owned = credentials.ownership.clone().context("no ownership")?;
    let mut components = owned.components.iter();
    let component = components
        .find(|component| component.component_key.as_str() == "cpu")
        .context("no processor among the components")?;
    Ok(Identity {
        id: credentials.device_uuid,
        serial,
        secret: SharedSecret::from_base64url(&owned.shared_secret).context("the secret")?,
        owner: owned.user_email,
        variant: credentials.hardware_variant.clone(),
        component: component.component_key.clone(),
        tls: Arc::new(trust::mutual(
            &credentials.ca,
            &credentials.certificate,
            &key.serialize_pem(),
        )?),
    })
}
