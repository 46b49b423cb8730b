//! The shared secret of one ownership of one device, and the signature it makes. Not in a browser.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::jcs;

use crate::Envelope;

/// 32 random bytes, shown to a device once. Never printed: its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SharedSecret([u8; 32]);

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

impl SharedSecret {
    /// The secret of these bytes; the caller draws them from a cryptographic generator.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for storing them encrypted.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the wire form: unpadded base64url of 32 bytes.
    pub fn from_base64url(text: &str) -> Option<Self> {
        let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let secret = <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Self);
        bytes.zeroize();
        secret
    }

    /// The wire form: unpadded base64url.
    pub fn to_base64url(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// HMAC-SHA256 of `topic`, a newline and the RFC 8785 form of `payload`, which must not hold
    /// the member `signature`; lower-case hex.
    pub fn sign(&self, topic: &str, payload: &Map<String, Value>) -> String {
        hex::encode(self.digest(topic, payload))
    }

    /// Whether `signature` (lower-case hex) is that of `payload` on `topic`; in constant time.
    pub fn verify(&self, topic: &str, payload: &Map<String, Value>, signature: &str) -> bool {
        let mut given = [0_u8; 32];
        let lower = signature
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        lower
            && hex::decode_to_slice(signature, &mut given).is_ok()
            && bool::from(self.digest(topic, payload).ct_eq(&given))
    }

    fn digest(&self, topic: &str, payload: &Map<String, Value>) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(topic.as_bytes());
        mac.update(b"\n");
        mac.update(&jcs::to_vec(payload));
        mac.finalize().into_bytes().into()
    }
}

impl Envelope {
    /// Whether the signature is that of this body on `topic`.
    pub fn verify(&self, topic: &str, secret: &SharedSecret) -> bool {
        secret.verify(topic, &self.body, &self.signature)
    }
}

/// Signs `body` for `topic` and gives the bytes to publish.
///
/// `body` already holds `timestamp` and `sequence`; `signature` is added and replaces any that is there.
pub fn seal(topic: &str, mut body: Map<String, Value>, secret: &SharedSecret) -> Vec<u8> {
    body.remove("signature");
    let signature = secret.sign(topic, &body);
    body.insert("signature".to_owned(), Value::String(signature));
    serde_json::to_vec(&body).expect("a JSON object serialises")
}
