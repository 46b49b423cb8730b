//! The keys of the whole interface, and the page that tells them.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{
    i18n::use_i18n,
    parts::{Dialog, use_toasts},
};

/// Listens for the keys; `help` and `palette` are the dialogs that they open.
pub(super) fn listen(help: RwSignal<bool>, palette: RwSignal<bool>) {
    let toasts = use_toasts();
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        let command = event.ctrl_key() || event.meta_key();
        let key = event.key();
        if command && key.eq_ignore_ascii_case("k") {
            event.prevent_default();
            palette.update(|open| *open = !*open);
            return;
        }
        if command || event.alt_key() || is_typing() || palette.get_untracked() {
            if command && key.eq_ignore_ascii_case("z") && !is_typing() && toasts.undo_last() {
                event.prevent_default();
            }
            return;
        }
        match key.as_str() {
            "/" => palette.set(true),
            "?" => help.set(true),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || handle.remove());
}

fn is_typing() -> bool {
    document().active_element().is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
            || element.has_attribute("contenteditable")
    })
}

/// The keys and what they do, while `open`. Loaded when someone first asks.
#[lazy]
#[allow(
    clippy::unused_async,
    reason = "a part is waited for where it is loaded"
)]
pub(super) fn keys_dialog(open: RwSignal<bool>) -> AnyView {
    let i18n = use_i18n();
    view! {
        <Dialog open title=tu_string!(i18n, frame.keys)>
            <dl class="keys">
                <dt>{tu_string!(i18n, frame.keys_search)}</dt>
                <dd><kbd>"Ctrl K"</kbd><kbd>"⌘ K"</kbd><kbd>"/"</kbd></dd>
                <dt>{tu_string!(i18n, frame.undo)}</dt>
                <dd><kbd>"Ctrl Z"</kbd></dd>
                <dt>{tu_string!(i18n, frame.keys_help)}</dt>
                <dd><kbd>"?"</kbd></dd>
                <dt>{tu_string!(i18n, frame.keys_close)}</dt>
                <dd><kbd>"Esc"</kbd></dd>
            </dl>
            <div class="acts">
                <button type="button" class="btn" on:click=move |_| open.set(false)>
                    {tu_string!(i18n, frame.close)}
                </button>
            </div>
        </Dialog>
    }
    .into_any()
}
