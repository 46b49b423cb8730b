//! Issuing: the server sets subject, validity and use; of a signing request only the key is taken.

use domain::TimestampMs;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::{CertificateSigningRequestDer, pem::PemObject};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::FromDer;

use super::Pki;

/// Days that a device's or app's certificate is valid.
pub const CLIENT_DAYS: i64 = 397;
/// Longest signing request that is looked at, in bytes.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Not a PKCS#10 request in PEM whose signature is that of its own key.
    #[error("not a signing request: {0}")]
    Request(String),
    /// The key is too weak or of a kind that is not accepted.
    #[error("the key must be P-256, P-384, Ed25519, or RSA of at least 2048 bits")]
    WeakKey,
    /// The cryptography refused.
    #[error("issuing a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// A certificate that was just issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate, PEM.
    pub pem: String,
    /// Its serial number: lower-case hex, as in the table of certificates.
    pub serial: String,
    /// SHA-256 of its public key (`SubjectPublicKeyInfo`, DER).
    pub key_hash: [u8; 32],
    /// When it ends.
    pub expires_at: TimestampMs,
}

/// A checked signing request.
pub struct SigningRequest {
    params: CertificateSigningRequestParams,
    key_hash: [u8; 32],
}

impl std::fmt::Debug for SigningRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningRequest({})", hex::encode(self.key_hash))
    }
}

impl SigningRequest {
    /// Reads a PKCS#10 request in PEM; checks its signature and its key's strength.
    pub fn parse(pem: &str) -> Result<Self, IssueError> {
        if pem.len() > MAX_REQUEST_BYTES {
            return Err(IssueError::Request("too long".to_owned()));
        }
        let refused = |e: &dyn std::fmt::Display| IssueError::Request(e.to_string());
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
            .map_err(|e| refused(&e))?;
        let params = CertificateSigningRequestParams::from_der(&der).map_err(|e| refused(&e))?;
        let (_, parsed) =
            x509_parser::certification_request::X509CertificationRequest::from_der(&der)
                .map_err(|e| refused(&e))?;
        let spki = &parsed.certification_request_info.subject_pki;
        let strong = match spki.parsed().map_err(|e| refused(&e))? {
            x509_parser::public_key::PublicKey::RSA(key) => key.key_size() >= 2_048,
            x509_parser::public_key::PublicKey::EC(point) => point.key_size() >= 256,
            // Ed25519: 32 bytes that this library does not name.
            x509_parser::public_key::PublicKey::Unknown(bytes) => bytes.len() == 32,
            _ => false,
        };
        if !strong {
            return Err(IssueError::WeakKey);
        }
        let key_hash = Sha256::digest(spki.raw).into();
        Ok(Self { params, key_hash })
    }

    /// SHA-256 of the public key (`SubjectPublicKeyInfo`, DER).
    pub fn key_hash(&self) -> [u8; 32] {
        self.key_hash
    }
}

impl Pki {
    /// Issues a client certificate for the request's key with this Common Name.
    pub fn issue_client(
        &self,
        request: SigningRequest,
        common_name: &str,
        now: TimestampMs,
    ) -> Result<Issued, IssueError> {
        let serial = random_serial();
        let mut signing = request.params;
        signing.params = client_params(common_name, now, serial.clone());
        let certificate = signing.signed_by(&self.issuer)?;
        Ok(Issued {
            pem: certificate.pem(),
            serial: serial_text(&serial),
            key_hash: request.key_hash,
            expires_at: end(now),
        })
    }

    /// Issues a client certificate with a new key: gives the certificate and the key in PEM. For the
    /// site's own programs, which have no other way to ask.
    pub fn issue_client_with_key(
        &self,
        common_name: &str,
        now: TimestampMs,
    ) -> Result<(Issued, String), IssueError> {
        let key = KeyPair::generate()?;
        let serial = random_serial();
        let certificate =
            client_params(common_name, now, serial.clone()).signed_by(&key, &self.issuer)?;
        let issued = Issued {
            pem: certificate.pem(),
            serial: serial_text(&serial),
            key_hash: Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&key)).into(),
            expires_at: end(now),
        };
        Ok((issued, key.serialize_pem()))
    }
}

/// The serial number as the table of certificates spells it: lower-case hex without leading zeros.
pub fn serial_text(serial: &SerialNumber) -> String {
    serial_of_bytes(&serial.to_bytes())
}

/// As [`serial_text`], from the big-endian bytes of a certificate.
pub fn serial_of_bytes(bytes: &[u8]) -> String {
    let text = hex::encode(bytes);
    text.trim_start_matches('0').to_owned()
}

pub(super) fn random_serial() -> SerialNumber {
    use rand::Rng as _;
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    // RFC 5280: positive and not zero; a first byte from 0x40 to 0x7f makes it both.
    bytes[0] = (bytes[0] & 0x3f) | 0x40;
    SerialNumber::from_slice(&bytes)
}

pub(super) fn set_validity(params: &mut CertificateParams, now: TimestampMs, days: i64) {
    let start = moment(now) - Duration::hours(1); // clocks of boards run behind
    params.not_before = start;
    params.not_after = start + Duration::days(days);
}

fn client_params(common_name: &str, now: TimestampMs, serial: SerialNumber) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial);
    set_validity(&mut params, now, CLIENT_DAYS);
    params
}

fn end(now: TimestampMs) -> TimestampMs {
    now.plus_ms((CLIENT_DAYS * 24 - 1) * 3_600_000)
}

fn moment(at: TimestampMs) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
