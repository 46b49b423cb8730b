//! Status as a shape, a word and a cause; colour is never the only carrier.

use leptos::prelude::*;

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A disc: connected and reporting.
    Online,
    /// A half disc: connected but silent.
    Timeout,
    /// A slashed ring: not connected.
    Offline,
    /// A dashed ring: waits for an owner.
    Unclaimed,
    /// A triangle: an alarm, or revoked.
    Alarm,
    /// A diamond: a warning.
    Warning,
    /// A ring with an arrow: at work.
    Working,
    /// A tick: done.
    Done,
    /// A cross: refused or failed.
    Failed,
}

impl Mark {
    /// The classes of its colour.
    pub(crate) fn colour(self) -> &'static str {
        match self {
            Self::Online | Self::Done => "st is-well",
            Self::Timeout | Self::Warning => "st is-warn",
            Self::Offline | Self::Unclaimed => "st is-off",
            Self::Alarm | Self::Failed => "st is-alarm",
            Self::Working => "st is-data",
        }
    }

    /// What stands in its `svg` of 12 by 12.
    pub(crate) fn drawing(self) -> &'static str {
        match self {
            Self::Online => r#"<circle cx="6" cy="6" r="4.25" fill="currentColor"/>"#,
            Self::Timeout => {
                r#"<circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M6 2a4 4 0 0 0 0 8Z" fill="currentColor"/>"#
            }
            Self::Offline => {
                r#"<g fill="none" stroke="currentColor" stroke-width="1.5"><circle cx="6" cy="6" r="4"/><path d="M3.2 8.8 8.8 3.2"/></g>"#
            }
            Self::Unclaimed => {
                r#"<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2.2 2.2"/>"#
            }
            Self::Alarm => {
                r#"<path d="M6 1.2 11.3 10.6H.7Z" fill="currentColor" stroke="currentColor" stroke-width=".8" stroke-linejoin="round"/>"#
            }
            Self::Warning => r#"<path d="M6 .9 11.1 6 6 11.1.9 6Z" fill="currentColor"/>"#,
            Self::Working => {
                r#"<g fill="none" stroke="currentColor" stroke-width="1.4"><circle cx="6" cy="6" r="4.6" stroke-dasharray="21 8" transform="rotate(-60 6 6)"/><path d="M6 3.6v4M4.3 6.2 6 7.9l1.7-1.7"/></g>"#
            }
            Self::Done => {
                r#"<path d="M2 6.4 4.8 9.2 10.2 3" fill="none" stroke="currentColor" stroke-width="1.8"/>"#
            }
            Self::Failed => {
                r#"<path d="m2.6 2.6 6.8 6.8m0-6.8-6.8 6.8" stroke="currentColor" stroke-width="1.8"/>"#
            }
        }
    }
}

/// The shape alone; the words stand beside it.
#[component]
pub fn Shape(
    /// Which one.
    #[prop(into)]
    mark: Signal<Mark>,
) -> impl IntoView {
    view! {
        <svg
            class=move || mark.get().colour()
            viewBox="0 0 12 12"
            aria-hidden="true"
            inner_html=move || mark.get().drawing()
        ></svg>
    }
}

/// The shape, the word and, where there is one, the cause.
#[component]
pub fn StatusMark(
    /// The shape and its colour.
    #[prop(into)]
    mark: Signal<Mark>,
    /// The word.
    #[prop(into)]
    word: Signal<String>,
    /// Why, and since when.
    #[prop(optional, into)]
    why: Option<Signal<String>>,
) -> impl IntoView {
    view! {
        <span class="status">
            <Shape mark/>
            <b>{move || word.get()}</b>
            {why.map(|why| view! { <span class="why">{move || why.get()}</span> })}
        </span>
    }
}
