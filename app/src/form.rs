//! Forms that submit with and without a script, and lose nothing that was typed.
//!
//! A plain post that fails is answered by a redirect back to the form; the error and what was typed
//! (never a secret) wait for that page in a cookie that is read once and holds for a minute.

#[cfg(feature = "hydrate")]
mod sending;

use std::collections::BTreeMap;

use domain::AppError;
use leptos::{prelude::*, server_fn::ServerFn};
use serde::{Deserialize, Serialize};

use crate::session::use_session;

/// What a plain form post leaves for the page that follows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// Which form; the server function's name.
    pub form: String,
    /// Why it was refused; none means that it was done.
    pub error: Option<AppError>,
    /// What was typed, by field; no passwords.
    pub typed: BTreeMap<String, String>,
    /// What it gave, as JSON, where the page must show it once.
    pub outcome: Option<String>,
}

/// One form on the page: how the last try of it ended, and what to show in its fields.
///
/// Nothing here depends on what the form asks for, so all forms share one code in the browser.
#[derive(Clone, Copy)]
pub struct FormState {
    /// Where it is sent to.
    pub(crate) address: &'static str,
    /// Why the last try was refused.
    pub error: RwSignal<Option<AppError>>,
    /// Whether a try is under way.
    pub pending: RwSignal<bool>,
    /// How often it was tried on this page.
    tries: RwSignal<u32>,
    times_done: RwSignal<u32>,
    done: RwSignal<bool>,
    outcome: RwSignal<Option<String>>,
    flash: StoredValue<Option<Flash>>,
}

impl FormState {
    /// Of the form that the server function `S` answers.
    pub fn of<S: ServerFn>() -> Self {
        Self::at(S::PATH)
    }

    /// Of a form that is sent to this address.
    pub(crate) fn at(address: &'static str) -> Self {
        let flash = flash_of(address.rsplit('/').next().unwrap_or_default());
        let error = flash.as_ref().and_then(|flash| flash.error.clone());
        let done = flash.as_ref().is_some_and(|flash| flash.error.is_none());
        let outcome = flash.as_ref().and_then(|flash| flash.outcome.clone());
        Self {
            address,
            error: RwSignal::new(error),
            pending: RwSignal::new(false),
            tries: RwSignal::new(0),
            times_done: RwSignal::new(0),
            done: RwSignal::new(done),
            outcome: RwSignal::new(outcome),
            flash: StoredValue::new(flash),
        }
    }

    /// How often it was tried on this page: moves with every answer.
    pub fn tries(&self) -> u32 {
        self.tries.get()
    }

    /// How often it was done on this page: what it has changed is read again then. A try that failed has
    /// changed nothing, and where the server is away the page would fail with it.
    pub fn times_done(&self) -> u32 {
        self.times_done.get()
    }

    /// Whether the last try of it, also by a plain post just now, has been done.
    pub fn done(&self) -> bool {
        self.done.get()
    }

    /// What the last try of it has given, also by a plain post just now.
    pub fn outcome<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.outcome.read().as_deref()?).ok()
    }

    /// Forgets what the last try of it has given, where that is not to be shown any longer.
    pub(crate) fn forget_outcome(&self) {
        self.outcome.set(None);
    }

    /// What was typed into a field before the form was refused.
    pub fn typed(&self, field: &str) -> Option<String> {
        self.flash.with_value(|flash| {
            flash
                .as_ref()
                .filter(|flash| flash.error.is_some())
                .and_then(|flash| flash.typed.get(field).cloned())
        })
    }

    /// The message key for one field, where the error is about it.
    pub fn field_error(&self, field: &'static str) -> Signal<Option<String>> {
        let error = self.error;
        Signal::derive(move || match &*error.read() {
            Some(AppError::Invalid { field: of, message }) if of == field => Some(message.clone()),
            _ => None,
        })
    }

    /// The error, where it is about none of these fields.
    pub fn other_error(&self, fields: &'static [&'static str]) -> Signal<Option<AppError>> {
        let error = self.error;
        Signal::derive(move || {
            error.get().filter(|error| match error {
                AppError::Invalid { field, .. } => !fields.contains(&field.as_str()),
                _ => true,
            })
        })
    }

    /// Sends these fields, without a form that somebody filled.
    pub(crate) fn post(self, fields: &[(&str, &str)]) {
        #[cfg(feature = "hydrate")]
        if let Some(fields) = sending::fields_of(fields) {
            self.send(fields);
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (self, fields);
    }
}

/// A form that a script sends in place, and that posts plainly without one.
#[component]
pub fn PostForm(
    /// Its state.
    form: FormState,
    /// Classes of the element.
    #[prop(optional)]
    class: &'static str,
    /// Its id, where fields elsewhere on the page belong to it.
    #[prop(optional)]
    id: &'static str,
    /// Run when it is sent, before the answer.
    #[prop(optional, into)]
    on_send: Option<Callback<()>>,
    /// Its fields and buttons.
    children: Children,
) -> impl IntoView {
    let submit = move |event: leptos::ev::SubmitEvent| {
        if let Some(on_send) = on_send {
            on_send.run(());
        }
        #[cfg(feature = "hydrate")]
        if let Some(fields) = sending::typed_into(&event) {
            event.prevent_default();
            form.send(fields);
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = event;
    };
    view! {
        <form
            class=(!class.is_empty()).then_some(class)
            id=(!id.is_empty()).then_some(id)
            method="post"
            action=form.address
            on:submit=submit
        >
            {children()}
        </form>
    }
    .into_any()
}

/// Sends a form with a file in place; without a script the browser posts it as it stands.
pub(crate) fn upload(form: FormState, event: &leptos::ev::SubmitEvent) {
    #[cfg(feature = "hydrate")]
    if let Some(fields) = sending::chosen_in(event) {
        event.prevent_default();
        form.send(fields);
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (form, event);
}

/// Empties these fields of the page by their names, once what they held is done; what is secret does not
/// stay, and the next one can be typed.
pub(crate) fn empty_fields(fields: &[&str]) {
    for field in fields {
        fill_field(field, "");
    }
}

/// Gives a field of the page, by its id, this in place of what stands in it.
pub(crate) fn fill_field(id: &str, value: &str) {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast;
        let input = document()
            .get_element_by_id(id)
            .and_then(|element| element.dyn_into::<web_sys::HtmlInputElement>().ok());
        if let Some(input) = input {
            input.set_value(value);
        }
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (id, value);
}

/// What stands in a field of the page, by its id.
#[cfg(feature = "hydrate")]
pub(crate) fn value_of(id: &str) -> Option<String> {
    let field = document().get_element_by_id(id)?;
    js_sys::Reflect::get(&field, &"value".into())
        .ok()?
        .as_string()
}

/// Sends a form whose answer the page does not need, and stays on the page.
pub(crate) fn send(event: &leptos::ev::SubmitEvent) {
    #[cfg(feature = "hydrate")]
    if let (Some(address), Some(fields)) = (sending::address_of(event), sending::typed_into(event))
    {
        event.prevent_default();
        leptos::task::spawn_local(async move {
            if let Err(error) = sending::ask(&address, fields).await {
                leptos::logging::warn!("{address}: {error}");
            }
        });
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = event;
}

fn flash_of(form: &str) -> Option<Flash> {
    use_session().with_value(|session| session.flash.clone().filter(|flash| flash.form == form))
}

#[cfg(feature = "ssr")]
pub use answer::{answer, answer_with, take_flash};

#[cfg(feature = "ssr")]
mod answer {
    use axum::http::{
        HeaderMap,
        header::{ACCEPT, REFERER},
        request::Parts,
    };
    use data_encoding::BASE64URL_NOPAD;
    use domain::AppError;
    use leptos::prelude::use_context;

    use super::Flash;
    use crate::{
        Failure,
        session::{cookie, set_cookie},
    };

    const FLASH_COOKIE: &str = "madang_flash";
    const FLASH_LIFETIME_S: u32 = 60;
    /// Browsers keep cookies of up to 4,096 bytes; a longer one loses the longest of what was typed.
    const FLASH_BYTES: usize = 3_500;

    /// Answers a form: done, on to `next` (or back to where it came from); refused, back with the error
    /// and with what was typed. A script gets the error itself, with its status.
    pub fn answer(
        result: Result<(), AppError>,
        form: &str,
        typed: &[(&str, &str)],
        next: Option<&str>,
    ) -> Result<(), Failure> {
        let plain = is_plain_post();
        match result {
            Ok(()) => {
                if plain {
                    leave(Flash {
                        form: form.to_owned(),
                        ..Flash::default()
                    });
                }
                match (next, plain) {
                    (Some(next), _) => leptos_axum::redirect(&local(next)),
                    (None, true) => leptos_axum::redirect(&back()),
                    (None, false) => {}
                }
                Ok(())
            }
            Err(error) if plain => {
                leave(Flash {
                    form: form.to_owned(),
                    error: Some(error),
                    typed: typed
                        .iter()
                        .map(|(field, text)| ((*field).to_owned(), (*text).to_owned()))
                        .collect(),
                    outcome: None,
                });
                leptos_axum::redirect(&back());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Answers a form that gives something to show once: to a script as the value, to a plain post on the
    /// page that follows.
    pub fn answer_with<T: serde::Serialize>(
        result: Result<T, AppError>,
        form: &str,
        typed: &[(&str, &str)],
    ) -> Result<Option<T>, Failure> {
        match result {
            Ok(value) if is_plain_post() => {
                leave(Flash {
                    form: form.to_owned(),
                    outcome: serde_json::to_string(&value).ok(),
                    ..Flash::default()
                });
                leptos_axum::redirect(&back());
                Ok(None)
            }
            Ok(value) => Ok(Some(value)),
            Err(error) => answer(Err(error), form, typed, None).map(|()| None),
        }
    }

    /// Takes what the last form left, once.
    pub fn take_flash() -> Option<Flash> {
        let parts = use_context::<Parts>()?;
        let text = cookie(&parts.headers, FLASH_COOKIE)?;
        set_cookie(FLASH_COOKIE, "", 0, true);
        let json = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        serde_json::from_slice(&json).ok()
    }

    fn leave(flash: Flash) {
        if let Some(text) = fitting(flash) {
            set_cookie(FLASH_COOKIE, &text, FLASH_LIFETIME_S, true);
        }
    }

    /// The cookie's text: the longest of what was typed is left out, field by field, until the rest fits.
    pub(super) fn fitting(mut flash: Flash) -> Option<String> {
        loop {
            let json = serde_json::to_vec(&flash).ok()?;
            let text = BASE64URL_NOPAD.encode(&json);
            let longest = flash.typed.iter().max_by_key(|(_, typed)| typed.len());
            match longest.map(|(field, _)| field.clone()) {
                Some(field) if text.len() > FLASH_BYTES => flash.typed.remove(&field),
                _ => return Some(text),
            };
        }
    }

    fn headers() -> HeaderMap {
        use_context::<Parts>().map_or_else(HeaderMap::new, |parts| parts.headers)
    }

    fn is_plain_post() -> bool {
        headers()
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"))
    }

    /// The path and query of the page that held the form.
    fn back() -> String {
        let headers = headers();
        let referer = headers
            .get(REFERER)
            .and_then(|referer| referer.to_str().ok());
        referer
            .and_then(|url| url.split_once("://"))
            .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]))
            .map_or_else(|| "/".to_owned(), local)
    }

    /// An address inside this site; anything else becomes the overview, so that no link can lead away.
    pub(super) fn local(path: &str) -> String {
        let safe = path.starts_with('/')
            && !path.starts_with("//")
            && !path.contains('\\')
            && path.bytes().all(|byte| byte.is_ascii_graphic());
        if safe {
            path.to_owned()
        } else {
            "/".to_owned()
        }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use domain::AppError;

    use super::{
        Flash,
        answer::{fitting, local},
    };

    #[test]
    fn what_is_too_long_for_the_cookie_is_left_out_and_the_rest_stays() {
        let typed = |fields: &[(&str, usize)]| Flash {
            form: "save_rule".to_owned(),
            error: Some(AppError::invalid("pin_number", "no_such_pin")),
            typed: fields
                .iter()
                .map(|(field, length)| ((*field).to_owned(), "x".repeat(*length)))
                .collect(),
            outcome: None,
        };
        let kept = |flash: Flash| {
            let text = fitting(flash).expect("a text");
            assert!(text.len() < 4_000, "{}", text.len());
            let json = BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64");
            serde_json::from_slice::<Flash>(&json).expect("a flash")
        };
        let short = typed(&[("description", 1_000), ("pin_mode", 3)]);
        assert_eq!(kept(short.clone()), short);
        let long = typed(&[("description", 2_000), ("values", 2_500), ("pin_mode", 3)]);
        let rest = typed(&[("description", 2_000), ("pin_mode", 3)]);
        assert_eq!(kept(long), rest, "only the longest");
        let longer = typed(&[("description", 5_000), ("values", 9_000), ("pin_mode", 3)]);
        assert_eq!(kept(longer), typed(&[("pin_mode", 3)]));
    }

    #[test]
    fn a_redirect_stays_on_the_site() {
        assert_eq!(local("/devices?q=%EA%B0%80"), "/devices?q=%EA%B0%80");
        for away in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "",
            "/a\r\nb",
        ] {
            assert_eq!(local(away), "/", "{away}");
        }
    }
}
