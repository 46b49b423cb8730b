//! The form that moves a device, and what it says will happen. A browser loads it after the page.

use domain::{DeviceId, command::Command};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use super::changes::ssid;
use crate::{
    form::{FormState, PostForm, empty_fields},
    i18n::{Locale, use_i18n},
    parts::{Checkbox, ErrorNotice, Mark, SubmitButton, status_mark::Shape},
};

/// The fields whose errors stand beside them.
const FIELDS: &[&str] = &["ssid", "password"];

/// Of which device.
pub(super) struct FormOf {
    pub(super) id: DeviceId,
    pub(super) form: FormState,
    /// The change to try again, where the last one did not come about.
    pub(super) tried: Option<Command>,
    pub(super) online: Signal<bool>,
}

/// The form, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn wifi_form(of: Box<FormOf>) -> AnyView {
    drawn(*of)
}

/// The form. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn wifi_form(of: Box<FormOf>) -> AnyView {
    drawn(*of)
}

fn drawn(of: FormOf) -> AnyView {
    let FormOf {
        id,
        form,
        tried,
        online,
    } = of;
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let refused = form.error.get_untracked().is_some();
    let [hidden, wpa3] = ["hidden", "wpa3"].map(|field| match (form.typed(field), &tried) {
        (Some(typed), _) => !typed.is_empty(),
        (None, Some(tried)) if !refused => tried.arguments[field] == true,
        _ => false,
    });
    let before = tried.as_ref().map(ssid).unwrap_or_default();
    Effect::new(move |_| {
        if form.times_done() > 0 {
            empty_fields(&["password"]);
        }
    });
    let waits = move || {
        (!online.get()).then(|| {
            view! {
                <p class="banner">
                    <Shape mark=Mark::Offline/>
                    {tu_string!(i18n, wifi.waits)}
                </p>
            }
        })
    };
    view! {
        <section class="card">
            <header><h2>{td_string!(locale, wifi.change)}</h2></header>
            <div class="pad form">
                {waits}
                <ol class="form sub">
                    <li>{td_string!(locale, wifi.first)}</li>
                    <li>{td_string!(locale, wifi.then)}</li>
                    <li><b>{td_string!(locale, wifi.back)}</b></li>
                </ol>
                <ErrorNotice error=form.other_error(FIELDS)/>
                <PostForm form class="form">
                    <input type="hidden" name="id" value=id.to_string()/>
                    {name(locale, form, before)}
                    {password(locale, form)}
                    <Checkbox
                        name="hidden"
                        label=td_string!(locale, wifi.hidden)
                        checked=hidden
                    />
                    <Checkbox
                        name="wpa3"
                        label=td_string!(locale, wifi.wpa3)
                        checked=wpa3
                    />
                    <div class="row">
                        <SubmitButton
                            label=td_string!(locale, wifi.button)
                            busy_label=td_string!(locale, frame.working)
                            busy=form.pending
                        />
                    </div>
                </PostForm>
                <p class="mut xs">{td_string!(locale, wifi.cable)}</p>
            </div>
        </section>
    }
    .into_any()
}

fn name(locale: Locale, form: FormState, before: String) -> AnyView {
    let wrong = form.field_error("ssid");
    view! {
        <div class="fld">
            <label for="ssid">{td_string!(locale, wifi.ssid)}</label>
            <input
                class="in"
                id="ssid"
                name="ssid"
                value=form.typed("ssid").unwrap_or(before)
                required
                maxlength="32"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                aria-invalid=move || wrong.read().is_some().then_some("true")
                aria-describedby="ssid-about"
            />
            {about(
                "ssid-about",
                td_string!(locale, wifi.ssid_hint),
                move || wrong.read().is_some().then(|| td_string!(locale, wifi.ssid_wrong)),
            )}
        </div>
    }
    .into_any()
}

fn password(locale: Locale, form: FormState) -> AnyView {
    let wrong = form.field_error("password");
    let shown = RwSignal::new(false);
    let why = move || {
        wrong.get().map(|message| match message.as_str() {
            "required" => td_string!(locale, wifi.password_needed),
            _ => td_string!(locale, wifi.password_wrong),
        })
    };
    view! {
        <div class="fld">
            <label for="password">{td_string!(locale, wifi.password)}</label>
            <input
                class="in"
                id="password"
                name="password"
                type=move || if shown.get() { "text" } else { "password" }
                maxlength="64"
                autocomplete="new-password"
                autocapitalize="off"
                spellcheck="false"
                aria-invalid=move || wrong.read().is_some().then_some("true")
                aria-describedby="password-about"
            />
            {about("password-about", td_string!(locale, wifi.password_hint), why)}
            <label class="check scripted">
                <input
                    type="checkbox"
                    prop:checked=move || shown.get()
                    on:change=move |event| shown.set(event_target_checked(&event))
                />
                <span>{td_string!(locale, wifi.show)}</span>
            </label>
        </div>
    }
    .into_any()
}

/// What is wrong with a field, or how to fill it.
fn about(
    id: &'static str,
    hint: &'static str,
    wrong: impl Fn() -> Option<&'static str> + Send + Sync + 'static,
) -> AnyView {
    view! {
        <div id=id>
            {move || match wrong() {
                Some(words) => view! {
                    <p class="wrong">
                        <Shape mark=Mark::Failed/>
                        {words}
                    </p>
                }
                .into_any(),
                None => view! { <p class="hint">{hint}</p> }.into_any(),
            }}
        </div>
    }
    .into_any()
}
