//! `/auth/device`: a token for the device that signed the request.
//!
//! Invariant: whoever cannot sign costs little. Wrong tries are limited for each device and client and for
//! each client, so that a stranger who knows a device's id neither keeps it out nor fills the database: of
//! its refusals one a minute is written down. An envelope gives one token.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use domain::{AppError, DeviceId, TimestampMs, device::Lifecycle, event::RefusalReason};
use ingest::Unread;
use parking_lot::Mutex;
use protocol::{Envelope, LATE_AFTER_MS};
use serde::Serialize;
use service::{
    accounts::{
        Client, limit,
        token::{self, SecretMark, TokenDevice},
    },
    devices::directory::Known,
    telemetry::window::{Seen, SequenceWindow},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    rest::problem::{Refusal, refused_body},
    state::AppState,
};

/// What an envelope is signed for.
const TOPIC: &str = "auth/device";
/// How often a device's refusals are written down, at most, in milliseconds.
const WRITTEN_EVERY_MS: i64 = 60_000;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(device))
}

/// What this process remembers of devices that asked for tokens, and of who asked in their name.
#[derive(Debug, Default)]
pub(crate) struct Door {
    /// The ownership of each device, and the sequences of its envelopes.
    used: Mutex<HashMap<DeviceId, (i64, SequenceWindow)>>,
    /// When a refusal of each device was last written down.
    written: Mutex<HashMap<DeviceId, TimestampMs>>,
}

impl Door {
    /// Whether an envelope of this ownership was not used before; it is now.
    fn take(&self, known: &Known, envelope: &Envelope) -> bool {
        let mut used = self.used.lock();
        let (ownership, window) = used.entry(known.device.uuid).or_default();
        if *ownership != known.ownership {
            (*ownership, *window) = (known.ownership, SequenceWindow::default());
        }
        window.note(envelope.sequence.0) == Seen::New
    }

    /// Whether a refusal of this device is to be written down now.
    fn writes(&self, device: DeviceId, now: TimestampMs) -> bool {
        let mut written = self.written.lock();
        let due = written
            .get(&device)
            .is_none_or(|last| now.since(*last) >= WRITTEN_EVERY_MS);
        if due {
            written.insert(device, now);
        }
        due
    }
}

#[derive(Serialize, ToSchema)]
struct DeviceToken {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that it works.
    expires_in: i64,
}

/// Gives a device a token for itself alone, for an envelope signed for the topic `auth/device` that
/// carries its `device_uuid`. An envelope works once.
#[utoipa::path(post, path = "/auth/device", tag = "auth",
    request_body(content = serde_json::Value, description = "The signed envelope"),
    responses(
        (status = 200, description = "A token of 15 minutes", body = DeviceToken),
        (status = 401, description = "Not signed by this device, too old, or used before; or the device is blocked"),
        (status = 410, description = "The device was revoked"),
        (status = 413, description = "More than an envelope may be"),
        (status = 429, description = "Too many wrong tries; `Retry-After` says when to come again"),
))]
async fn device(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    payload: Result<Bytes, BytesRejection>,
) -> Result<Json<DeviceToken>, Response> {
    let payload = payload.map_err(|refused| refused_body(refused.status(), refused.body_text()))?;
    let token = token_for(&state, &client, &payload).await;
    token
        .map(Json)
        .map_err(|error| Refusal(error).into_response())
}

async fn token_for(
    state: &AppState,
    client: &Client,
    payload: &[u8],
) -> Result<DeviceToken, AppError> {
    let services = &state.services;
    let envelope = protocol::open(payload).map_err(|_| AppError::invalid("body", "envelope"))?;
    let device = envelope
        .body
        .get("device_uuid")
        .and_then(|id| id.as_str()?.parse().ok())
        .ok_or_else(|| AppError::invalid("device_uuid", "uuid"))?;
    let address = client.address.as_deref();
    let subject = format!("{device} {}", address.unwrap_or_default());
    let attempt = limit::begin(services, "device", &subject, address).await?;
    let of = match prove(state, device, &envelope).await {
        Err(error @ (AppError::SignedOut | AppError::Gone)) => {
            attempt.fail().await;
            return Err(error);
        }
        proved => {
            attempt.succeed();
            proved?
        }
    };
    let (access_token, expires_in) = token::issue_for_device(services, of)?;
    Ok(DeviceToken {
        access_token,
        token_type: "Bearer",
        expires_in,
    })
}

/// Whether this device has signed the envelope, just now and for this one time; gives the ownership whose secret did,
/// and which secret. Nobody speaks for a device that is blocked.
async fn prove(
    state: &AppState,
    device: DeviceId,
    envelope: &Envelope,
) -> Result<TokenDevice, AppError> {
    let services = &state.services;
    let known = state.pipeline.directory().fresh(services, device).await?;
    let known = known.ok_or(AppError::SignedOut)?;
    if known.lifecycle == Lifecycle::Revoked {
        return Err(AppError::Gone);
    }
    if known.blocked {
        return Err(AppError::SignedOut);
    }
    let secret = known.secret.as_ref();
    let signed = secret.is_some_and(|secret| envelope.verify(TOPIC, secret));
    let now = services.now();
    let fresh = now.since(envelope.timestamp).abs() <= LATE_AFTER_MS;
    if signed && fresh && state.door.take(&known, envelope) {
        return Ok(TokenDevice {
            device,
            ownership: known.ownership,
            secret: secret.map(SecretMark::of),
        });
    }
    if state.door.writes(device, now) {
        let unread = Unread::publish(TOPIC, None);
        let reason = RefusalReason::WrongSignature;
        state.pipeline.refuse_unread(device, unread, reason).await;
    }
    Err(AppError::SignedOut)
}
