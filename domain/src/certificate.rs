//! The certificates that devices connect with, for those who look after them.

use protocol::TimestampMs;
use serde::{Deserialize, Serialize};

use crate::device::text_enum;

text_enum! {
    /// Whether a certificate is let in, and why it is not.
    CertificateState {
        /// It is let in.
        Active = "active",
        /// A newer one took its place.
        Replaced = "replaced",
        /// It was revoked.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
}

/// A certificate of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceCertificate {
    /// Its serial number, in lower-case hex.
    pub serial: String,
    /// Whether it is let in.
    pub state: CertificateState,
    /// When it was issued.
    pub issued_at: TimestampMs,
    /// When it ends by itself.
    pub expires_at: TimestampMs,
    /// Since when it is let in no more.
    pub ended_at: Option<TimestampMs>,
    /// The serial number of the one that took its place.
    pub replaced_by: Option<String>,
}

impl DeviceCertificate {
    /// From when on a device asks for another: two thirds of the certificate's time.
    pub fn renewed_from(&self) -> TimestampMs {
        let lifetime = self.expires_at.0.saturating_sub(self.issued_at.0);
        self.issued_at.plus_ms(lifetime / 3 * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_after_two_thirds_of_its_time() {
        let certificate = DeviceCertificate {
            serial: "4a".to_owned(),
            state: CertificateState::Active,
            issued_at: TimestampMs(1_000),
            expires_at: TimestampMs(4_000),
            ended_at: None,
            replaced_by: None,
        };
        assert_eq!(certificate.renewed_from(), TimestampMs(3_000));
    }
}
