//! Errors as `application/problem+json` (RFC 9457), and bodies that are refused as such.

use axum::{
    Json,
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::AppError;
use protocol::problem::{PROBLEM_JSON, Problem};
use serde::de::DeserializeOwned;

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct Refusal(pub AppError);

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (name, title) = match &self.0 {
            AppError::NotFound => ("not_found", "Not found"),
            AppError::Invalid { .. } => ("invalid", "An input was refused"),
            AppError::Forbidden => ("forbidden", "Not allowed"),
            AppError::SignedOut => ("signed_out", "Not signed in"),
            AppError::Conflict { .. } => ("conflict", "It contradicts what is there"),
            AppError::Gone => ("gone", "Gone for good"),
            AppError::TooMany { .. } => ("too_many", "Too many tries"),
            AppError::Unavailable => ("unavailable", "A part of the system is down"),
            AppError::Internal { .. } => ("internal", "Internal error"),
        };
        let (mut field, mut detail, mut request_id, mut wait) = (None, None, None, None);
        match &self.0 {
            AppError::Invalid { field: at, message } => {
                field = Some(at.clone());
                detail = Some(message.clone());
            }
            AppError::Conflict { message } => detail = Some(message.clone()),
            AppError::Internal { request_id: id } => request_id = Some(id.clone()),
            AppError::TooMany { retry_after_s } => wait = Some(*retry_after_s),
            _ => {}
        }
        let problem = Problem {
            kind: format!("urn:madang:problem:{name}"),
            title: title.to_owned(),
            status: self.0.status(),
            detail,
            field,
            request_id,
        };
        respond(&problem, wait)
    }
}

fn respond(problem: &Problem, wait: Option<u32>) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if let Some(wait) = wait {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The parameters in the path; one that does not fit names nothing.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub(crate) struct Path<T>(pub T);

impl From<PathRejection> for Refusal {
    fn from(_: PathRejection) -> Self {
        Self(AppError::NotFound)
    }
}

/// The parameters after the path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub(crate) struct Query<T>(pub T);

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self(AppError::Invalid {
            field: "query".to_owned(),
            message: rejection.body_text(),
        })
    }
}

/// A JSON body; one that does not fit is a problem that names what is wrong with it. U+0000 fits nowhere: not
/// every database can keep it.
#[derive(Debug)]
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|refused| refused_body(refused.status(), refused.body_text()))?;
        let request = Request::from_parts(parts, bytes.clone().into());
        match Json::<T>::from_request(request, state).await {
            Ok(_) if says_nul(&bytes) => Err(refused_body(
                StatusCode::BAD_REQUEST,
                "U+0000 is in none of the texts".to_owned(),
            )),
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refuse_body(&rejection)),
        }
    }
}

/// Whether U+0000 is in a text of this JSON, where it can only be written `\u0000`.
pub(crate) fn says_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if rest.starts_with(b"u0000") {
            return true;
        }
        // What is escaped begins nothing itself.
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

fn refuse_body(rejection: &JsonRejection) -> Response {
    refused_body(rejection.status(), rejection.body_text())
}

/// The path is there, with other methods: `Allow` says which, it is set beside this answer.
pub(crate) async fn method_not_allowed() -> Response {
    let problem = Problem {
        kind: "urn:madang:problem:method_not_allowed".to_owned(),
        title: "Not with this method".to_owned(),
        status: StatusCode::METHOD_NOT_ALLOWED.as_u16(),
        detail: None,
        field: None,
        request_id: None,
    };
    respond(&problem, None)
}

/// Refuses a body with what is wrong with it.
pub(crate) fn refused_body(status: StatusCode, detail: String) -> Response {
    let name = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "media_type",
        _ => "malformed",
    };
    let problem = Problem {
        kind: format!("urn:madang:problem:{name}"),
        title: "The body was refused".to_owned(),
        status: status.as_u16(),
        detail: Some(detail),
        field: None,
        request_id: None,
    };
    respond(&problem, None)
}
