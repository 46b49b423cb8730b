//! Inputs with a label, a hint and an error that names the remedy; what was typed is kept.

use leptos::prelude::*;

use super::{Mark, error_text, status_mark::Shape};
use crate::{form::FormState, i18n::use_i18n};

/// A line of text with its label. Its `name` is also its id, so it is unique on the page.
#[component]
pub fn Field(
    /// The field's name in the form.
    name: &'static str,
    /// What it asks for.
    #[prop(into)]
    label: String,
    /// The form that it belongs to: gives the error and what was typed before.
    form: FormState,
    /// How to fill it.
    #[prop(optional, into)]
    hint: Option<String>,
    /// `text`, `email`, `password`, `search` …
    #[prop(default = "text")]
    kind: &'static str,
    /// What stands in it at first.
    #[prop(optional, into)]
    value: String,
    /// The browser's `autocomplete` token.
    #[prop(optional)]
    autocomplete: &'static str,
    /// Whether it must be filled.
    #[prop(default = true)]
    required: bool,
    /// The fewest characters.
    #[prop(optional)]
    minlength: Option<u16>,
    /// The most characters.
    #[prop(default = 200)]
    maxlength: u16,
    /// Whether the page starts here.
    #[prop(optional)]
    autofocus: bool,
) -> impl IntoView {
    let i18n = use_i18n();
    let wrong = form.field_error(name);
    let value = match kind {
        "password" => String::new(),
        _ => form.typed(name).unwrap_or(value),
    };
    let about = format!("{name}-about");
    view! {
        <div class="fld">
            <label for=name>{label}</label>
            <input
                class="in"
                id=name
                name=name
                type=kind
                value=value
                autocomplete=(!autocomplete.is_empty()).then_some(autocomplete)
                required=required
                minlength=minlength.map(|least| least.to_string())
                maxlength=maxlength.to_string()
                autofocus=autofocus
                spellcheck="false"
                aria-invalid=move || wrong.read().is_some().then_some("true")
                aria-describedby=about.clone()
            />
            <div id=about>
                {move || match (wrong.get(), hint.clone()) {
                    (Some(key), _) => {
                        let told = error_text::sentence(i18n.get_locale_untracked(), &key);
                        view! {
                            <p class="wrong">
                                <Shape mark=Mark::Failed/>
                                {move || told.get()}
                            </p>
                        }
                        .into_any()
                    }
                    (None, Some(hint)) => view! { <p class="hint">{hint}</p> }.into_any(),
                    (None, None) => ().into_any(),
                }}
            </div>
        </div>
    }
    .into_any()
}

/// One of several values, by name; what was chosen is kept.
#[component]
pub fn Select(
    /// The field's name in the form, and its id.
    name: &'static str,
    /// What it asks for.
    #[prop(into)]
    label: String,
    /// Value and words of each option.
    #[prop(into)]
    options: Vec<(String, String)>,
    /// The form that it belongs to: gives what was chosen before.
    form: FormState,
    /// The value chosen at first.
    #[prop(into)]
    value: String,
) -> impl IntoView {
    // What was chosen before may not be offered any longer.
    let value = form
        .typed(name)
        .filter(|typed| options.iter().any(|(of, _)| of == typed))
        .unwrap_or(value);
    view! {
        <div class="fld">
            <label for=name>{label}</label>
            <select class="in" id=name name=name>
                {options
                    .into_iter()
                    .map(|(of, words)| {
                        let selected = of == value;
                        view! { <option value=of selected=selected>{words}</option> }
                    })
                    .collect_view()}
            </select>
        </div>
    }
}

/// Yes or no; posts `true`, or nothing.
#[component]
pub fn Checkbox(
    /// The field's name in the form.
    name: &'static str,
    /// What it asks.
    #[prop(into)]
    label: String,
    /// Whether it is ticked at first.
    #[prop(optional)]
    checked: bool,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" name=name value="true" checked=checked/>
            <span>{label}</span>
        </label>
    }
}
