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
/// One report changes values, presence and events: what comes within so little is one change.
const TOGETHER: Duration = Duration::from_millis(8);
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

/// The same, each at its pace.
#[derive(Clone, Copy)]
struct Moving {
    page: Settling,
    history: Settling,
    unread: RwSignal<Option<u32>>,
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
    // Of all connections together: one that comes and goes moves nothing more often.
    let moving = Moving {
        page: Settling::new(versions.page, SETTLE),
        history: Settling::new(versions.history, SETTLE_HISTORY),
        unread: versions.unread,
    };
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
            let heard = serve(socket, &mut inbox, &mut wanted, &mut fresh, moving, status).await;
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
    moving: Moving,
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
    let Moving {
        page,
        history,
        unread: shown_unread,
    } = moving;
    if let Some(subject) = wanted.clone()
        && send(&mut out, &ClientFrame::subscribe(id, subject))
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
                    shown_unread.set(Some(unread));
                }
                if frame.id != Some(id) {
                    continue;
                }
                match frame.kind {
                    FrameKind::Subscribed => {
                        status.set(LiveStatus::Live);
                        // What changed since the page was read was told to nobody.
                        match std::mem::take(fresh) {
                            true => page.change_later(),
                            false => {
                                page.change();
                                history.change();
                            }
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
                            if send(&mut out, &ClientFrame::subscribe(id, subject)).await.is_err() {
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

/// Moves a version when something changes: at once, and then at most once a moment.
///
/// The first change after a quiet time moves it as soon as what belongs to that change had [`TOGETHER`] to come;
/// nobody waits for a lamp to be seen on. Whatever changes within a moment after a move waits for the moment's
/// end and moves it once. No change is lost: one that comes before a move is told by that move, since the page is
/// read after it, and one that comes after a move leads to another.
#[derive(Clone, Copy)]
struct Settling {
    version: RwSignal<u64>,
    moment: Duration,
    pace: StoredValue<Pace>,
}

#[derive(Clone, Copy)]
enum Pace {
    /// It has not moved for a moment, and nothing has changed.
    Still,
    /// It moves in a few milliseconds.
    Due,
    /// It has moved within the moment, and moves at its end where something has changed since.
    Resting { changed: bool },
}

impl Settling {
    fn new(version: RwSignal<u64>, moment: Duration) -> Self {
        Self {
            version,
            moment,
            pace: StoredValue::new(Pace::Still),
        }
    }

    /// Something has changed.
    fn change(self) {
        match self.pace.get_value() {
            Pace::Still => {
                self.pace.set_value(Pace::Due);
                set_timeout(move || self.advance(), TOGETHER);
            }
            Pace::Due => {}
            Pace::Resting { .. } => self.pace.set_value(Pace::Resting { changed: true }),
        }
    }

    /// Something may have changed since the page was read just now, which was a move of its own.
    fn change_later(self) {
        match self.pace.get_value() {
            Pace::Still => self.rest(true),
            Pace::Due => {}
            Pace::Resting { .. } => self.pace.set_value(Pace::Resting { changed: true }),
        }
    }

    fn advance(self) {
        // Before it moves: what changes from here on is another change.
        self.rest(false);
        self.version.update(|version| *version += 1);
    }

    fn rest(self, changed: bool) {
        self.pace.set_value(Pace::Resting { changed });
        set_timeout(
            move || match self.pace.get_value() {
                Pace::Resting { changed: true } => self.advance(),
                _ => self.pace.set_value(Pace::Still),
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
