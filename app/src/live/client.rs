//! The browser's end of the live connection.

use std::time::Duration;

use domain::{
    TimestampMs,
    live::{ClientFrame, EventHeadKind, FrameHead, FrameKind, Subject},
};
use futures::{FutureExt, SinkExt, StreamExt, channel::mpsc, select};
use gloo_net::websocket::{Message, State, futures::WebSocket};
use leptos::{prelude::*, task::spawn_local};

use crate::{
    frame::live_mark::{LiveSlot, LiveStatus},
    hydrate::{hydrated, pause},
};

const TICK: Duration = Duration::from_secs(5);
/// A page is read again at most this often.
const SETTLE: Duration = Duration::from_millis(400);
/// And its history, of which a catch-up brings many parts, at most this often.
const SETTLE_HISTORY: Duration = Duration::from_secs(1);
/// A connection that does not answer for so long is dead. It is counted from the question: a page in the
/// background asks seldom.
const SILENT_MS: f64 = 12_000.0;
const FIRST_WAIT_MS: u64 = 500;
/// Between two looks whether the connection stands.
const CONNECTING: Duration = Duration::from_millis(20);
const LONGEST_WAIT_MS: u64 = 15_000;

enum Wake {
    Subject(Option<Subject>),
    Tick,
    /// The network is back, or somebody looks at the page again.
    Look,
}

/// What moves when something has changed.
#[derive(Clone, Copy)]
pub(super) struct Versions {
    /// What the page shows.
    pub(super) page: RwSignal<u64>,
    /// What was measured before now.
    pub(super) history: RwSignal<u64>,
    /// How many notices are not read.
    pub(super) unread: RwSignal<Option<u32>>,
}

/// Keeps a connection as long as a page watches something.
pub(super) fn start(
    subject: RwSignal<Option<Subject>>,
    versions: Versions,
    LiveSlot(status): LiveSlot,
) {
    let (wake, inbox) = mpsc::unbounded();
    let tick = wake.clone();
    for event in ["online", "visibilitychange"] {
        let look = wake.clone();
        window_event_listener_untyped(event, move |_| {
            let _ = look.unbounded_send(Wake::Look);
        });
    }
    Effect::new(move || {
        let _ = wake.unbounded_send(Wake::Subject(subject.get()));
    });
    set_interval(
        move || {
            let _ = tick.unbounded_send(Wake::Tick);
        },
        TICK,
    );
    spawn_local(async move {
        hydrated().await;
        run(inbox, versions, status).await;
    });
}

async fn run(
    mut inbox: mpsc::UnboundedReceiver<Wake>,
    versions: Versions,
    status: RwSignal<LiveStatus>,
) {
    let mut wanted = None;
    let mut wait_ms = FIRST_WAIT_MS;
    // Whether the page was read just now, and nothing has interrupted it since.
    let mut fresh = true;
    loop {
        while wanted.is_none() {
            match inbox.next().await {
                Some(Wake::Subject(subject)) => wanted = subject,
                Some(Wake::Tick | Wake::Look) => {}
                None => return,
            }
        }
        if status.get_untracked() == LiveStatus::Off {
            status.set(LiveStatus::Connecting);
        }
        if let Ok(socket) = WebSocket::open(&address()) {
            let heard = serve(
                socket,
                &mut inbox,
                &mut wanted,
                &mut fresh,
                versions,
                status,
            )
            .await;
            fresh = false;
            if heard {
                wait_ms = FIRST_WAIT_MS;
            }
        }
        if wanted.is_none() {
            status.set(LiveStatus::Off);
            continue;
        }
        if status.get_untracked() == LiveStatus::Live {
            status.set(LiveStatus::Lost { since: now() });
        }
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let jittered = (wait_ms as f64 * (0.5 + js_sys::Math::random())) as u64;
        wait_ms = (wait_ms * 2).min(LONGEST_WAIT_MS);
        if rest(Duration::from_millis(jittered), &mut inbox, &mut wanted).await {
            wait_ms = FIRST_WAIT_MS;
        }
    }
}

/// Waits, but not past the moment when a new try is likelier to succeed; whether there was such a one.
async fn rest(
    time: Duration,
    inbox: &mut mpsc::UnboundedReceiver<Wake>,
    wanted: &mut Option<Subject>,
) -> bool {
    let mut over = Box::pin(pause(time)).fuse();
    loop {
        select! {
            () = over => return false,
            wake = inbox.next() => match wake {
                Some(Wake::Subject(subject)) => *wanted = subject,
                Some(Wake::Tick) => {}
                Some(Wake::Look) => return true,
                None => return false,
            },
        }
    }
}

/// Until the connection ends or nothing is watched any more; whether the server said anything.
async fn serve(
    socket: WebSocket,
    inbox: &mut mpsc::UnboundedReceiver<Wake>,
    wanted: &mut Option<Subject>,
    fresh: &mut bool,
    versions: Versions,
    status: RwSignal<LiveStatus>,
) -> bool {
    while matches!(socket.state(), State::Connecting) {
        pause(CONNECTING).await;
    }
    if !matches!(socket.state(), State::Open) {
        return false;
    }
    let (mut out, incoming) = socket.split();
    let mut incoming = incoming.fuse();
    let mut id = 1_u32;
    let mut heard = false;
    // When it was asked whether it is there, while it has not answered.
    let mut asked = None;
    let page = Settling::new(versions.page, SETTLE);
    let history = Settling::new(versions.history, SETTLE_HISTORY);
    if let Some(subject) = wanted.clone()
        && send(&mut out, &ClientFrame::Subscribe { id, subject })
            .await
            .is_err()
    {
        return false;
    }
    loop {
        select! {
            message = incoming.next() => {
                let Some(Ok(Message::Text(text))) = message else { return heard };
                let Ok(frame) = serde_json::from_str::<FrameHead>(&text) else { continue };
                heard = true;
                asked = None;
                if let Some(unread) = frame.unread {
                    versions.unread.set(Some(unread));
                }
                if frame.id != Some(id) {
                    continue;
                }
                match frame.kind {
                    FrameKind::Subscribed => {
                        status.set(LiveStatus::Live);
                        // What changed since the page was read was told to nobody.
                        page.change();
                        if !std::mem::take(fresh) {
                            history.change();
                        }
                    }
                    FrameKind::Change | FrameKind::Counts => {
                        match frame.event.map(|event| event.kind) {
                            Some(EventHeadKind::History) => history.change(),
                            _ => page.change(),
                        }
                    }
                    FrameKind::Refused => status.set(LiveStatus::Off),
                    FrameKind::Unread | FrameKind::Pong => {}
                }
            }
            wake = inbox.next() => match wake {
                Some(Wake::Subject(subject)) => {
                    if send(&mut out, &ClientFrame::Unsubscribe { id }).await.is_err() {
                        *wanted = subject;
                        return heard;
                    }
                    id = id.wrapping_add(1);
                    *fresh = true;
                    *wanted = subject;
                    match wanted.clone() {
                        Some(subject) => {
                            if send(&mut out, &ClientFrame::Subscribe { id, subject }).await.is_err() {
                                return heard;
                            }
                        }
                        None => status.set(LiveStatus::Off),
                    }
                }
                Some(Wake::Tick | Wake::Look) => {
                    let now = js_sys::Date::now();
                    let silent = asked.is_some_and(|at| now - at > SILENT_MS);
                    if silent || send(&mut out, &ClientFrame::Ping).await.is_err() {
                        return heard;
                    }
                    asked.get_or_insert(now);
                }
                None => return heard,
            },
        }
    }
}

/// Moves a version once for all that changes within a moment.
#[derive(Clone, Copy)]
struct Settling {
    version: RwSignal<u64>,
    moment: Duration,
    waits: StoredValue<bool>,
}

impl Settling {
    fn new(version: RwSignal<u64>, moment: Duration) -> Self {
        Self {
            version,
            moment,
            waits: StoredValue::new(false),
        }
    }

    fn change(self) {
        if self.waits.get_value() {
            return;
        }
        self.waits.set_value(true);
        set_timeout(
            move || {
                self.waits.set_value(false);
                self.version.update(|version| *version += 1);
            },
            self.moment,
        );
    }
}

async fn send(out: &mut (impl SinkExt<Message> + Unpin), frame: &ClientFrame) -> Result<(), ()> {
    let text = serde_json::to_string(frame).map_err(|_| ())?;
    out.send(Message::Text(text)).await.map_err(|_| ())
}

fn address() -> String {
    let location = window().location();
    let scheme = match location.protocol().as_deref() {
        Ok("https:") => "wss",
        _ => "ws",
    };
    format!("{scheme}://{}/live", location.host().unwrap_or_default())
}

#[allow(clippy::cast_possible_truncation)]
fn now() -> TimestampMs {
    TimestampMs(js_sys::Date::now() as i64)
}
