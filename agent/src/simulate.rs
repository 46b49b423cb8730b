//! A simulated site: many real devices in one process, each with its own key, certificate and connection.

use std::{io, path::Path, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use protocol::{
    enroll::ClaimLink,
    identity::{ComponentSpec, Versions},
};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    VERSION,
    device::{self, RunError, Settings, Status},
    drivers::{Description, Hardware, InterfaceOf, Loaded, NoDriver, simulated},
    enroll::{self, EnrollError},
    folder::Folder,
    wifi::{Radio, simulated::SimulatedRadio},
};

/// What to simulate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Where the devices keep their state, relative to the manifest's own folder.
    pub state: String,
    /// The devices.
    pub devices: Vec<SimulatedDevice>,
}

/// One simulated device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimulatedDevice {
    /// Its claim link.
    pub link: String,
    /// Its model, as its identity says it.
    pub model: String,
    /// Its operating system, as its identity says it.
    pub os: String,
    /// How it behaves.
    #[serde(default)]
    pub behaviour: Behaviour,
}

/// How a simulated device behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// As it should.
    #[default]
    Well,
    /// Stays connected and says nothing for a minute, every few minutes.
    Silent,
    /// Enrols, and then stays away.
    Absent,
    /// Its actuators take commands and fail.
    Stuck,
    /// After a while a copy of its storage runs on another board too.
    Clone,
    /// After a while its storage runs on another board instead.
    BoardSwap,
    /// After a while its board starts from another storage.
    CardSwap,
    /// After a while another board with another storage has its UUID.
    Collision,
    /// Comes and goes: a connection lasts some seconds.
    Flapping,
    /// Reports everything twenty times in place of once.
    Burst,
    /// Every third message is none.
    Garbage,
    /// Its clock is four hours ahead.
    ClockSkew,
}

impl Behaviour {
    /// The board and the storage that come after a while, where others come; and whether the first stays.
    fn later(self) -> Option<(bool, bool, bool)> {
        match self {
            Self::Clone => Some((true, false, true)),
            Self::BoardSwap => Some((true, false, false)),
            Self::CardSwap => Some((false, true, false)),
            Self::Collision => Some((true, true, false)),
            Self::Well
            | Self::Silent
            | Self::Absent
            | Self::Stuck
            | Self::Flapping
            | Self::Burst
            | Self::Garbage
            | Self::ClockSkew => None,
        }
    }
}

/// How long a connection of one that comes and goes lasts, and how long it stays away.
const FLAPS: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(2));
/// How often one that floods reports in place of once.
const BURST: u32 = 20;
/// How far a wrong clock is ahead, in milliseconds.
const AHEAD_MS: i64 = 4 * 3_600_000;

/// How long a device is itself before it plays another.
const ITSELF: Duration = Duration::from_secs(20);

/// The simulation could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The manifest or a folder could not be used.
    #[error("the manifest: {0}")]
    Manifest(#[from] io::Error),
    /// A claim link is unreadable, or a device was refused.
    #[error("device {serial}: {source}")]
    Device {
        /// Which one.
        serial: String,
        /// Why.
        source: EnrollError,
    },
}

/// Enrolments at the same time.
const AT_ONCE: usize = 12;

/// Enrols what is not enrolled yet and runs every device until `shutdown`.
pub async fn run(
    manifest: &Path,
    settings: Settings,
    shutdown: CancellationToken,
) -> Result<(), SimulateError> {
    // What changed while it was away each is told by the broker; a thousand need not all ask at once.
    let settings = Settings {
        ask_components: false,
        ..settings
    };
    let text = std::fs::read_to_string(manifest)?;
    let site: Manifest = serde_json::from_str(&text).map_err(io::Error::other)?;
    let folder = manifest
        .parent()
        .unwrap_or_else(|| Path::new("."))
        .join(&site.state);
    let enrolled: Vec<_> = stream::iter(site.devices)
        .map(|device| enrol(&folder, device, &shutdown))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut running = JoinSet::new();
    let count = enrolled.len();
    for (number, enrolled) in enrolled.into_iter().enumerate() {
        let (device, folder, serial) = enrolled?;
        if device.behaviour == Behaviour::Absent {
            continue;
        }
        let (settings, shutdown) = (settings.clone(), shutdown.clone());
        // Not all in the same second, as real ones are not.
        let pause = Duration::from_millis(rand::rng().random_range(0..1_500));
        running.spawn(async move {
            tokio::time::sleep(pause).await;
            let number = u64::try_from(number).unwrap_or(0);
            let ran = play(device, number, folder, settings, shutdown).await;
            (serial, ran)
        });
    }
    tracing::info!("{count} devices enrolled, {} running", running.len());
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok((serial, Err(error))) => tracing::error!(serial, "stopped: {error}"),
            Ok(_) => {}
            Err(error) => tracing::error!("a simulated device failed: {error}"),
        }
    }
    Ok(())
}

/// Runs one device, and whoever takes its place or its name after a while.
async fn play(
    device: SimulatedDevice,
    number: u64,
    folder: Folder,
    settings: Settings,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let run = |folder: Folder, hardware: Simulated, until: CancellationToken| {
        let status = watch::Sender::new(Status::default());
        device::run(folder, Box::new(hardware), settings.clone(), status, until)
    };
    let own = Simulated::new(device.clone(), number);
    if device.behaviour == Behaviour::Flapping {
        return flap(&shutdown, |until| {
            let hardware = Simulated::new(device.clone(), number);
            run(folder.clone(), hardware, until)
        })
        .await;
    }
    let Some((board, storage, stays)) = device.behaviour.later() else {
        return run(folder, own, shutdown).await;
    };
    let hardware = Simulated {
        board: if board { "b" } else { "" },
        storage: if storage { "b" } else { "" },
        ..Simulated::new(device, number)
    };
    let later = shutdown.run_until_cancelled(tokio::time::sleep(ITSELF));
    if stays {
        let other = async {
            if later.await.is_none() {
                return Ok(());
            }
            let copied = folder.copy(folder.path().with_extension("copy"))?;
            run(copied, hardware, shutdown.clone()).await
        };
        let (ran, other) = tokio::join!(run(folder.clone(), own, shutdown.clone()), other);
        return ran.and(other);
    }
    let first = shutdown.child_token();
    let end = async {
        later.await;
        first.cancel();
    };
    let (ran, ()) = tokio::join!(run(folder.clone(), own, first.clone()), end);
    ran?;
    // Its store goes on with it: other hardware under used sequences would be a copy.
    run(folder, hardware, shutdown.clone()).await
}

/// Runs it for some seconds, again and again.
async fn flap<F>(
    shutdown: &CancellationToken,
    run: impl Fn(CancellationToken) -> F,
) -> Result<(), RunError>
where
    F: Future<Output = Result<(), RunError>>,
{
    while !shutdown.is_cancelled() {
        let until = shutdown.child_token();
        let end = async {
            tokio::time::sleep(FLAPS.0).await;
            until.cancel();
        };
        let (ran, ()) = tokio::join!(run(until.clone()), end);
        ran?;
        let away = tokio::time::sleep(FLAPS.1);
        let _ = shutdown.run_until_cancelled(away).await;
    }
    Ok(())
}

async fn enrol(
    root: &Path,
    device: SimulatedDevice,
    shutdown: &CancellationToken,
) -> Result<(SimulatedDevice, Folder, String), SimulateError> {
    let link: ClaimLink = device
        .link
        .parse()
        .map_err(|error| io::Error::other(format!("{error}: a claim link")))?;
    let serial = link.serial.clone();
    let failed = |source| SimulateError::Device {
        serial: serial.clone(),
        source,
    };
    let folder = Folder::open(root.join(&serial))?;
    let mut site = enroll::begin(&folder, &link).map_err(failed)?;
    if site.credentials.is_none() {
        // A claim may come later: a device without an owner runs, and asks again.
        let mut pause = Duration::from_millis(200);
        loop {
            match enroll::ask(&folder, &mut site).await {
                Ok(_) => break,
                Err(EnrollError::Connection(words)) if !shutdown.is_cancelled() => {
                    tracing::info!(serial, "{words}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok((device, folder, serial))
}

/// The hardware of a simulated device.
struct Simulated {
    device: SimulatedDevice,
    seed: u64,
    began: Instant,
    /// Messages that left.
    spoken: u64,
    /// What is behind the serial number of its board, and behind the id of its storage.
    board: &'static str,
    storage: &'static str,
    radio: SimulatedRadio,
}

impl Simulated {
    fn new(device: SimulatedDevice, seed: u64) -> Self {
        Self {
            device,
            seed: seed.wrapping_mul(7_919) + 17,
            began: Instant::now(),
            spoken: 0,
            board: "",
            storage: "",
            radio: SimulatedRadio::default(),
        }
    }
}

impl Hardware for Simulated {
    fn driver(&mut self, component: &ComponentSpec) -> Loaded {
        let stuck = self.device.behaviour == Behaviour::Stuck;
        simulated::driver(component, self.seed, stuck).ok_or_else(|| NoDriver::for_type(component))
    }

    fn describe(&self) -> Description {
        let bytes = self.seed.to_be_bytes();
        let serial = self.device.link.parse::<ClaimLink>();
        let serial = serial.map_or_else(|_| String::new(), |link| link.serial);
        Description {
            cpu_serial: Some(format!("{serial}{}", self.board)),
            // Locally administered, so that none is mistaken for a maker's.
            macs: vec![format!(
                "02:6d:64:{:02x}:{:02x}:{:02x}",
                bytes[5], bytes[6], bytes[7]
            )],
            storage_id: Some(format!("simulated-{serial}{}", self.storage)),
            versions: Versions {
                agent: Some(VERSION.to_owned()),
                os: Some(self.device.os.clone()),
                kernel: None,
                hardware: Some(self.device.model.clone()),
            },
        }
    }

    fn radio(&self) -> Option<Arc<dyn Radio>> {
        Some(Arc::new(self.radio.clone()))
    }

    fn interfaces(&self) -> InterfaceOf {
        // It has a radio, and nothing else.
        |_| Some("wlan0".to_owned())
    }

    fn reached(&self) -> watch::Receiver<bool> {
        self.radio.reached()
    }

    fn is_silent(&mut self) -> bool {
        // A minute in every five, beginning with the second.
        let minute = self.began.elapsed().as_secs() / 60;
        self.device.behaviour == Behaviour::Silent && minute % 5 == 1
    }

    fn rounds(&self) -> u32 {
        match self.device.behaviour {
            Behaviour::Burst => BURST,
            _ => 1,
        }
    }

    fn clock_ahead_ms(&self) -> i64 {
        match self.device.behaviour {
            Behaviour::ClockSkew => AHEAD_MS,
            _ => 0,
        }
    }

    fn spoil(&mut self, payload: String) -> String {
        self.spoken += 1;
        match self.device.behaviour == Behaviour::Garbage && self.spoken.is_multiple_of(3) {
            // Cut in the middle of a text, as a full buffer does it.
            true => payload.chars().take(payload.len() / 2).collect(),
            false => payload,
        }
    }
}
