//! Signed payloads and JSON bodies: what is read is what was signed.

use protocol::{
    Batch, CommandMessage, CommandResult, MAX_SAFE_INTEGER, Report, SharedSecret,
    enroll::{Credentials, CredentialsRequest},
    envelope::{self, Envelope},
    identity::{Identity, Ownership, PresenceMessage},
    problem::Problem,
    seal,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

const TOPIC: &str = "telemetry/kim@example.org/b7f2c6e0-41c9-4a7e-9d53-0d4d5a8b1c2e/cpu/status";

/// An envelope that is taken has its members within bounds, and a report is the same after it was written
/// and read again.
pub(crate) fn envelope(bytes: &[u8]) {
    let Ok(envelope) = envelope::open(bytes) else {
        return;
    };
    let Envelope {
        timestamp,
        sequence,
        body,
        ..
    } = &envelope;
    assert!(timestamp.0 >= 0 && sequence.0 < MAX_SAFE_INTEGER);
    assert!(!body.contains_key("signature"));
    if let Ok(report) = Report::from_body(body) {
        assert_eq!(report.timestamp, *timestamp);
        let again = Report::from_body(&report.to_body());
        assert_eq!(again.as_ref(), Ok(&report));
        if let Ok(component) = "dht22".parse() {
            let entries = report.state_entries(&component);
            assert!(entries.len() <= report.values.len() + 1);
        }
    }
    if let Ok(batch) = Batch::from_body(body) {
        assert!(batch.reports.len() <= protocol::MAX_BATCH_REPORTS);
    }
}

/// A body is verified after it was sealed and read, and not under another topic.
pub(crate) fn signature(bytes: &[u8]) {
    let Ok(read) = envelope::open(bytes) else {
        return;
    };
    let secret = SharedSecret::from_bytes([7; 32]);
    // Whatever came as signature is judged without a panic, and nobody guesses one.
    assert!(!read.verify(TOPIC, &secret), "a guessed signature");
    let sealed = seal(TOPIC, read.body.clone(), &secret);
    let Ok(again) = envelope::open(&sealed) else {
        // The signature makes a payload longer than it came.
        assert!(
            sealed.len() > protocol::MAX_PAYLOAD_BYTES,
            "sealed and unreadable"
        );
        return;
    };
    assert!(again.verify(TOPIC, &secret), "sealed and not verified");
    assert!(!again.verify("auth/device", &secret), "another topic");
}

/// What a verified payload may say.
pub(crate) fn messages(bytes: &[u8]) {
    let Ok(object) = protocol::json::parse_object(bytes) else {
        return;
    };
    let value = Value::Object(object);
    same::<Identity>(&value);
    same::<PresenceMessage>(&value);
    same::<Ownership>(&value);
    same::<CommandMessage>(&value);
    same::<CommandResult>(&value);
}

/// What is posted without a session: JSON as it comes.
pub(crate) fn bodies(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    same::<Problem>(&value);
    if let Ok(request) = serde_json::from_value::<CredentialsRequest>(value.clone()) {
        let _ = request.code.parse::<protocol::enroll::EnrollmentCode>();
    }
    if let Ok(credentials) = serde_json::from_value::<Credentials>(value)
        && let Some(claimed) = credentials.ownership
    {
        let secret = SharedSecret::from_base64url(&claimed.shared_secret);
        if let Some(secret) = secret {
            assert_eq!(secret.to_base64url(), claimed.shared_secret, "one spelling");
        }
    }
}

/// What is read is read the same again after it was written.
fn same<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(value: &Value) {
    let Ok(read) = T::deserialize(value) else {
        return;
    };
    let written = serde_json::to_value(&read).ok();
    let again = written.and_then(|value| serde_json::from_value::<T>(value).ok());
    assert_eq!(again.as_ref(), Some(&read), "{value}");
}
