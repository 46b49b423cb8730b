//! Short notes that something was done, with the way back. Never the only copy of a message.

use std::{sync::Arc, time::Duration};

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{Draw, Icon, Mark, later::when, status_mark::Shape};
use crate::i18n::use_i18n;

/// How long a note stays.
const SHOWN: Duration = Duration::from_secs(10);

/// Takes back what was done. It outlives the row or form that made it.
pub type Undo = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
struct Toast {
    id: u32,
    text: String,
    undo: Option<Undo>,
}

/// Says things in the corner of the page.
#[derive(Clone, Copy)]
pub struct Notes {
    shown: RwSignal<Vec<Toast>>,
    last: StoredValue<u32>,
}

impl Notes {
    /// Says that something was done.
    pub fn say(self, text: impl Into<String>) {
        self.push(text.into(), None);
    }

    /// Says that something was done, and offers to undo it (also by Ctrl or ⌘ Z).
    pub fn undoable(self, text: impl Into<String>, undo: Undo) {
        self.push(text.into(), Some(undo));
    }

    /// Undoes what the newest note offers to undo; tells whether there was one.
    pub fn undo_last(self) -> bool {
        let newest = self.shown.with_untracked(|shown| {
            shown
                .iter()
                .rev()
                .find(|toast| toast.undo.is_some())
                .cloned()
        });
        let Some(toast) = newest else { return false };
        self.undo(&toast);
        true
    }

    fn push(self, text: String, undo: Option<Undo>) {
        self.last.update_value(|last| *last += 1);
        let id = self.last.get_value();
        self.shown
            .update(|shown| shown.push(Toast { id, text, undo }));
        set_timeout(move || self.close(id), SHOWN);
    }

    fn undo(self, toast: &Toast) {
        self.close(toast.id);
        if let Some(undo) = &toast.undo {
            undo();
        }
    }

    fn close(self, id: u32) {
        self.shown
            .update(|shown| shown.retain(|toast| toast.id != id));
    }
}

/// Puts the notes in context; once, at the root.
pub(crate) fn provide_toasts() {
    provide_context(Notes {
        shown: RwSignal::new(Vec::new()),
        last: StoredValue::new(0),
    });
}

/// The notes of this page.
pub fn use_toasts() -> Notes {
    expect_context()
}

/// Where the notes appear; spoken politely.
#[component]
pub fn Toasts() -> impl IntoView {
    let notes = use_toasts();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            {when(move || !notes.shown.read().is_empty(), move || list(notes))}
        </div>
    }
}

/// The notes one below the other. Loaded with the first of them.
#[lazy]
fn list(notes: Notes) -> AnyView {
    let i18n = use_i18n();
    view! {
        <For each=move || notes.shown.get() key=|toast| toast.id let:toast>
                <div class="toast">
                    <Shape mark=Mark::Done/>
                    <span>{toast.text.clone()}</span>
                    {toast.undo.is_some().then(|| {
                        let toast = toast.clone();
                        view! {
                            <button type="button" class="btn ghost sm" on:click=move |_| notes.undo(&toast)>
                                {tu_string!(i18n, frame.undo)}
                            </button>
                        }
                    })}
                    <button
                        type="button"
                        class="btn ghost sm sq"
                        aria-label=tu_string!(i18n, frame.close)
                        on:click=move |_| notes.close(toast.id)
                    >
                        <Draw icon=Icon::X/>
                    </button>
                </div>
        </For>
    }
    .into_any()
}
