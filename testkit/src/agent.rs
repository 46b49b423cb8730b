//! The agent itself, run in this process as a device that is enrolled.

use ::agent::{
    device::{self, RunError, Settings, Status},
    drivers::Hardware,
    folder::{Folder, Site},
};
use protocol::enroll::ClaimLink;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{app::App, device::Identity};

/// A state folder of an enrolled device, and the agent that runs on it.
#[derive(Debug)]
pub struct Agent {
    place: TempDir,
    status: watch::Sender<Status>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

impl Agent {
    /// Runs it on this hardware, connected to this server.
    ///
    /// # Panics
    /// When the state folder cannot be made.
    pub fn start(app: &App, identity: &Identity, hardware: impl Hardware + 'static) -> Self {
        Self::start_with(app, identity, hardware, |_, _| {})
    }

    /// As [`Agent::start`], after `change` of what the folder holds.
    ///
    /// # Panics
    /// When the state folder cannot be made.
    pub fn start_with(
        app: &App,
        identity: &Identity,
        hardware: impl Hardware + 'static,
        change: impl FnOnce(&Folder, &mut Site),
    ) -> Self {
        Self::run(Self::folder(app, identity, change), hardware)
    }

    /// As [`Agent::start_with`], and it reports as often as its server says.
    ///
    /// # Panics
    /// When the state folder cannot be made.
    pub fn start_as_told(
        app: &App,
        identity: &Identity,
        hardware: impl Hardware + 'static,
        change: impl FnOnce(&Folder, &mut Site),
    ) -> Self {
        Self::run_every(Self::folder(app, identity, change), hardware, None)
    }

    /// As [`Agent::start`], with other settings.
    ///
    /// # Panics
    /// When the state folder cannot be made.
    pub fn start_set(
        app: &App,
        identity: &Identity,
        hardware: impl Hardware + 'static,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Self::settings(Some(std::time::Duration::from_secs(1)));
        change(&mut settings);
        Self::run_with(Self::folder(app, identity, |_, _| {}), hardware, settings)
    }

    fn folder(app: &App, identity: &Identity, change: impl FnOnce(&Folder, &mut Site)) -> TempDir {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("a folder");
        std::fs::write(place.path().join("key.pem"), &identity.key).expect("the key");
        let mut credentials = identity.credentials.clone();
        credentials.mqtt_url = format!("mqtts://localhost:{}", app.mqtt().port());
        let link = ClaimLink {
            origin: app.https("").trim_end_matches('/').to_owned(),
            serial: identity.serial.clone(),
            code: identity.code.parse().expect("a code"),
            ca_hash: app.services().pki.ca_hash(),
        };
        let mut site = Site {
            credentials: Some(credentials),
            ..Site::of(&link)
        };
        change(&folder, &mut site);
        folder.save_site(&site).expect("the site");
        place
    }

    /// Runs it on this hardware with a claim link alone: it is not enrolled yet.
    ///
    /// # Panics
    /// When the state folder cannot be made.
    pub fn fresh(link: &ClaimLink, hardware: impl Hardware + 'static) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("a folder");
        folder.save_site(&Site::of(link)).expect("the site");
        Self::run(place, hardware)
    }

    fn run(place: TempDir, hardware: impl Hardware + 'static) -> Self {
        Self::run_every(place, hardware, Some(std::time::Duration::from_secs(1)))
    }

    fn run_every(
        place: TempDir,
        hardware: impl Hardware + 'static,
        report_interval: Option<std::time::Duration>,
    ) -> Self {
        Self::run_with(place, hardware, Self::settings(report_interval))
    }

    fn settings(report_interval: Option<std::time::Duration>) -> Settings {
        Settings {
            report_interval,
            wifi_patience: std::time::Duration::from_secs(3),
            ..Settings::default()
        }
    }

    fn run_with(place: TempDir, hardware: impl Hardware + 'static, settings: Settings) -> Self {
        let folder = Folder::open(place.path()).expect("a folder");
        let (status, stop) = (
            watch::Sender::new(Status::default()),
            CancellationToken::new(),
        );
        let running = device::run(
            folder,
            Box::new(hardware),
            settings,
            status.clone(),
            stop.clone(),
        );
        Self {
            place,
            status,
            stop,
            task: tokio::spawn(running),
        }
    }

    /// What it keeps of its site.
    ///
    /// # Panics
    /// When the folder is unreadable.
    pub fn site(&self) -> Site {
        let folder = Folder::open(self.place.path()).expect("a folder");
        folder.site().expect("readable").expect("a site")
    }

    /// Whether its folder has this file.
    pub fn has_file(&self, name: &str) -> bool {
        self.place.path().join(name).exists()
    }

    /// Waits until it is connected and its site has heard who it is.
    ///
    /// # Panics
    /// When that does not come in time.
    pub async fn online(&self) {
        self.says(|status| status.online).await;
    }

    /// Waits until what it says of itself is this.
    ///
    /// # Panics
    /// When that does not come in time.
    pub async fn says(&self, this: impl FnMut(&Status) -> bool) {
        let mut status = self.status.subscribe();
        let said = tokio::time::timeout(crate::device::PATIENCE, status.wait_for(this)).await;
        said.expect("in time").expect("it runs");
    }

    /// Waits until it ends by itself; gives how.
    ///
    /// # Panics
    /// When that does not come in time.
    pub async fn ended(self) -> Result<(), RunError> {
        let ended = tokio::time::timeout(crate::device::PATIENCE, self.task).await;
        ended.expect("in time").expect("an end")
    }

    /// Stops it; gives how it ended.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(self) -> Result<(), RunError> {
        self.end().await.1
    }

    /// Stops it and starts it again on the same folder.
    ///
    /// # Panics
    /// When it did not end well.
    pub async fn restart(self, hardware: impl Hardware + 'static) -> Self {
        let (place, ended) = self.end().await;
        ended.expect("a clean end");
        Self::run(place, hardware)
    }

    async fn end(self) -> (TempDir, Result<(), RunError>) {
        self.stop.cancel();
        let ended = tokio::time::timeout(crate::device::PATIENCE, self.task).await;
        (self.place, ended.expect("in time").expect("an end"))
    }
}
