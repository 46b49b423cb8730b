//! Files that a page sends: as a plain form does, so that it works without a script.

use app::session::SCRIPTED_REDIRECT;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Extension, Multipart, State, multipart::MultipartError},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::post,
};
use domain::{AppError, ImportId, import::MOST_BYTES};
use service::{Actor, devices::imports};

use crate::state::AppState;

/// Bytes beside the file: the other fields and what parts them.
const BESIDE: usize = 64 * 1024;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/do/import_devices", post(import_devices))
        .layer(DefaultBodyLimit::max(MOST_BYTES + BESIDE))
}

/// A file of devices, or the same as text: goes on to the import's page, or back with why not.
async fn import_devices(
    State(state): State<AppState>,
    actor: Option<Extension<Actor>>,
    headers: HeaderMap,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Response {
    let started = async {
        let Extension(actor) = actor.ok_or(AppError::SignedOut)?;
        let admin = actor.require_admin()?;
        let form = form.map_err(|_| AppError::invalid("file", "csv_unreadable"))?;
        let (name, bytes) = chosen(form).await?;
        imports::start(&state.services, &admin, &name, &bytes).await
    };
    answer(started.await, plain(&headers))
}

/// The file that was chosen; the text where none was.
async fn chosen(mut form: Multipart) -> Result<(String, Vec<u8>), AppError> {
    let (mut file, mut text) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|e| refused(&e))? {
        let name = field.file_name().unwrap_or_default().to_owned();
        match field.name() {
            Some("file") => {
                let bytes = field.bytes().await.map_err(|e| refused(&e))?;
                if !bytes.is_empty() {
                    file = Some((name, bytes.to_vec()));
                }
            }
            Some("text") => {
                let bytes = field.bytes().await.map_err(|e| refused(&e))?;
                text = Some((String::new(), bytes.to_vec()));
            }
            _ => {}
        }
    }
    file.or(text)
        .ok_or_else(|| AppError::invalid("file", "csv_empty"))
}

fn refused(error: &MultipartError) -> AppError {
    AppError::invalid(
        "file",
        match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "csv_too_large",
            _ => "csv_unreadable",
        },
    )
}

fn plain(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn answer(started: Result<ImportId, AppError>, plain: bool) -> Response {
    match started {
        Ok(id) => {
            let next = format!("/devices/imports/{id}");
            if plain {
                return Redirect::to(&next).into_response();
            }
            let mut response = StatusCode::OK.into_response();
            if let Ok(next) = HeaderValue::from_str(&next) {
                let headers = response.headers_mut();
                headers.insert(header::LOCATION, next);
                headers.insert(SCRIPTED_REDIRECT, HeaderValue::from_static(""));
            }
            response
        }
        Err(AppError::SignedOut) if plain => Redirect::to("/sign-in").into_response(),
        Err(AppError::Invalid { message, .. } | AppError::Conflict { message }) if plain => {
            Redirect::to(&format!("/devices/import?wrong={message}")).into_response()
        }
        Err(error) if plain => crate::rest::problem::Refusal(error).into_response(),
        Err(error) => {
            let status =
                StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, axum::Json(error)).into_response()
        }
    }
}
