//! How a script sends a form: as the browser would, and the page stays.

use domain::AppError;
use gloo_net::http::{Request, Response};
use leptos::{
    ev::SubmitEvent,
    prelude::*,
    server_fn::redirect::{REDIRECT_HEADER, call_redirect_hook},
    task::spawn_local,
};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{FormData, HtmlFormElement, UrlSearchParams};

use super::FormState;

impl FormState {
    /// Sends it and keeps the answer.
    pub(super) fn send(self, fields: impl Into<JsValue>) {
        let fields = fields.into();
        self.pending.set(true);
        spawn_local(async move {
            let answer = match ask(self.address, fields).await {
                Ok(response) => read(response).await,
                Err(_) => Err(AppError::Unavailable),
            };
            // The page may be gone by now.
            if self.pending.try_set(false).is_some() {
                return;
            }
            let (outcome, error) = match answer {
                Ok(outcome) => (Some(outcome), None),
                Err(error) => (None, Some(error)),
            };
            self.done.set(error.is_none());
            if error.is_none() {
                self.times_done.update(|times| *times += 1);
            }
            self.outcome.set(outcome);
            self.error.set(error);
            self.tries.update(|tries| *tries += 1);
        });
    }
}

/// Posts the fields.
pub(super) async fn ask(
    address: &str,
    fields: impl Into<JsValue>,
) -> Result<Response, gloo_net::Error> {
    Request::post(address).body(fields)?.send().await
}

/// What a server function answered; where it leads on to another page, the page is shown.
async fn read(response: Response) -> Result<String, AppError> {
    let text = response.text().await.map_err(|_| AppError::Unavailable)?;
    if !response.ok() {
        return Err(serde_json::from_str(&text).unwrap_or(AppError::Unavailable));
    }
    let headers = response.headers();
    if headers.get(REDIRECT_HEADER).is_some()
        && let Some(next) = headers.get("location")
    {
        call_redirect_hook(&next);
    }
    Ok(text)
}

/// What stands in the fields of the form that is being sent.
pub(super) fn typed_into(event: &SubmitEvent) -> Option<UrlSearchParams> {
    let fields = FormData::new_with_form(&form_of(event)?).ok()?;
    UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()
}

/// The same with files.
pub(super) fn chosen_in(event: &SubmitEvent) -> Option<FormData> {
    FormData::new_with_form(&form_of(event)?).ok()
}

/// Where the form that is being sent goes.
pub(super) fn address_of(event: &SubmitEvent) -> Option<String> {
    form_of(event)?.get_attribute("action")
}

/// The same fields, filled by the page itself.
pub(super) fn fields_of(fields: &[(&str, &str)]) -> Option<UrlSearchParams> {
    let filled = UrlSearchParams::new().ok()?;
    for (name, value) in fields {
        filled.append(name, value);
    }
    Some(filled)
}

fn form_of(event: &SubmitEvent) -> Option<HtmlFormElement> {
    event.target()?.dyn_into().ok()
}
