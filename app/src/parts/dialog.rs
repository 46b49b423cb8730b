//! Modal questions, as the platform's own `<dialog>`: focus is kept inside and given back, Escape closes.

use leptos::{html, prelude::*};
use leptos_i18n::tu_string;

use crate::i18n::use_i18n;

/// Shows its children in a modal dialog while `open`.
#[component]
pub fn Dialog(
    /// Whether it is shown; Escape sets it back.
    open: RwSignal<bool>,
    /// Its heading, which also names it.
    #[prop(into)]
    title: Signal<String>,
    /// Its contents, with their own buttons.
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        if let Some(dialog) = dialog.get() {
            match (open.get(), dialog.open()) {
                (true, false) => drop(dialog.show_modal()),
                (false, true) => dialog.close(),
                _ => {}
            }
        }
    });
    view! {
        <dialog node_ref=dialog aria-label=move || title.get() on:close=move |_| open.set(false)>
            <div class="in-dialog">
                <h2>{move || title.get()}</h2>
                {children()}
            </div>
        </dialog>
    }
}

/// Asks before something that cannot be undone: says exactly what will happen, names the act on the button.
#[component]
pub fn ConfirmDialog(
    /// Whether it is shown.
    open: RwSignal<bool>,
    /// The question.
    #[prop(into)]
    title: Signal<String>,
    /// The act, as a verb.
    #[prop(into)]
    confirm: Signal<String>,
    /// What to do.
    #[prop(into)]
    on_confirm: Callback<()>,
    /// What will happen, in full.
    children: Children,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Dialog open title>
            <div class="sub">{children()}</div>
            <div class="acts">
                <button type="button" class="btn" on:click=move |_| open.set(false)>
                    {tu_string!(i18n, frame.cancel)}
                </button>
                <button
                    type="button"
                    class="btn danger pri"
                    on:click=move |_| {
                        open.set(false);
                        on_confirm.run(());
                    }
                >
                    {move || confirm.get()}
                </button>
            </div>
        </Dialog>
    }
}
