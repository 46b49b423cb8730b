//! Any command: its name, its arguments as JSON, and how it is carried out.

use domain::{DeviceId, component::Component};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use crate::{
    commands::until::until_field,
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{
        Checkbox, ErrorNotice, Field, Mark, Select, SubmitButton, error_text, status_mark::Shape,
    },
};

/// The fields whose errors stand beside them.
const FIELDS: &[&str] = &["name", "arguments", "until", "retries", "timeout_ms"];

pub(super) fn command_form(id: DeviceId, components: &[Component], form: FormState) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let whole = (String::new(), td_string!(locale, traffic.whole).to_owned());
    let options: Vec<_> = std::iter::once(whole)
        .chain(components.iter().map(|component| of(locale, component)))
        .collect();
    let sent = move || {
        form.done().then(|| {
            view! {
                <p class="banner good">
                    <Shape mark=Mark::Done/>
                    {tu_string!(i18n, traffic.queued)}
                </p>
            }
        })
    };
    view! {
        <section class="card pad anycommand">
            <h2>{td_string!(locale, traffic.send)}</h2>
            <p class="mut">{td_string!(locale, traffic.send_what)}</p>
            <ErrorNotice error=form.other_error(FIELDS)/>
            <div role="status">{sent}</div>
            <PostForm form class="form">
                <input type="hidden" name="id" value=id.to_string()/>
                <Field
                    name="name"
                    label=td_string!(locale, jobs.name)
                    hint=td_string!(locale, traffic.name_hint)
                    form
                    maxlength=64
                />
                <Select
                    name="component"
                    label=td_string!(locale, traffic.component)
                    options=options
                    form
                    value=""
                />
                {arguments(locale, form)}
                {how(locale, form)}
                <SubmitButton
                    label=td_string!(locale, traffic.send_button)
                    busy_label=td_string!(locale, frame.working)
                    busy=form.pending
                />
            </PostForm>
        </section>
    }
    .into_any()
}

fn of(locale: Locale, component: &Component) -> (String, String) {
    let kind = match locale {
        Locale::ko => &component.label_ko,
        Locale::en => &component.label_en,
    };
    let name = component.name.as_ref().unwrap_or(kind);
    let key = component.key.to_string();
    let words = format!("{name} ({key})");
    (key, words)
}

fn arguments(locale: Locale, form: FormState) -> AnyView {
    let wrong = form.field_error("arguments");
    let typed = form.typed("arguments").unwrap_or_default();
    view! {
        <div class="fld">
            <label for="arguments">{td_string!(locale, jobs.arguments)}</label>
            <textarea
                class="in mono"
                id="arguments"
                name="arguments"
                rows="4"
                maxlength="32768"
                spellcheck="false"
                autocapitalize="off"
                aria-invalid=move || wrong.read().is_some().then_some("true")
                aria-describedby="arguments-about"
            >
                {typed}
            </textarea>
            <div id="arguments-about">
                {move || match wrong.get() {
                    Some(key) => view! {
                        <p class="wrong">
                            <Shape mark=Mark::Failed/>
                            {error_text::field_text(locale, &key)}
                        </p>
                    }
                    .into_any(),
                    None => view! {
                        <p class="hint">{td_string!(locale, jobs.arguments_hint)}</p>
                    }
                    .into_any(),
                }}
            </div>
        </div>
    }
    .into_any()
}

fn how(locale: Locale, form: FormState) -> AnyView {
    let waits = [
        ("60", td_string!(locale, traffic.minute)),
        ("600", td_string!(locale, jobs.minutes_10)),
        ("3600", td_string!(locale, jobs.hour)),
        ("86400", td_string!(locale, jobs.day)),
    ];
    let waits: Vec<_> = waits
        .into_iter()
        .map(|(value, words)| (value.to_owned(), words.to_owned()))
        .collect();
    let typed = |field| form.typed(field).is_some_and(|text| !text.is_empty());
    view! {
        <details open=typed("until") || typed("retries") || typed("timeout_ms")>
            <summary>{td_string!(locale, traffic.options)}</summary>
            <div class="form">
                <Select
                    name="valid_for_s"
                    label=td_string!(locale, traffic.wait)
                    options=waits
                    form
                    value="60"
                />
                {until_field(locale, form)}
                <Field
                    name="retries"
                    kind="number"
                    label=td_string!(locale, jobs.retries)
                    form
                    required=false
                />
                <Field
                    name="timeout_ms"
                    kind="number"
                    label=td_string!(locale, traffic.timeout)
                    hint=td_string!(locale, traffic.timeout_hint)
                    form
                    required=false
                />
                <Checkbox
                    name="transient"
                    label=td_string!(locale, jobs.transient)
                    checked=form.typed("transient").is_none_or(|ticked| !ticked.is_empty())
                />
            </div>
        </details>
    }
    .into_any()
}
