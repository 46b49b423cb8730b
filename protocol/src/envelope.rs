//! The signed envelope around every payload that is not a bare presence.
//!
//! `signature = HMAC-SHA256(shared_secret, topic + "\n" + JCS(payload without "signature"))`.

use serde_json::{Map, Value};

use crate::{
    MAX_PAYLOAD_BYTES, MAX_SAFE_INTEGER,
    ids::{Sequence, TimestampMs},
    json::{self, JsonError},
};

/// A payload as it came, parsed but not yet trusted: call [`Envelope::verify`] first.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// When it was measured or issued.
    pub timestamp: TimestampMs,
    /// When it was handed to MQTT.
    pub sent_at: Option<TimestampMs>,
    /// Strictly increasing per device and direction.
    pub sequence: Sequence,
    /// Lower-case hex; empty where an unclaimed device sent none.
    pub signature: String,
    /// The whole object without `signature`, unknown members included.
    pub body: Map<String, Value>,
}

/// Why a payload is no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// More than [`MAX_PAYLOAD_BYTES`].
    #[error("larger than {MAX_PAYLOAD_BYTES} bytes")]
    TooLarge,
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing or of the wrong type.
    #[error("`{0}` is missing or of the wrong type")]
    Member(&'static str),
}

/// Parses a payload into an [`Envelope`]; checks its form, not its signature.
pub fn open(payload: &[u8]) -> Result<Envelope, EnvelopeError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(EnvelopeError::TooLarge);
    }
    let mut body = json::parse_object(payload)?;
    let signature = match body.remove("signature") {
        Some(Value::String(text)) => text,
        None => String::new(),
        Some(_) => return Err(EnvelopeError::Member("signature")),
    };
    let time = |name: &'static str| match body.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .filter(|ms| *ms >= 0)
            .map(|ms| Some(TimestampMs(ms)))
            .ok_or(EnvelopeError::Member(name)),
    };
    let timestamp = time("timestamp")?.ok_or(EnvelopeError::Member("timestamp"))?;
    let sent_at = time("sent_at")?;
    let sequence = body
        .get("sequence")
        .and_then(Value::as_u64)
        .filter(|s| *s < MAX_SAFE_INTEGER)
        .map(Sequence)
        .ok_or(EnvelopeError::Member("sequence"))?;
    Ok(Envelope {
        timestamp,
        sent_at,
        sequence,
        signature,
        body,
    })
}
