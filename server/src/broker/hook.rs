//! rmqtt's hooks: who may connect, publish and subscribe, and the way of each message into the ingest.

mod words;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    AppError, DeviceId, UserId,
    device::{Lifecycle, PresenceCause},
    event::RefusalReason,
    traffic::{Fate, Packet as DevicePacket},
};
use ingest::{Pipeline, Received, Unread};
use protocol::{Principal, Topic};
use rmqtt::{
    codec::v5::SubscribeAckReason,
    context::ServerContext,
    hook::{Handler, HookResult, Parameter, ReturnType, Type},
    types::{
        AuthResult, ConnectInfo, LastWill, Publish, PublishAclResult, QoS, Reason,
        SubscribeAclResult,
    },
};
use service::{
    Services,
    devices::{self, directory::Known},
    telemetry::{Committed, Ticket},
    traffic::{self, Passing},
};
use tokio_util::sync::CancellationToken;

use self::words::{cause, number, refused};
use super::{
    listen::PLAIN,
    rules::{self, Packet, Will},
    sessions::Sessions,
};

/// Puts the hooks in place.
pub(super) async fn register(
    context: &ServerContext,
    services: Services,
    pipeline: Pipeline,
    sessions: Arc<Sessions>,
    stop: &CancellationToken,
) {
    let registered = context.extends.hook_mgr().register();
    let gate = Gate {
        context: context.clone(),
        services,
        pipeline,
        sessions,
        stop: stop.clone(),
    };
    for event in [
        Type::ClientAuthenticate,
        Type::ClientConnected,
        Type::ClientDisconnected,
        Type::ClientSubscribeCheckAcl,
        Type::SessionSubscribed,
        Type::SessionTerminated,
        Type::MessagePublishCheckAcl,
        Type::MessageAcked,
        Type::MessageDropped,
        Type::MessageExpiryCheck,
    ] {
        registered.add(event, Box::new(gate.clone())).await;
    }
    registered.start().await;
}

#[derive(Clone)]
struct Gate {
    context: ServerContext,
    services: Services,
    pipeline: Pipeline,
    sessions: Arc<Sessions>,
    stop: CancellationToken,
}

#[async_trait]
impl Handler for Gate {
    // All but the way of a message is boxed: this future has the size of its largest part, and there is
    // one for each message that waits.
    async fn hook(&self, event: &Parameter, before: Option<HookResult>) -> ReturnType {
        match event {
            Parameter::ClientAuthenticate(connect) => {
                let result = match Box::pin(self.admit(connect)).await {
                    true => AuthResult::Allow(false, None),
                    false => AuthResult::NotAuthorized,
                };
                (false, Some(HookResult::AuthResult(result)))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let client_id = &session.id.client_id;
                let stored = match self.at_once(client_id, publish) {
                    Some(ticket) => ticket.committed().await,
                    None => Err(AppError::Unavailable),
                };
                let verdict = match stored {
                    Ok(Committed::Stored | Committed::Duplicate) => PublishAclResult::allow(),
                    _ => Box::pin(self.publish(client_id, publish)).await,
                };
                (false, Some(HookResult::PublishAclResult(verdict)))
            }
            Parameter::ClientSubscribeCheckAcl(session, subscribe) => {
                let shared = subscribe.opts.shared_group().is_some();
                let filter = &subscribe.topic_filter;
                let allowed = Box::pin(self.subscribe(&session.id.client_id, filter, shared)).await;
                let verdict = match allowed {
                    true => SubscribeAclResult::new_success(subscribe.opts.qos(), None),
                    false => SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized),
                };
                (false, Some(HookResult::SubscribeAclResult(verdict)))
            }
            Parameter::ClientConnected(session) => {
                let id = &session.id;
                self.began(id);
                if let Ok(device) = id.client_id.parse() {
                    let passing = Passing::act(DevicePacket::Connect, "", Fate::Taken);
                    Box::pin(self.show(device, passing)).await;
                }
                Box::pin(self.welcome(&id.client_id)).await;
                self.sessions
                    .connected(&id.client_id, number(id.create_time));
                (true, before)
            }
            Parameter::ClientDisconnected(session, reason) => {
                let id = &session.id;
                Box::pin(self.cut_off(&id.client_id, reason)).await;
                let cause = cause(reason);
                if let Ok(device) = id.client_id.parse() {
                    let taken_over = cause == PresenceCause::TakenOver;
                    let sightings = self.services.sightings();
                    sightings.ended(device, number(id.create_time), taken_over);
                    let passing = Passing {
                        cause: Some(cause),
                        ..Passing::act(DevicePacket::Disconnect, "", Fate::Taken)
                    };
                    Box::pin(self.show(device, passing)).await;
                }
                self.sessions
                    .disconnected(&id.client_id, number(id.create_time), cause);
                (true, before)
            }
            Parameter::SessionSubscribed(session, subscribe) => {
                if subscribe.topic_filter.starts_with("commands/")
                    && let Ok(device) = session.id.client_id.parse()
                {
                    self.sessions.subscribed(device);
                }
                (true, before)
            }
            Parameter::SessionTerminated(session, _) => {
                self.sessions.apps.ended(&session.id);
                (true, before)
            }
            Parameter::MessageAcked(session, _, publish) => {
                if let (Ok(Topic::Reset(topic)), Ok(device)) = (
                    publish.topic.parse::<Topic>(),
                    session.id.client_id.parse::<DeviceId>(),
                ) && topic == device
                {
                    self.sessions.reset_acknowledged(device);
                }
                (true, before)
            }
            Parameter::MessageExpiryCheck(session, _, publish) => {
                let topic: &str = &publish.topic;
                // Of each message that goes out: nothing is parsed or asked for most of them.
                let is_void = topic.ends_with("/reset")
                    && Box::pin(self.is_void_reset(&session.id.client_id, topic)).await;
                match is_void {
                    true => (false, Some(HookResult::MessageExpiry)),
                    false => (true, before),
                }
            }
            Parameter::MessageDropped(to, _, publish, reason) => {
                // A refusal drops its message too, and was logged where it was refused.
                // An app that is slow or away is sent the newer state instead. A reset is void or retained.
                let topic: &str = &publish.topic;
                let expected = matches!(
                    topic.parse(),
                    Ok(Topic::ClientState { .. } | Topic::Reset(_))
                );
                if to.is_some() && !expected {
                    tracing::warn!(topic, %reason, "the broker dropped a message on its way out");
                }
                (true, before)
            }
            _ => (true, before),
        }
    }
}

impl Gate {
    async fn admit(&self, connect: &ConnectInfo) -> bool {
        let id = connect.id();
        let client_id: &str = &id.client_id;
        let certificate = connect.cert();
        let (name, serial) = match certificate.map(|shown| (&shown.common_name, &shown.serial)) {
            Some((Some(name), Some(serial))) => (name.as_str(), Some(serial.as_str())),
            // Nothing proves it there but that the client is on this machine.
            None if id.lid == PLAIN => (client_id, None),
            _ => return false,
        };
        let last_will = connect.last_will();
        let will = last_will.as_ref().map(|will| {
            let (topic, payload, qos) = match will {
                LastWill::V3(will) => (&will.topic, &will.message, will.qos),
                LastWill::V5(will) => (&will.topic, &will.message, will.qos),
            };
            Will {
                topic,
                payload,
                exactly_once: qos == QoS::ExactlyOnce,
            }
        });
        let admitted = match (serial, name.parse()) {
            (Some(serial), _) => devices::admission::admit(&self.services, name, serial).await,
            (None, Ok(device)) => devices::admission::admit_plain(&self.services, device).await,
            (None, Err(_)) => Ok(None),
        };
        let principal = match admitted {
            Ok(Some(principal)) => principal,
            Ok(None) => {
                self.refuse_connect(name, "nobody who is listed active")
                    .await;
                return false;
            }
            Err(error) => {
                tracing::error!(%error, name, "a connection could not be checked");
                return false;
            }
        };
        if rules::connect(&principal, name, client_id, will).is_err() {
            let why = "a client id or a will that it may not have";
            self.refuse_connect(name, why).await;
            return false;
        }
        let serial = serial.unwrap_or_default();
        if let Principal::App { user, .. } = principal {
            let apps = &self.sessions.apps;
            if !apps.admit(&self.context, id, user, serial).await {
                let why = "an app with as many sessions as it may have";
                self.refuse_connect(name, why).await;
                return false;
            }
        }
        self.sessions.admitted(client_id, principal, serial);
        true
    }

    async fn refuse_connect(&self, common_name: &str, why: &str) {
        tracing::warn!(target: "security", common_name, why, "a connection was refused");
        if let Ok(device) = common_name.parse() {
            let reason = RefusalReason::ForbiddenConnect;
            let unread = Unread::CONNECT;
            self.pipeline.refuse_unread(device, unread, reason).await;
        }
    }

    /// Shows what a device did to who watches it.
    async fn show(&self, device: DeviceId, passing: Passing<'_>) {
        if traffic::is_watched(&self.services, device) {
            Box::pin(traffic::note(&self.services, device, passing)).await;
        }
    }

    /// Remembers who came from where, to tell a copy from a device that moves.
    fn began(&self, id: &rmqtt::types::Id) {
        if let Ok(device) = id.client_id.parse() {
            let place = id.remote_addr.map(|address| address.ip().to_string());
            let (session, now) = (number(id.create_time), self.services.now());
            self.services.sightings().began(device, session, place, now);
        }
    }

    /// What the device must find when it subscribes, in case the broker was started since it was told.
    async fn welcome(&self, client_id: &str) {
        let Ok(device) = client_id.parse::<DeviceId>() else {
            return;
        };
        if let Err(error) = devices::tell_what_is_retained(&self.services, device).await {
            tracing::warn!(%device, %error, "what is retained for a device was not published");
        }
    }

    /// Whether this is a `reset` that its device is not to be told any more: it waited in the session that the broker
    /// kept, and the device has been given the secret of a new ownership since. Where that cannot be found out it is
    /// not told now: it is retained until it is acknowledged.
    async fn is_void_reset(&self, client_id: &str, topic: &str) -> bool {
        let (Ok(Topic::Reset(of)), Ok(device)) =
            (topic.parse::<Topic>(), client_id.parse::<DeviceId>())
        else {
            return false;
        };
        if of != device {
            return false;
        }
        match devices::awaits_reset(&self.services, device).await {
            Ok(awaits) => !awaits,
            Err(error) => {
                tracing::warn!(%device, %error, "a reset is not told now");
                true
            }
        }
    }

    /// What ends a connection before anybody sees a message's topic: a packet over the limit, a topic's
    /// alias although none was offered.
    async fn cut_off(&self, client_id: &str, reason: &Reason) {
        let alias = |reason: &Reason| matches!(reason, Reason::TopicAliasInvalid);
        let text = reason.to_string().to_ascii_lowercase();
        let large = ["too large", "max size", "maxpacketsize"];
        let why = match reason {
            Reason::Reasons(all) if all.iter().any(alias) => RefusalReason::ForbiddenOption,
            _ if large.iter().any(|words| text.contains(words)) => RefusalReason::PayloadTooLarge,
            _ => return,
        };
        if let Ok(device) = client_id.parse() {
            let unread = Unread::publish("", None);
            self.pipeline.refuse_unread(device, unread, why).await;
        }
    }

    /// The short way of [`Pipeline::at_once`], where nothing has to be asked for.
    fn at_once(&self, client_id: &str, publish: &Publish) -> Option<Ticket> {
        let (id, session) = self.sessions.device(client_id)?;
        let known = self.pipeline.directory().kept(id)?;
        let topic = rules::publish(&of(id, &known), packet(publish)).ok()?;
        self.pipeline.at_once(&Received {
            device: id,
            topic,
            payload: publish.payload.clone(),
            received_at: self.services.now(),
            sender: Some(known),
            session: Some(session),
        })
    }

    async fn publish(&self, client_id: &str, publish: &Publish) -> PublishAclResult {
        let packet = packet(publish);
        let Some((principal, sender)) = self.current(client_id).await else {
            return PublishAclResult::rejected(true, None);
        };
        let topic = match rules::publish(&principal, packet) {
            Ok(topic) => topic,
            Err(reason) => {
                match principal {
                    Principal::Device { id, .. } => {
                        let unread = Unread::publish(packet.topic, Some(&publish.payload));
                        Box::pin(self.pipeline.refuse_unread(id, unread, reason)).await;
                    }
                    Principal::App { user, .. } => {
                        refuse_app(user, packet.topic, reason);
                    }
                }
                return refused(reason);
            }
        };
        match (principal, topic) {
            // The broker itself knows who is connected.
            (_, Topic::Presence(id)) => {
                let passing = Passing::up(packet.topic, &publish.payload, Fate::Taken);
                self.show(id, passing).await;
                PublishAclResult::allow()
            }
            (Principal::Device { id, .. }, topic) => {
                let received = Received {
                    device: id,
                    topic,
                    payload: publish.payload.clone(),
                    received_at: self.services.now(),
                    sender,
                    session: self.sessions.device(client_id).map(|(_, session)| session),
                };
                self.store(client_id, received).await
            }
            (Principal::App { email, .. }, topic) => {
                match self.pipeline.answer_request(&email, topic.device()).await {
                    true => PublishAclResult::allow(),
                    false => refused(RefusalReason::ForbiddenPublish),
                }
            }
        }
    }

    /// Waits until the message is durable or refused; the acknowledgement waits with it.
    async fn store(&self, client_id: &str, received: Received) -> PublishAclResult {
        let gone = || self.sessions.principal(client_id).is_none();
        match self.pipeline.keep_trying(received, gone, &self.stop).await {
            Some(Ok(())) => PublishAclResult::allow(),
            Some(Err(reason)) => refused(reason),
            // Ending the connection is the only way not to acknowledge.
            None => PublishAclResult::rejected(true, None),
        }
    }

    async fn subscribe(&self, client_id: &str, filter: &str, shared: bool) -> bool {
        let Some((principal, _)) = self.current(client_id).await else {
            return false;
        };
        if !shared && principal.may_subscribe(filter) {
            if let Principal::Device { id, .. } = principal {
                let passing = Passing::act(DevicePacket::Subscribe, filter, Fate::Taken);
                self.show(id, passing).await;
            }
            return true;
        }
        match principal {
            Principal::Device { id, .. } => self.pipeline.refuse_filter(id, filter).await,
            Principal::App { user, .. } => {
                refuse_app(user, filter, RefusalReason::ForbiddenSubscribe);
            }
        }
        false
    }

    /// Who is behind a session now, and what is known of it where it is a device: it may have been claimed
    /// or given up since it connected.
    async fn current(&self, client_id: &str) -> Option<(Principal, Option<Arc<Known>>)> {
        match self.sessions.principal(client_id)? {
            Principal::Device { id, .. } => {
                let directory = self.pipeline.directory();
                let known = directory.get(&self.services, id).await.ok()??;
                Some((of(id, &known), Some(known)))
            }
            app @ Principal::App { .. } => Some((app, None)),
        }
    }
}

/// Logs what an app was refused; it has no page to show it on.
fn refuse_app(user: UserId, topic: &str, reason: RefusalReason) {
    let topic: String = topic.chars().take(200).collect();
    let reason = reason.as_str();
    tracing::warn!(target: "security", %user, topic, reason, "an app was refused");
}

/// Who a device is to the rules.
fn of(id: DeviceId, known: &Known) -> Principal {
    let claimed = known.lifecycle == Lifecycle::Active;
    Principal::Device { id, claimed }
}

fn packet(publish: &Publish) -> Packet<'_> {
    Packet {
        topic: &publish.topic,
        retain: publish.retain,
        exactly_once: publish.qos == QoS::ExactlyOnce,
    }
}
