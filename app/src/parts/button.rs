//! The button that submits a form and says that it is at work without changing its width.

use leptos::prelude::*;

/// Submits its form; while `busy`, says `busy_label` in the same width and takes no second click.
#[component]
pub fn SubmitButton(
    /// What it does, as a verb.
    #[prop(into)]
    label: String,
    /// What it says while at work.
    #[prop(into)]
    busy_label: String,
    /// Whether it is at work.
    #[prop(into)]
    busy: Signal<bool>,
    /// Classes beside `btn`, such as `pri` or `wide`.
    #[prop(default = "pri")]
    class: &'static str,
) -> impl IntoView {
    view! {
        <button
            type="submit"
            class=format!("btn {class}")
            aria-busy=move || busy.get().to_string()
            on:click=move |event| {
                if busy.get() {
                    event.prevent_default();
                }
            }
        >
            <span class="labels">
                <span aria-hidden=move || busy.get().to_string()>{label}</span>
                <span aria-hidden=move || (!busy.get()).to_string()>{busy_label}</span>
            </span>
        </button>
    }
    .into_any()
}
