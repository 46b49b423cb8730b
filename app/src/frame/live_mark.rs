//! Whether the picture is live, in a shape and a word; a dead connection never shows a green dot.

use domain::TimestampMs;
use leptos::prelude::*;
use leptos_i18n::td_string;

use crate::{
    i18n::use_i18n,
    parts::{Mark, clock::ago, clock::use_now, status_mark::Shape},
};

/// The state of the page's live connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveStatus {
    /// Nothing on this page is live (also: no script runs).
    Off,
    /// The first connection is being made.
    Connecting,
    /// Changes arrive.
    Live,
    /// The connection is gone and is being made again; the picture is from then.
    Lost {
        /// When the last message arrived.
        since: TimestampMs,
    },
}

/// Where the live client tells the frame how it stands.
#[derive(Clone, Copy)]
pub struct LiveSlot(pub RwSignal<LiveStatus>);

/// Puts the slot in context; once, at the root.
pub(crate) fn provide_live_slot() {
    provide_context(LiveSlot(RwSignal::new(LiveStatus::Off)));
}

/// The slot of this page.
pub fn use_live_slot() -> LiveSlot {
    expect_context()
}

/// The mark in the top bar; spoken politely when it changes.
#[component]
pub fn LiveMark() -> impl IntoView {
    let i18n = use_i18n();
    let status = use_live_slot().0;
    let now = use_now().0;
    let words = Memo::new(move |_| {
        let locale = i18n.get_locale_untracked();
        match status.get() {
            LiveStatus::Off => None,
            LiveStatus::Connecting => Some(td_string!(locale, frame.connecting).to_string()),
            LiveStatus::Live => Some(td_string!(locale, frame.live).to_string()),
            LiveStatus::Lost { since } => {
                let time = ago(locale, (now.get() - since.0).max(5_000));
                Some(td_string!(locale, frame.lost, time = time).to_string())
            }
        }
    });
    // While the picture is old nothing in it is shown as well: see `components.css`.
    #[cfg(feature = "hydrate")]
    Effect::new(move || {
        let stale = matches!(status.get(), LiveStatus::Lost { .. });
        if let Some(root) = document().document_element() {
            let _ = root.toggle_attribute_with_force("data-stale", stale);
        }
    });
    let mark = Signal::derive(move || match status.get() {
        LiveStatus::Live => Mark::Online,
        LiveStatus::Off | LiveStatus::Connecting => Mark::Unclaimed,
        LiveStatus::Lost { .. } => Mark::Warning,
    });
    view! {
        <span class="live" role="status">
            {move || words.get().map(|words| view! { <Shape mark/> {words} })}
        </span>
    }
}
