//! One device: measures always, sends when it may, does what it is told once.
//!
//! A single task owns the drivers, the store and the state; the connection runs beside it and is
//! thrown away when it breaks.

mod command;
mod errand;
mod greeting;
mod measuring;
mod network;
mod outbox;
mod ownership;
mod pairing;
mod renewal;
mod shut_out;

use std::{collections::BTreeSet, io, sync::Arc, time::Duration};

use command::Running;
use errand::Errand;
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use greeting::{Setup, greeting};
use measuring::Rhythm;
use ownership::{Owned, said_serial};
use protocol::{DeviceId, Topic, enroll::Credentials, identity::PresenceStatus};
use renewal::Renewing;
use rumqttc::{AsyncClient, PublishOptions, mqttbytes::v5::Publish};
use shut_out::ShutOut;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{
    drivers::{Hardware, fitted::Fitted},
    enroll::EnrollError,
    folder::{Folder, Site},
    link::{self, Address, LinkEvent},
    store::{Store, StoreError},
};

/// How a device runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often it reports; none means as the server says.
    pub report_interval: Option<Duration>,
    /// Whether it asks for its components when it starts, and not only when it is told that they changed.
    pub ask_components: bool,
    /// How long another Wi-Fi network may take to be joined, and then to lead to the site.
    pub wifi_patience: Duration,
    /// How long, more or less, it is not let in until it asks its site whether it was revoked, and how often from then
    /// on.
    pub shut_out_patience: Duration,
    /// How long after the server refused to hear who it is, a clock that ran ahead for example, it says so again on
    /// the same connection.
    pub greet_again: Duration,
    /// Most reports kept while they cannot be sent; past it the oldest go.
    pub max_reports: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            report_interval: None,
            ask_components: true,
            wifi_patience: Duration::from_mins(1),
            shut_out_patience: Duration::from_mins(30),
            greet_again: Duration::from_mins(1),
            max_reports: 200_000,
        }
    }
}

/// What a device says of itself to whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether the server has answered to who it is on this connection, and reports flow.
    pub online: bool,
    /// How often the server has answered to who it is since the start.
    pub greeted: u64,
    /// Whether somebody owns it.
    pub claimed: bool,
    /// Messages that the server acknowledged since the start.
    pub acknowledged: u64,
    /// Commands that were executed, whatever came of them.
    pub executed: u64,
    /// What last went wrong.
    pub trouble: Option<String>,
}

/// Why a device stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Enrolment has not begun in this folder.
    #[error("not enrolled: run `madang-agent enroll` first")]
    NotEnrolled,
    /// The server has told this board to switch itself off.
    #[error("disabled by the server as a copy: `madang-agent enable` lets it run again")]
    Disabled,
    /// The folder could not be used.
    #[error("state folder: {0}")]
    Folder(#[from] io::Error),
    /// The store could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The credentials cannot be used.
    #[error("credentials: {0}")]
    Credentials(String),
    /// Enrolment ended for good.
    #[error(transparent)]
    Enroll(#[from] EnrollError),
}

/// Most live messages under way; the rest of the contract's 512 is room for answers and one batch.
const LIVE_UNDER_WAY: usize = 400;
/// How often the certificate's owner is asked for while nobody has claimed the device.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Runs a device until `shutdown`, then says goodbye. `status` follows along.
pub async fn run(
    folder: Folder,
    mut hardware: Box<dyn Hardware>,
    settings: Settings,
    status: watch::Sender<Status>,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let mut site = folder.site()?.ok_or(RunError::NotEnrolled)?;
    if site.board.is_none()
        && let Some(board) = hardware.describe().cpu_serial
    {
        site.board = Some(board);
        folder.save_site(&site)?;
    }
    if let Some(serial) = site.disabled.clone()
        && serial == said_serial(hardware.as_ref(), &site)
    {
        return Err(RunError::Disabled);
    }
    if site.credentials.is_none() {
        let given = crate::pairing::Given::of(hardware.as_mut(), settings.wifi_patience);
        let claimed = crate::pairing::until_claimed(&folder, &mut site, given, &shutdown, |_| {});
        match Box::pin(claimed).await {
            Ok(_) => {}
            Err(EnrollError::Interrupted) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    let device = Device::open(folder, site, hardware, settings, status)?;
    Box::pin(device.run(shutdown)).await
}

struct Device {
    folder: Folder,
    site: Site,
    id: DeviceId,
    store: Store,
    hardware: Box<dyn Hardware>,
    fitted: Fitted,
    settings: Settings,
    owned: Option<Owned>,
    status: watch::Sender<Status>,
    client: Option<AsyncClient>,
    /// Whether the identity was acknowledged on this connection.
    ready: bool,
    /// When it says again who it is, where the server refused to hear it on this connection.
    greet_at: Option<Instant>,
    under_way: BTreeSet<u64>,
    batch: Option<u64>,
    more_to_resend: bool,
    acknowledgements: FuturesUnordered<BoxFuture<'static, outbox::Outcome>>,
    running: Option<Running>,
    errand: Option<Errand>,
    renewing: Renewing,
    shut_out: ShutOut,
    pairing: Option<pairing::Pairing>,
    /// Asks for a new connection.
    anew: Arc<Notify>,
    waiting: std::collections::VecDeque<(protocol::CommandMessage, String)>,
}

struct Connection {
    tls: watch::Sender<Arc<rustls::ClientConfig>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    events: mpsc::Receiver<LinkEvent>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

impl Device {
    fn open(
        folder: Folder,
        site: Site,
        hardware: Box<dyn Hardware>,
        settings: Settings,
        status: watch::Sender<Status>,
    ) -> Result<Self, RunError> {
        let credentials = site.credentials.clone().ok_or(RunError::NotEnrolled)?;
        let store = Store::open(&folder.store_path(), settings.max_reports)?;
        let mut device = Self {
            id: credentials.device_uuid,
            store,
            hardware,
            fitted: Fitted::default(),
            settings,
            owned: None,
            status,
            client: None,
            ready: false,
            greet_at: None,
            under_way: BTreeSet::new(),
            batch: None,
            more_to_resend: false,
            acknowledgements: FuturesUnordered::new(),
            running: None,
            errand: None,
            renewing: Renewing::new(),
            shut_out: ShutOut::default(),
            pairing: None,
            anew: Arc::new(Notify::new()),
            waiting: std::collections::VecDeque::new(),
            folder,
            site,
        };
        if let Some(ownership) = credentials.ownership {
            device.take_ownership(&ownership)?;
        }
        Ok(device)
    }

    fn credentials(&self) -> Result<&Credentials, RunError> {
        self.site.credentials.as_ref().ok_or(RunError::NotEnrolled)
    }

    fn connect(&self) -> Result<Connection, RunError> {
        let (tls, shown) = watch::channel(self.shown()?);
        let address = Address {
            device: self.id,
            url: self.credentials()?.mqtt_url.clone(),
            tls: shown,
            reached: self.hardware.reached(),
        };
        let (sender, events) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let task = tokio::spawn(link::keep_connected(address, sender, stop.clone()));
        Ok(Connection {
            tls,
            stop,
            task,
            events,
        })
    }

    async fn run(mut self, shutdown: CancellationToken) -> Result<(), RunError> {
        let mut connection = self.connect()?;
        self.await_pairing();
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut rhythm = Rhythm::new();
        let mut ask_at = Instant::now() + ASK_EVERY;
        let mut setup: Option<Setup> = None;
        loop {
            let step_at = self.running.as_ref().map(Running::next_at);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                event = connection.events.recv() => match event {
                    Some(LinkEvent::Up(client)) => setup = Some(self.greet(client)?),
                    Some(LinkEvent::Down(reason, pause)) => {
                        setup = None;
                        self.lost(&reason, pause);
                        self.shut_out.began(self.settings.shut_out_patience);
                        if let Some(other) = self.show_the_other()? {
                            connection.tls.send_replace(other);
                        }
                    }
                    Some(LinkEvent::Message(publish)) => {
                        if self.hear(&publish).await? {
                            connection = self.connect()?;
                            setup = None;
                            self.lost("reset by the server", Duration::ZERO);
                        }
                    }
                    None => return Err(RunError::Credentials("the connection task ended".into())),
                },
                () = self.anew.notified() => {
                    connection = self.connect()?;
                    setup = None;
                    self.lost("the network is another one", Duration::ZERO);
                }
                greeted = greeting(&mut setup), if setup.is_some() => {
                    setup = None;
                    match greeted {
                        Ok(refused) => {
                            self.shut_out = ShutOut::default();
                            self.let_in()?;
                            self.begin_sending(refused).await?;
                            self.ask_at_start()?;
                        }
                        Err(reason) => {
                            tracing::warn!(device = %self.id, "not greeted: {reason}");
                            self.greet_at = Some(Instant::now() + self.settings.greet_again);
                        }
                    }
                }
                Some(outcome) = self.acknowledgements.next(), if !self.acknowledgements.is_empty() => {
                    self.note(outcome)?;
                    self.catch_up().await?;
                }
                () = sleep_until(step_at), if step_at.is_some() => self.step().await?,
                () = sleep_until(self.greet_at), if self.greet_at.is_some() && setup.is_none() => {
                    self.greet_at = None;
                    if let Some(client) = self.client.clone() {
                        setup = Some(self.greet(client)?);
                    }
                }
                outcome = errand::outcome(&mut self.errand), if self.errand.is_some() => {
                    if self.come_back(outcome).await? {
                        connection = self.connect()?;
                        setup = None;
                        self.lost("the certificate is renewed", Duration::ZERO);
                    }
                }
                ended = pairing::ended(&mut self.pairing), if self.pairing.is_some() => {
                    self.paired(ended)?;
                }
                _ = second.tick() => {
                    self.tick(&mut rhythm).await?;
                    if self.owned.is_none() && Instant::now() >= ask_at {
                        ask_at = Instant::now() + ASK_EVERY;
                        if self.ask_for_owner().await? {
                            connection = self.connect()?;
                            setup = None;
                            self.lost("claimed", Duration::ZERO);
                        }
                    }
                }
            }
        }
        self.end_pairing().await;
        self.goodbye().await;
        Ok(())
    }

    fn lost(&mut self, reason: &str, pause: Duration) {
        tracing::info!(device = %self.id, ?pause, "not connected: {reason}");
        self.client = None;
        self.ready = false;
        self.greet_at = None;
        self.batch = None;
        self.under_way.clear();
        self.acknowledgements.clear();
        self.status.send_modify(|status| {
            status.online = false;
            status.trouble = Some(reason.to_owned());
        });
    }

    /// Deals with what the server says; `true` when the connection is to be made anew.
    async fn hear(&mut self, publish: &Publish) -> Result<bool, RunError> {
        let topic = std::str::from_utf8(&publish.topic)
            .ok()
            .and_then(|t| t.parse().ok());
        let again = match topic {
            Some(Topic::Command { device, name }) if device == self.id => {
                self.take_command(&name, &publish.payload).await?;
                false
            }
            Some(Topic::Owner(device)) if device == self.id => {
                self.owner_changed(&publish.payload).await?;
                false
            }
            Some(Topic::Disable(device)) if device == self.id => {
                if self.is_disabled_by(&publish.payload)? {
                    if let Some(client) = &self.client {
                        let _ = client.ack(publish).await;
                    }
                    return Err(RunError::Disabled);
                }
                false
            }
            Some(Topic::Reset(device)) if device == self.id && !publish.payload.is_empty() => {
                self.reset()?;
                false
            }
            _ => false,
        };
        if let Some(client) = &self.client
            && let Err(error) = client.ack(publish).await
        {
            tracing::debug!("not acknowledged: {error}");
        }
        Ok(again)
    }

    async fn goodbye(mut self) {
        if let Some(client) = self.client.take() {
            let offline = link::presence(PresenceStatus::Offline);
            let retained = PublishOptions::at_least_once().retained();
            let said = async {
                if let Ok(told) = client
                    .publish_tracked(Topic::Presence(self.id).to_string(), offline, retained)
                    .await
                {
                    let _ = told.wait_async().await;
                }
                let _ = client.disconnect_now().await;
            };
            let _ = tokio::time::timeout(Duration::from_secs(2), said).await;
            // The connection's task sends the goodbye; a moment later it is dropped.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
