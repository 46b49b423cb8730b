//! Copies a text; the text stays selectable beside it for those without a script.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{Draw, Icon, use_toasts};
use crate::i18n::use_i18n;

/// Copies `text` to the clipboard and says so.
#[component]
pub fn CopyButton(
    /// What to copy.
    #[prop(into)]
    text: Signal<String>,
    /// Whether it is its icon alone, at the end of a line of text.
    #[prop(optional)]
    slim: bool,
) -> impl IntoView {
    let i18n = use_i18n();
    let toasts = use_toasts();
    let words = tu_string!(i18n, frame.copy);
    let class = match slim {
        true => "btn ghost sq sm scripted",
        false => "btn scripted",
    };
    let label = slim.then_some(words);
    view! {
        <button
            type="button"
            class=class
            aria-label=label
            title=label
            on:click=move |_| {
                copy(&text.get());
                toasts.say(tu_string!(i18n, frame.copied).to_string());
            }
        >
            <Draw icon=Icon::Copy/>
            {(!slim).then_some(words)}
        </button>
    }
}

#[cfg(feature = "hydrate")]
fn copy(text: &str) {
    // The promise is not awaited: a refusal leaves the text selected in its field.
    let _ = window().navigator().clipboard().write_text(text);
}

#[cfg(not(feature = "hydrate"))]
fn copy(_text: &str) {}
