//! One browser's connection: its subscriptions, whether it may have them, then changes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use axum::extract::ws::{Message, WebSocket};
use domain::{
    AppError, DeviceId,
    live::{Change, ClientFrame, DeviceSnapshot, LiveEvent, ServerFrame, Subject},
};
use futures::{SinkExt, StreamExt, future::BoxFuture, stream::SplitSink};
use service::{Actor, Services, commands, devices, notices, traffic};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    mailbox::{Mailbox, Told},
    registry::{Registry, Watched},
    standing,
    subscription::{Passed, Subscription},
};

/// How often the browser is asked for a sign of life, and its session whether it has not ended.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A browser that said nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(50);
/// A browser that does not take a message for this long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
const MOST_SUBSCRIPTIONS: usize = 16;
const MOST_DEVICES: usize = 200;

/// Why a connection ends; nobody is told, the browser connects again.
struct Gone;

impl<E: std::error::Error> From<E> for Gone {
    fn from(_: E) -> Self {
        Self
    }
}

/// A frame of which no more is understood than which subscription it is about.
#[derive(serde::Deserialize)]
struct Unknown {
    id: u32,
}

struct Connection<'a> {
    services: &'a Services,
    registry: &'a Registry,
    actor: Actor,
    reader: u64,
    mailbox: Arc<Mailbox>,
    out: SplitSink<WebSocket, Message>,
    subscriptions: HashMap<u32, Subscription>,
    watched: Watched,
}

pub(super) async fn serve(
    services: &Services,
    registry: &Registry,
    stop: &CancellationToken,
    socket: WebSocket,
    actor: Actor,
    still: impl Fn() -> BoxFuture<'static, Option<Actor>> + Send,
) {
    let (reader, mailbox) = registry.join(actor.user.id);
    let (out, mut frames) = socket.split();
    let mut connection = Connection {
        services,
        registry,
        actor,
        reader,
        mailbox: mailbox.clone(),
        out,
        subscriptions: HashMap::new(),
        watched: Watched::default(),
    };
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => Err(Gone),
            frame = frames.next() => {
                heard = Instant::now();
                match frame {
                    Some(Ok(Message::Text(text))) => connection.receive(&text).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => Err(Gone),
                }
            }
            () = mailbox.filled.notified() => connection.deliver().await,
            _ = heartbeat.tick() => {
                // Signed out, locked out, or of another role: the browser finds out by connecting again.
                let same = still().await.is_some_and(|now| now.user == connection.actor.user);
                if heard.elapsed() > SILENCE || !same {
                    Err(Gone)
                } else {
                    connection.send(Message::Ping(axum::body::Bytes::new())).await
                }
            }
        };
        if done.is_err() {
            break;
        }
    }
    registry.leave(reader, &connection.watched);
    let _ = timeout(Duration::from_secs(1), connection.out.close()).await;
}

impl Connection<'_> {
    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        timeout(SEND_TIMEOUT, self.out.send(message)).await??;
        Ok(())
    }

    async fn frame(&mut self, frame: &ServerFrame) -> Result<(), Gone> {
        let text = serde_json::to_string(frame)?;
        self.send(Message::text(text)).await
    }

    async fn receive(&mut self, text: &str) -> Result<(), Gone> {
        let Ok(frame) = serde_json::from_str(text) else {
            // A subject of another version is not there; what has no id is no frame at all.
            let Unknown { id } = serde_json::from_str(text)?;
            return self.frame(&ServerFrame::Refused { id }).await;
        };
        match frame {
            ClientFrame::Ping => self.frame(&ServerFrame::Pong).await,
            ClientFrame::Unsubscribe { id } => {
                self.subscriptions.remove(&id);
                self.watch();
                Ok(())
            }
            ClientFrame::Subscribe {
                id,
                subject,
                snapshot,
            } => self.subscribe(id, subject, snapshot).await,
        }
    }

    async fn subscribe(&mut self, id: u32, subject: Subject, snapshot: bool) -> Result<(), Gone> {
        let many = matches!(&subject, Subject::Devices { ids } if ids.len() > MOST_DEVICES);
        let room =
            self.subscriptions.len() < MOST_SUBSCRIPTIONS || self.subscriptions.contains_key(&id);
        if many || !room {
            return self.frame(&ServerFrame::Refused { id }).await;
        }
        let subscription = Subscription::new(subject, snapshot);
        self.subscriptions.insert(id, subscription);
        // Listens first: what changes while that is read waits in the mailbox.
        self.watch();
        self.stand(id).await?;
        self.unread().await
    }

    /// Tells the registry what is watched now.
    fn watch(&mut self) {
        let mut watched = Watched::default();
        for subscription in self.subscriptions.values() {
            subscription.listen(&mut watched);
        }
        self.registry.watch(self.reader, &self.watched, &watched);
        self.watched = watched;
    }

    /// Has a subscription begin, or begin again, from how its subject stands; one that may not be watched ends.
    async fn stand(&mut self, id: u32) -> Result<(), Gone> {
        let asked = self.subscriptions.get(&id);
        let Some((subject, snapshot)) = asked.map(|s| (s.subject.clone(), s.snapshot)) else {
            return Ok(());
        };
        let mut snapshots = Vec::new();
        let read = match &subject {
            Subject::Traffic { device } => self.keep_traffic(id, *device).await,
            subject if snapshot => self.snapshots(subject).await.map(|(known, found)| {
                snapshots = found;
                known
            }),
            subject => standing::read(self.services, &self.actor, subject).await,
        };
        match read {
            Ok(known) => {
                if let Some(subscription) = self.subscriptions.get_mut(&id) {
                    subscription.known = known;
                }
                for snapshot in snapshots {
                    let snapshot = Box::new(snapshot);
                    self.frame(&ServerFrame::Snapshot { id, snapshot }).await?;
                }
                self.frame(&ServerFrame::Subscribed { id }).await
            }
            Err(AppError::NotFound | AppError::Forbidden) => {
                self.subscriptions.remove(&id);
                self.watch();
                self.frame(&ServerFrame::Refused { id }).await
            }
            Err(error) => {
                tracing::warn!(%error, "what a page watches could not be read");
                Err(Gone)
            }
        }
    }

    /// What is known of a subject, with its devices as they stand where it is one of devices.
    async fn snapshots(
        &self,
        subject: &Subject,
    ) -> Result<(HashMap<DeviceId, u64>, Vec<DeviceSnapshot>), AppError> {
        match standing::snapshots(self.services, &self.actor, subject).await? {
            Some(found) => {
                let known = found.iter().map(|found| (found.device, found.revision));
                Ok((known.collect(), found))
            }
            None => {
                let known = standing::read(self.services, &self.actor, subject).await?;
                Ok((known, Vec::new()))
            }
        }
    }

    /// Has a device's raw messages kept as long as the page shows them.
    async fn keep_traffic(
        &mut self,
        id: u32,
        device: DeviceId,
    ) -> Result<HashMap<DeviceId, u64>, AppError> {
        let commander = commands::Commander::prove(self.services, &self.actor, device).await?;
        let watch = traffic::watch(self.services, &commander).await?;
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            subscription.watch = Some(watch);
        }
        Ok(HashMap::new())
    }

    /// Passes on what has come into the mailbox.
    async fn deliver(&mut self) -> Result<(), Gone> {
        let post = self.mailbox.take();
        if post.read_again || post.access {
            for id in self.ids() {
                self.stand(id).await?;
            }
        }
        self.recheck(&post.recheck).await?;
        self.tell(&post.told).await?;
        let presence = |told: &Arc<Told>| matches!(told.event, LiveEvent::Presence { .. });
        if !post.recheck.is_empty() || post.told.iter().any(presence) {
            self.counts().await?;
        }
        Ok(())
    }

    /// Its subscriptions, as they are now: some may end while others are told something.
    fn ids(&self) -> Vec<u32> {
        self.subscriptions.keys().copied().collect()
    }

    /// The rows of these devices changed, or who may see them: the subscriptions that name them begin again.
    async fn recheck(&mut self, devices: &[DeviceId]) -> Result<(), Gone> {
        for id in self.ids() {
            let subscription = self.subscriptions.get(&id);
            if subscription.is_some_and(|subscription| subscription.names_any(devices)) {
                self.stand(id).await?;
            }
            for device in devices.iter().copied() {
                let told = Told::new(LiveEvent::Device { device }).ok_or(Gone)?;
                self.change(id, &told).await?;
            }
        }
        Ok(())
    }

    /// Tells every subscription what is for it, in the order in which it happened.
    async fn tell(&mut self, told: &[Arc<Told>]) -> Result<(), Gone> {
        let shown = self.shown_on_overview(told).await?;
        let ids = self.ids();
        for told in told {
            if matches!(told.event, LiveEvent::Notice { .. }) {
                self.unread().await?;
                continue;
            }
            let device = told.event.device();
            // Anybody may watch the overview; what happens to a device is for those who may see it.
            let is_hidden = device.is_some_and(|device| !shown.contains(&device));
            for id in &ids {
                if is_hidden && self.is_overview(*id) {
                    continue;
                }
                self.change(*id, told).await?;
            }
        }
        Ok(())
    }

    fn is_overview(&self, id: u32) -> bool {
        let subscription = self.subscriptions.get(&id);
        subscription.is_some_and(Subscription::is_overview)
    }

    /// Which devices of these events this person may see.
    async fn shown_on_overview(&self, told: &[Arc<Told>]) -> Result<HashSet<DeviceId>, Gone> {
        if !self.subscriptions.values().any(Subscription::is_overview) {
            return Ok(HashSet::new());
        }
        let events = told
            .iter()
            .filter(|told| matches!(told.event, LiveEvent::Event { .. }));
        let ids: HashSet<DeviceId> = events.filter_map(|told| told.event.device()).collect();
        if ids.is_empty() {
            return Ok(ids);
        }
        let ids: Vec<DeviceId> = ids.into_iter().collect();
        let seen = devices::visible(self.services, &self.actor, &ids).await?;
        Ok(seen.into_iter().collect())
    }

    /// Passes a change on, unless the page has it already or may not have it.
    async fn change(&mut self, id: u32, told: &Told) -> Result<(), Gone> {
        let Some(subscription) = self.subscriptions.get(&id) else {
            return Ok(());
        };
        match subscription.passes(&told.event, &self.actor) {
            Passed::Not => Ok(()),
            Passed::AsTold => self.pass(id, told).await,
            Passed::InFull => {
                let event = Box::new(Change::State(told.event.clone()));
                self.frame(&ServerFrame::Change { id, event }).await
            }
        }
    }

    async fn pass(&mut self, id: u32, told: &Told) -> Result<(), Gone> {
        let text = format!(r#"{{"type":"change","id":{id},"event":{}}}"#, told.json);
        self.send(Message::text(text)).await
    }

    /// How many notices this person has not read, whatever their page watches.
    async fn unread(&mut self) -> Result<(), Gone> {
        let unread = notices::unread(self.services, &self.actor).await?;
        self.frame(&ServerFrame::Unread { unread }).await
    }

    /// How many devices are there, where the page shows it.
    async fn counts(&mut self) -> Result<(), Gone> {
        let watching: Vec<u32> = self
            .subscriptions
            .iter()
            .filter(|(_, subscription)| subscription.is_overview())
            .map(|(id, _)| *id)
            .collect();
        if watching.is_empty() {
            return Ok(());
        }
        let counts = devices::counts(self.services, &self.actor).await?;
        for id in watching {
            self.frame(&ServerFrame::Counts { id, counts }).await?;
        }
        Ok(())
    }
}
