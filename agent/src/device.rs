//! One device: measures always, sends when it may, does what it is told once.
//!
//! A single task owns the drivers, the store and the state; the connection runs beside it and is
//! thrown away when it breaks.

mod command;
mod outbox;

use std::{collections::BTreeSet, io, sync::Arc, time::Duration};

use command::Running;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use protocol::{
    DeviceId, Email, SharedSecret, Topic,
    enroll::{ClaimedCredentials, Credentials},
    identity::{ComponentSpec, DisableMessage, Ownership, PresenceStatus},
};
use rumqttc::{
    AsyncClient, PublishOptions,
    mqttbytes::{QoS, v5::Publish},
};
use serde_json::{Map, Value};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{
    drivers::{self, Drivers, Hardware},
    enroll::{self, EnrollError},
    folder::{Folder, Site},
    link::{self, Address, LinkEvent},
    now,
    store::{Measured, Store, StoreError},
    trust,
};

/// How a device runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often it reports; none means as the server says.
    pub report_interval: Option<Duration>,
    /// Most reports kept while they cannot be sent; past it the oldest go.
    pub max_reports: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            report_interval: None,
            max_reports: 200_000,
        }
    }
}

/// What a device says of itself to whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether the server has heard who it is on this connection, and reports flow.
    pub online: bool,
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
/// How much before its moment a report may be taken, to go with the nearest second.
const TICK_SLACK: Duration = Duration::from_millis(100);
/// How often the certificate's owner is asked for while nobody has claimed the device.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Runs a device until `shutdown`, then says goodbye. `status` follows along.
pub async fn run(
    folder: Folder,
    hardware: Box<dyn Hardware>,
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
        match enroll::until_claimed(&folder, &mut site, &shutdown, |_| {}).await {
            Ok(_) => {}
            Err(EnrollError::Interrupted) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Device::open(folder, site, hardware, settings, status)?
        .run(shutdown)
        .await
}

struct Device {
    folder: Folder,
    site: Site,
    id: DeviceId,
    store: Store,
    hardware: Box<dyn Hardware>,
    drivers: Drivers,
    settings: Settings,
    owned: Option<Owned>,
    status: watch::Sender<Status>,
    client: Option<AsyncClient>,
    /// Whether the identity was acknowledged on this connection.
    ready: bool,
    under_way: BTreeSet<u64>,
    batch: Option<u64>,
    more_to_resend: bool,
    acknowledgements: FuturesUnordered<BoxFuture<'static, outbox::Outcome>>,
    running: Option<Running>,
    waiting: std::collections::VecDeque<(protocol::CommandMessage, String)>,
}

/// What the claim gave.
struct Owned {
    secret: SharedSecret,
    email: Email,
}

struct Connection {
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

type Setup = BoxFuture<'static, Result<(), String>>;

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
            drivers: Drivers::new(),
            settings,
            owned: None,
            status,
            client: None,
            ready: false,
            under_way: BTreeSet::new(),
            batch: None,
            more_to_resend: false,
            acknowledgements: FuturesUnordered::new(),
            running: None,
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

    fn take_ownership(&mut self, ownership: &ClaimedCredentials) -> Result<(), RunError> {
        let secret = SharedSecret::from_base64url(&ownership.shared_secret)
            .ok_or_else(|| RunError::Credentials("the secret is unreadable".to_owned()))?;
        self.owned = Some(Owned {
            secret,
            email: ownership.user_email.clone(),
        });
        self.drivers = drivers::load(self.hardware.as_mut(), &ownership.components);
        self.status.send_modify(|status| status.claimed = true);
        self.fail_interrupted()?;
        Ok(())
    }

    fn connect(&self) -> Result<Connection, RunError> {
        let credentials = self.credentials()?;
        let tls = trust::mutual(credentials, &self.folder.key_pem()?)
            .map_err(|error| RunError::Credentials(error.to_string()))?;
        let address = Address {
            device: self.id,
            url: credentials.mqtt_url.clone(),
            tls: Arc::new(tls),
        };
        let (sender, events) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let task = tokio::spawn(link::keep_connected(address, sender, stop.clone()));
        Ok(Connection { stop, task, events })
    }

    async fn run(mut self, shutdown: CancellationToken) -> Result<(), RunError> {
        let mut connection = self.connect()?;
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut report_at = Instant::now() + Duration::from_secs(1);
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
                greeted = greeting(&mut setup), if setup.is_some() => {
                    setup = None;
                    match greeted {
                        Ok(()) => self.begin_sending().await?,
                        Err(reason) => tracing::warn!(device = %self.id, "not greeted: {reason}"),
                    }
                }
                Some(outcome) = self.acknowledgements.next(), if !self.acknowledgements.is_empty() => {
                    self.note(outcome)?;
                    self.catch_up().await?;
                }
                () = sleep_until(step_at), if step_at.is_some() => self.step().await?,
                _ = second.tick() => {
                    for driver in self.drivers.values_mut() {
                        driver.sample();
                    }
                    let time = Instant::now();
                    if time + TICK_SLACK >= report_at {
                        // From the moment it was due, so that a late tick does not shift the next.
                        report_at = (report_at + self.interval()?).max(time);
                        self.report().await?;
                    }
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
        self.goodbye().await;
        Ok(())
    }

    fn interval(&self) -> Result<Duration, RunError> {
        let told = self.credentials()?.report_interval_ms;
        let told = Duration::from_millis(u64::try_from(told).unwrap_or(10_000).max(200));
        Ok(self.settings.report_interval.unwrap_or(told))
    }

    /// Subscribes, shows presence and says who it is; what follows waits for the answer.
    fn greet(&mut self, client: AsyncClient) -> Result<Setup, RunError> {
        self.client = Some(client.clone());
        let id = self.id;
        let identity = self.identity()?;
        Ok(async move {
            let words = |error: &dyn std::fmt::Display| error.to_string();
            for filter in [format!("commands/{id}/#"), format!("system/{id}/#")] {
                client
                    .subscribe_tracked(filter, QoS::AtLeastOnce)
                    .await
                    .map_err(|e| words(&e))?
                    .wait_async()
                    .await
                    .map_err(|e| words(&e))?;
            }
            let online = link::presence(PresenceStatus::Online);
            let retained = PublishOptions::at_least_once().retained();
            client
                .publish(Topic::Presence(id).to_string(), online, retained)
                .await
                .map_err(|e| words(&e))?;
            client
                .publish_tracked(
                    Topic::Identity(id).to_string(),
                    identity,
                    PublishOptions::at_least_once(),
                )
                .await
                .map_err(|e| words(&e))?
                .wait_async()
                .await
                .map_err(|e| words(&e))?;
            Ok(())
        }
        .boxed())
    }

    fn identity(&self) -> Result<Vec<u8>, RunError> {
        let identity = self.hardware.describe().identity(
            self.id,
            &self.site.serial,
            self.site.board.as_deref(),
        );
        let mut body = match serde_json::to_value(identity) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        body.insert("timestamp".to_owned(), now().0.into());
        let sequence = self.store.next_sequence()?;
        body.insert("sequence".to_owned(), sequence.into());
        let topic = Topic::Identity(self.id).to_string();
        Ok(match &self.owned {
            Some(owned) => protocol::seal(&topic, body, &owned.secret),
            None => serde_json::to_vec(&body).unwrap_or_default(),
        })
    }

    fn lost(&mut self, reason: &str, pause: Duration) {
        tracing::info!(device = %self.id, ?pause, "not connected: {reason}");
        self.client = None;
        self.ready = false;
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
                self.owner_changed(&publish.payload)?;
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
                self.reset()?
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

    /// Another address or other components of the same ownership. What was not sent yet carries no
    /// address, so it goes under the new one.
    fn owner_changed(&mut self, payload: &[u8]) -> Result<(), RunError> {
        let Some(owned) = &self.owned else {
            return Ok(());
        };
        let topic = Topic::Owner(self.id).to_string();
        let Some(envelope) = protocol::open(payload)
            .ok()
            .filter(|envelope| envelope.verify(&topic, &owned.secret))
        else {
            tracing::warn!(device = %self.id, "an owner message was not signed by the server");
            return Ok(());
        };
        if !self
            .store
            .advance("owner_sequence", envelope.sequence.0, 1)?
        {
            return Ok(());
        }
        let Ok(ownership) = serde_json::from_value::<Ownership>(Value::Object(envelope.body))
        else {
            return Ok(());
        };
        self.apply_owner(ownership)
    }

    fn apply_owner(&mut self, ownership: Ownership) -> Result<(), RunError> {
        let mut changed: Option<Vec<ComponentSpec>> = None;
        if let Some(claimed) = self
            .site
            .credentials
            .as_mut()
            .and_then(|credentials| credentials.ownership.as_mut())
        {
            claimed.user_email = ownership.user_email.clone();
            if claimed.components != ownership.components {
                claimed.components.clone_from(&ownership.components);
                changed = Some(ownership.components);
            }
        }
        if let Some(owned) = &mut self.owned {
            owned.email = ownership.user_email;
        }
        if let Some(components) = changed {
            // What is attached still keeps its driver, and with it its state.
            let keys: BTreeSet<_> = components.iter().map(|c| c.component_key.clone()).collect();
            self.drivers.retain(|key, _| keys.contains(key));
            let new: Vec<_> = components
                .into_iter()
                .filter(|c| !self.drivers.contains_key(&c.component_key))
                .collect();
            let mut loaded = drivers::load(self.hardware.as_mut(), &new);
            self.drivers.append(&mut loaded);
        }
        self.folder.save_site(&self.site)?;
        Ok(())
    }

    /// Whether the server tells this very board to switch itself off; it is written down before it is obeyed.
    fn is_disabled_by(&mut self, payload: &[u8]) -> Result<bool, RunError> {
        let Some(owned) = &self.owned else {
            return Ok(false);
        };
        let topic = Topic::Disable(self.id).to_string();
        let Some(envelope) = protocol::open(payload)
            .ok()
            .filter(|envelope| envelope.verify(&topic, &owned.secret))
        else {
            tracing::warn!(device = %self.id, "a message to switch off was not signed by the server");
            return Ok(false);
        };
        let own = said_serial(self.hardware.as_ref(), &self.site);
        let meant = serde_json::from_value::<DisableMessage>(Value::Object(envelope.body))
            .is_ok_and(|message| message.cpu_serial == own);
        if meant {
            self.site.disabled = Some(own);
            self.folder.save_site(&self.site)?;
        }
        Ok(meant)
    }

    /// The ownership is over: erases what belonged to it. `true` when there was one.
    fn reset(&mut self) -> Result<bool, RunError> {
        if self.owned.take().is_none() {
            return Ok(false);
        }
        tracing::warn!(device = %self.id, "reset by the server: the former ownership's data is erased");
        self.store.erase()?;
        self.drivers.clear();
        self.running = None;
        self.waiting.clear();
        if let Some(credentials) = &mut self.site.credentials {
            credentials.ownership = None;
        }
        self.folder.save_site(&self.site)?;
        self.status.send_modify(|status| status.claimed = false);
        Ok(false)
    }

    async fn ask_for_owner(&mut self) -> Result<bool, RunError> {
        match enroll::ask(&self.folder, &mut self.site).await {
            Ok(enroll::Answer::Complete(credentials)) => {
                if let Some(ownership) = &credentials.ownership {
                    self.take_ownership(ownership)?;
                    return Ok(true);
                }
                Ok(false)
            }
            Ok(enroll::Answer::Waiting(..)) => Ok(false),
            Err(EnrollError::Revoked) => Err(EnrollError::Revoked.into()),
            Err(error) => {
                self.status
                    .send_modify(|status| status.trouble = Some(error.to_string()));
                Ok(false)
            }
        }
    }

    /// Measures every component and sends, or keeps, what they say.
    async fn report(&mut self) -> Result<(), RunError> {
        if self.owned.is_none() || self.hardware.is_silent() {
            return Ok(());
        }
        let at = now();
        let measured: Vec<Measured> = self
            .drivers
            .iter_mut()
            .filter_map(|(key, driver)| {
                let reading = driver.read()?;
                Some(Measured {
                    component: key.clone(),
                    timestamp: at,
                    status: reading.status,
                    values: reading.values,
                })
            })
            .collect();
        self.send_measured(measured).await
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

/// The serial number that a device on this hardware says.
fn said_serial(hardware: &dyn Hardware, site: &Site) -> String {
    let here = hardware.describe().cpu_serial;
    let elsewhere = here.filter(|here| site.board.as_ref().is_some_and(|board| board != here));
    elsewhere.unwrap_or_else(|| site.serial.clone())
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn greeting(setup: &mut Option<Setup>) -> Result<(), String> {
    match setup {
        Some(setup) => setup.await,
        None => std::future::pending().await,
    }
}
