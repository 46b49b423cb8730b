//! Inputs of the forms about catalog and components: each form of a page may have the same fields, so an id is
//! given beside the name.

#![allow(
    unreachable_pub,
    reason = "the properties of a component are public to its macro"
)]

use domain::AppError;
use leptos::prelude::*;

use super::words;
use crate::{
    form::FormState,
    i18n::{Locale, use_i18n},
    parts::{Mark, error_text, status_mark::Shape},
};

/// What a form was refused for, where it is about none of its fields.
#[component]
pub(crate) fn Refused(
    /// The form.
    form: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <div role="alert">
            {move || {
                form.error.get().filter(|error| !matches!(error, AppError::Invalid { .. })).map(|error| {
                    let locale = i18n.get_locale_untracked();
                    let title = error_text::title(locale, &error);
                    let told = told(locale, &error);
                    view! {
                        <div class="banner bad">
                            <Shape mark=Mark::Failed/>
                            <b>{title}</b>
                            <span>{move || told.get()}</span>
                        </div>
                    }
                })
            }}
        </div>
    }
    .into_any()
}

/// Its error, where the form was refused for this field.
#[component]
fn Wrong(form: FormState, name: &'static str, hint: Option<String>) -> impl IntoView {
    let i18n = use_i18n();
    move || {
        let error = form.error.get();
        match error {
            Some(error @ AppError::Invalid { .. }) if is_about(&error, name) => {
                let told = told(i18n.get_locale_untracked(), &error);
                view! {
                    <p class="wrong" role="alert">
                        <Shape mark=Mark::Failed/>
                        {move || told.get()}
                    </p>
                }
                .into_any()
            }
            _ => view! { <p class="hint">{hint.clone()}</p> }.into_any(),
        }
    }
}

/// Why it was refused.
#[cfg(not(feature = "hydrate"))]
fn told(locale: Locale, error: &AppError) -> Signal<String> {
    Signal::stored(words::refusal(locale, error))
}

/// Why it was refused; a browser loads these sentences, too, with the first of them.
#[cfg(feature = "hydrate")]
fn told(locale: Locale, error: &AppError) -> Signal<String> {
    match error {
        AppError::Invalid { .. } | AppError::Conflict { .. } => {
            error_text::coming(refusals(Box::new((locale, error.clone()))))
        }
        other => error_text::told(locale, other),
    }
}

/// The sentences, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
async fn refusals(of: Box<(Locale, AppError)>) -> String {
    let (locale, error) = *of;
    words::refusal(locale, &error)
}

fn is_about(error: &AppError, name: &str) -> bool {
    matches!(error, AppError::Invalid { field, .. } if field == name)
}

/// Whether the form was refused for this field.
fn wrong_in(form: FormState, name: &'static str) -> impl Fn() -> bool + Copy + Send + 'static {
    move || {
        form.error
            .read()
            .as_ref()
            .is_some_and(|error| is_about(error, name))
    }
}

/// A line of text.
#[component]
pub(crate) fn Line(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// The field's name.
    name: &'static str,
    /// What it asks for.
    label: &'static str,
    /// The form.
    form: FormState,
    /// What stands in it.
    #[prop(into)]
    value: String,
    /// How to fill it.
    #[prop(optional)]
    hint: &'static str,
    /// Whether it must be filled.
    #[prop(optional)]
    required: bool,
    /// Whether it stays as it is.
    #[prop(optional)]
    readonly: bool,
    /// Several lines.
    #[prop(optional)]
    lines: bool,
) -> impl IntoView {
    let about = format!("{id}-about");
    let wrong = wrong_in(form, name);
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    let input = if lines {
        view! {
            <textarea
                class="in"
                id=id.clone()
                name=name
                rows="4"
                spellcheck="false"
                aria-invalid=move || wrong().then_some("true")
                aria-describedby=about.clone()
            >
                {value}
            </textarea>
        }
        .into_any()
    } else {
        view! {
            <input
                class="in"
                id=id.clone()
                name=name
                value=value
                required=required
                readonly=readonly
                spellcheck="false"
                autocomplete="off"
                aria-invalid=move || wrong().then_some("true")
                aria-describedby=about.clone()
            />
        }
        .into_any()
    };
    view! {
        <div class="fld">
            <label for=id>{label}</label>
            {input}
            <div id=about><Wrong form name hint/></div>
        </div>
    }
    .into_any()
}

/// One of several words.
#[component]
pub(crate) fn Choice(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// The field's name.
    name: &'static str,
    /// What it asks for.
    label: &'static str,
    /// The form.
    form: FormState,
    /// Value and words of each.
    options: Vec<(String, String)>,
    /// What is chosen.
    #[prop(into)]
    value: String,
    /// How to choose.
    #[prop(optional)]
    hint: &'static str,
) -> impl IntoView {
    let about = format!("{id}-about");
    let wrong = wrong_in(form, name);
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    view! {
        <div class="fld">
            <label for=id.clone()>{label}</label>
            <select
                class="in"
                id=id
                name=name
                aria-invalid=move || wrong().then_some("true")
                aria-describedby=about.clone()
            >
                {options
                    .into_iter()
                    .map(|(of, words)| {
                        let selected = of == value;
                        view! { <option value=of selected=selected>{words}</option> }
                    })
                    .collect_view()}
            </select>
            <div id=about><Wrong form name hint/></div>
        </div>
    }
    .into_any()
}
