//! From box to first value: pre-registration codes, the claim link and the credentials call.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};

use crate::{
    identity::ComponentSpec,
    ids::{DeviceId, Email},
};

/// A 128-bit enrolment code, shown once: RFC 4648 base32 in groups of four.
///
/// Typing is forgiving: case, spaces and hyphens do not count, and `0`, `1`, `8` read as `O`, `I`, `B`.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrollmentCode([u8; 16]);

/// A text that is no enrolment code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an enrolment code: 26 letters and digits, in groups of four")]
pub struct CodeError;

impl EnrollmentCode {
    /// The code of these bytes; the caller draws them from a cryptographic generator.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The code's bytes, for hashing.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for EnrollmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrollmentCode(…)")
    }
}

impl fmt::Display for EnrollmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = BASE32_NOPAD.encode(&self.0);
        for (at, c) in text.chars().enumerate() {
            if at > 0 && at % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

impl FromStr for EnrollmentCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let plain: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| match c.to_ascii_uppercase() {
                '0' => 'O',
                '1' => 'I',
                '8' => 'B',
                other => other,
            })
            .collect();
        let bytes = BASE32_NOPAD
            .decode(plain.as_bytes())
            .map_err(|_| CodeError)?;
        <[u8; 16]>::try_from(bytes.as_slice())
            .map(Self)
            .map_err(|_| CodeError)
    }
}

/// SHA-256 of the site's CA certificate (DER), as lower-case hex in links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaHash(pub [u8; 32]);

impl fmt::Display for CaHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for CaHash {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let bytes = HEXLOWER
            .decode(text.trim().to_ascii_lowercase().as_bytes())
            .map_err(|_| CodeError)?;
        <[u8; 32]>::try_from(bytes.as_slice())
            .map(Self)
            .map_err(|_| CodeError)
    }
}

/// What the QR code holds: `https://host/claim#serial,code,ca_hash`. The fragment never reaches a server log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimLink {
    /// The server's address, without a trailing slash: `https://host:port`.
    pub origin: String,
    /// The device's processor serial number.
    pub serial: String,
    /// The one-time code.
    pub code: EnrollmentCode,
    /// Which CA the agent must find behind `origin`.
    pub ca_hash: CaHash,
}

impl fmt::Display for ClaimLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/claim#{},{},{}",
            self.origin, self.serial, self.code, self.ca_hash
        )
    }
}

impl FromStr for ClaimLink {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let (origin, fragment) = text.trim().split_once("/claim#").ok_or(CodeError)?;
        let mut parts = fragment.rsplitn(3, ',');
        let (Some(hash), Some(code), Some(serial)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(CodeError);
        };
        if serial.is_empty() || origin.is_empty() {
            return Err(CodeError);
        }
        Ok(Self {
            origin: origin.to_owned(),
            serial: serial.to_owned(),
            code: code.parse()?,
            ca_hash: hash.parse()?,
        })
    }
}

/// The body of `POST /api/devices/credentials`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialsRequest {
    /// The processor serial number that was pre-registered.
    pub cpu_serial: String,
    /// The enrolment code, as text.
    pub code: String,
    /// A PKCS#10 signing request in PEM; its subject is ignored, the server sets it.
    pub csr: String,
}

/// The answer to [`CredentialsRequest`]: 202 with `Retry-After` while unclaimed, 200 after the claim.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credentials {
    /// The device's UUID: the Common Name of the certificate.
    pub device_uuid: DeviceId,
    /// The device's certificate, PEM.
    pub certificate: String,
    /// The site's CA certificate, PEM.
    pub ca: String,
    /// The broker's address: `mqtts://host:port`.
    pub mqtt_url: String,
    /// Hardware variant the reports must carry.
    pub hardware_variant: String,
    /// How often to report, in milliseconds.
    pub report_interval_ms: i64,
    /// What the claim adds.
    // A schema cannot say that all members of this are there or none: who describes an answer adds them.
    #[cfg_attr(feature = "openapi", schema(ignore))]
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<ClaimedCredentials>,
}

/// What a claimed device needs on top.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClaimedCredentials {
    /// The secret of this ownership: unpadded base64url of 32 bytes.
    pub shared_secret: String,
    /// The owner's address, as the telemetry topics carry it.
    pub user_email: Email,
    /// The components attached to the device.
    pub components: Vec<ComponentSpec>,
}
