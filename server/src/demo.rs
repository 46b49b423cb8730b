//! The demo site: an administrator, 24 computers and 12 boards, and the manifest that their simulator reads.
//!
//! Every step goes through the use cases that people and devices go through. What was done is noted
//! after each step in `demo/` of the data folder, so an interrupted start goes on where it stopped and a
//! later one changes nothing. The password is drawn once and kept there, readable by this user alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use domain::{
    AppError,
    device::{DeviceKind, DeviceQuery},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::{
    Actor, Services,
    accounts::{self, Client, NewAccount},
    devices::{self, NewDevice},
};

const EMAIL: &str = "demo@madang.example";

/// How a person signs in to the demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignIn {
    /// The administrator's address.
    pub email: String,
    /// Their password, drawn for this site.
    pub password: String,
}

/// The demo could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Notes or manifest could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The site has people already, and the demo's administrator is none of them.
    #[error("this site is in use: the demo needs a data folder of its own")]
    InUse,
    /// A step was refused.
    #[error("{step}: {source}")]
    Step {
        /// Which.
        step: String,
        /// Why.
        source: AppError,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    serial: String,
    link: String,
    code: String,
    claimed: bool,
}

/// Makes what is missing of the demo site and writes the manifest; gives how to sign in.
pub async fn seed(
    services: &Services,
    data_dir: &Path,
    manifest: &Path,
) -> Result<SignIn, DemoError> {
    let folder = data_dir.join("demo");
    fs::create_dir_all(&folder).map_err(|source| at(&folder, source))?;
    let sign_in = password(&folder.join("sign-in.json"))?;
    let actor = administrator(services, &sign_in).await?;

    let notes = folder.join("devices.json");
    let mut noted: Vec<Noted> = read(&notes)?.unwrap_or_default();
    let planned = plan();
    for device in &planned {
        let serial = &device.new.cpu_serial;
        if !noted.iter().any(|n| &n.serial == serial) {
            noted.push(preregister(services, &actor, device).await?);
            write(&notes, &noted)?;
        }
    }
    for position in 0..noted.len() {
        let one = &noted[position];
        if !one.claimed {
            claim(services, &actor, one).await?;
            noted[position].claimed = true;
            write(&notes, &noted)?;
        }
    }
    let devices: Vec<_> = planned
        .iter()
        .filter_map(|device| {
            let noted = noted.iter().find(|n| n.serial == device.new.cpu_serial)?;
            Some(json!({
                "link": noted.link,
                "model": device.model,
                "os": device.os,
                "behaviour": device.behaviour,
            }))
        })
        .collect();
    let whole = json!({
        "site": services.site.public_url,
        "sign_in": sign_in,
        "state": "simulated",
        "devices": devices,
    });
    write(manifest, &whole)?;
    Ok(sign_in)
}

fn at(path: &Path, source: io::Error) -> DemoError {
    DemoError::File {
        path: path.to_owned(),
        source,
    }
}

fn step(step: impl Into<String>) -> impl FnOnce(AppError) -> DemoError {
    let step = step.into();
    move |source| DemoError::Step { step, source }
}

fn password(path: &Path) -> Result<SignIn, DemoError> {
    if let Some(kept) = read(path)? {
        return Ok(kept);
    }
    // 122 random bits, and nothing that is hard to type.
    let drawn = protocol::CommandId::random().0.simple().to_string();
    let sign_in = SignIn {
        email: EMAIL.to_owned(),
        password: drawn,
    };
    write(path, &sign_in)?;
    Ok(sign_in)
}

async fn administrator(services: &Services, sign_in: &SignIn) -> Result<Actor, DemoError> {
    let client = Client::default();
    // There is a code only while the site waits for its first administrator.
    let code = accounts::make_setup_code(services)
        .await
        .map_err(step("setup code"))?;
    let signed_in = if let Some(code) = code {
        let account = NewAccount {
            email: sign_in.email.clone(),
            name: "데모 관리자 (Demo)".to_owned(),
            password: sign_in.password.clone(),
        };
        accounts::set_up(services, &code, account, &client)
            .await
            .map_err(step("first administrator"))?
    } else {
        accounts::sign_in(services, &sign_in.email, &sign_in.password, &client)
            .await
            .map_err(|_| DemoError::InUse)?
    };
    let found = accounts::actor_of_session(services, &signed_in.token, &client)
        .await
        .map_err(step("signing in"))?;
    let actor = found.ok_or(DemoError::InUse)?;
    accounts::sign_out(services, &signed_in.token)
        .await
        .map_err(step("signing out"))?;
    Ok(actor)
}

async fn preregister(
    services: &Services,
    actor: &Actor,
    device: &Planned,
) -> Result<Noted, DemoError> {
    let serial = device.new.cpu_serial.clone();
    let named = || step(format!("pre-registering {serial}"));
    let admin = actor.require_admin().map_err(named())?;
    let made = match devices::preregister(services, &admin, device.new.clone()).await {
        // Registered by a start that ended before it was noted: only the code is lost.
        Err(AppError::Conflict { .. }) => {
            let query = DeviceQuery {
                search: serial.clone(),
                ..DeviceQuery::default()
            };
            let page = devices::list(services, actor, &query)
                .await
                .map_err(named())?;
            let known = page.items.into_iter().find(|row| row.cpu_serial == serial);
            let id = known.ok_or(AppError::NotFound).map_err(named())?.id;
            devices::renew_code(services, &admin, id).await
        }
        made => made,
    }
    .map_err(named())?;
    Ok(Noted {
        serial,
        link: made.link.to_string(),
        code: made.code.to_string(),
        claimed: false,
    })
}

async fn claim(services: &Services, actor: &Actor, noted: &Noted) -> Result<(), DemoError> {
    match devices::claim(services, actor, &noted.serial, &noted.code).await {
        // Claimed by a start that ended before it was noted.
        Ok(_) | Err(AppError::Conflict { .. }) => Ok(()),
        Err(source) => Err(step(format!("claiming {}", noted.serial))(source)),
    }
}

struct Planned {
    new: NewDevice,
    model: &'static str,
    os: &'static str,
    behaviour: &'static str,
}

/// Two labs of twelve computers, and twelve boards in greenhouse and workshop.
fn plan() -> Vec<Planned> {
    let computers = (1..=24).map(|number| {
        let (room, seat) = if number <= 12 {
            ("실습실 401", number)
        } else {
            ("Lab 402", number - 12)
        };
        Planned {
            new: new_device(
                format!("DEMO-PC-{number:02}"),
                DeviceKind::Computer,
                ("pc", "Standard"),
                format!("{room}-{seat:02}"),
                &["cpu", "memory", "disk", "network", "temperature", "uptime"],
            ),
            model: "OptiPlex 7010",
            os: "Debian GNU/Linux 13",
            behaviour: match number {
                7 => "silent",
                19 => "absent",
                _ => "well",
            },
        }
    });
    let places = [
        "온실 북쪽",
        "온실 남쪽",
        "온실 육묘대",
        "온실 관수 펌프",
        "버섯 재배실",
        "양액 탱크",
        "Greenhouse East",
        "Greenhouse West",
        "Workshop bench",
        "Workshop fan",
        "Compost house",
        "Weather mast",
    ];
    let boards = (1..).zip(places).map(|(number, place)| Planned {
        new: new_device(
            format!("DEMO-BOARD-{number:02}"),
            DeviceKind::Board,
            ("5", "Standard"),
            place.to_owned(),
            &["cpu", "dht22", "led", "pump"],
        ),
        model: "Raspberry Pi 5",
        os: "Raspberry Pi OS 13",
        behaviour: match number {
            6 => "stuck",
            12 => "silent",
            _ => "well",
        },
    });
    computers.chain(boards).collect()
}

fn new_device(
    cpu_serial: String,
    kind: DeviceKind,
    (version, variant): (&str, &str),
    name: String,
    components: &[&str],
) -> NewDevice {
    NewDevice {
        cpu_serial,
        uuid: None,
        kind,
        hardware_version: version.to_owned(),
        hardware_variant: variant.to_owned(),
        name: Some(name),
        components: components.iter().filter_map(|c| c.parse().ok()).collect(),
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, DemoError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| at(path, error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path, error)),
    }
}

/// Fails where [`write`] could not replace the file, and leaves what is in it.
pub(crate) fn writable(path: &Path) -> Result<(), DemoError> {
    let folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let opened = match folder {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => part(path),
    };
    opened.map(drop).map_err(|source| at(path, source))
}

/// The file beside this one that becomes it, with what is in it until it is written.
fn part(path: &Path) -> io::Result<(PathBuf, fs::File)> {
    let part = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&part)?;
    Ok((part, file))
}

/// Replaces a file whole, readable by this user alone: it holds codes or a password.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<(), DemoError> {
    use std::io::Write as _;
    let write = || -> io::Result<()> {
        let (part, mut file) = part(path)?;
        file.set_len(0)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.sync_all()?;
        fs::rename(part, path)
    };
    write().map_err(|source| at(path, source))
}
