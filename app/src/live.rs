//! Live pages: one WebSocket per tab, which tells a page that what it shows has changed.
//!
//! A page says what it shows and reads it again when the version moves. The frame's mark says how the
//! connection stands; a silent one is taken for dead.

#[cfg(feature = "hydrate")]
mod client;

use domain::live::Subject;
use leptos::prelude::*;

/// What this tab watches, and how often it has changed.
#[derive(Clone, Copy)]
pub struct Live {
    subject: RwSignal<Option<Subject>>,
    version: RwSignal<u64>,
    history: RwSignal<u64>,
    unread: RwSignal<Option<u32>>,
}

/// Puts the tab's connection in context; once, at the root. It is made when a page first asks for it.
pub(crate) fn provide_live() {
    let live = Live {
        subject: RwSignal::new(None),
        version: RwSignal::new(0),
        history: RwSignal::new(0),
        unread: RwSignal::new(crate::session::unread()),
    };
    provide_context(live);
    #[cfg(feature = "hydrate")]
    client::start(
        live.subject,
        client::Versions {
            page: live.version,
            history: live.history,
            unread: live.unread,
        },
        crate::frame::live_mark::use_live_slot(),
    );
}

/// Watches `subject` while the page is there; the version moves when it has changed.
pub fn watch(subject: impl Fn() -> Option<Subject> + Send + Sync + 'static) -> Signal<u64> {
    let live: Live = expect_context();
    Effect::new(move || {
        let wanted = subject();
        if live.subject.get_untracked() != wanted {
            live.subject.set(wanted);
        }
    });
    on_cleanup(move || live.subject.set(None));
    live.version.into()
}

/// How many notices one has not read; none where nobody is signed in.
pub fn watch_unread() -> Signal<Option<u32>> {
    let live: Live = expect_context();
    live.unread.into()
}

/// Moves when more than the latest values of the watched device may have changed: what was measured
/// during an outage has arrived, or this tab had lost its connection.
pub fn watch_history() -> Signal<u64> {
    let live: Live = expect_context();
    live.history.into()
}
