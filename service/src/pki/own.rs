//! An authority of one's own, in place of the one that would be made at the first start.
//!
//! Invariant: an authority that is there is not replaced. Devices and claim links know the site by it.

use std::path::Path;

use domain::TimestampMs;
use protocol::enroll::CaHash;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};

use super::{CA_CERTIFICATE, CA_KEY, PkiError, files, issue::CLIENT_DAYS};
use crate::Clock;

const DAY_MS: i64 = 24 * 3_600_000;

/// Takes this authority (certificate and key, each a PEM file) for the site whose keys are in `folder`. Refused where
/// the site has one, and where it cannot issue what devices need.
pub fn install(
    folder: &Path,
    certificate: &Path,
    key: &Path,
    clock: &dyn Clock,
) -> Result<CaHash, PkiError> {
    let target = folder.join(CA_CERTIFICATE);
    if target.exists() || folder.join(CA_KEY).exists() {
        return Err(PkiError::Present(target));
    }
    let (certificate_pem, key_pem) = (files::read_text(certificate)?, files::read_text(key)?);
    let content = |path: &Path, reason: String| PkiError::Content {
        path: path.to_owned(),
        reason,
    };
    let pair = KeyPair::from_pem(&key_pem).map_err(|error| {
        let hint = "as `openssl genpkey` writes it, without a passphrase";
        content(key, format!("no private key in PKCS#8, {hint}: {error}"))
    })?;
    let mut chain = CertificateDer::pem_slice_iter(certificate_pem.as_bytes());
    let (Some(Ok(der)), None) = (chain.next(), chain.next()) else {
        let reason =
            "not one certificate in PEM; where there is a chain, take its last issuer alone";
        return Err(content(certificate, reason.to_owned()));
    };
    check(&der, &pair).map_err(|reason| content(certificate, reason))?;
    let left = days_left(&der, clock.now()).map_err(|reason| content(certificate, reason))?;
    if left < CLIENT_DAYS {
        let reason = format!(
            "it ends in {left} days; the certificates that it issues are good for {CLIENT_DAYS} days"
        );
        return Err(content(certificate, reason));
    }
    files::make_private_folder(folder)?;
    // The key first, as with an authority that is made.
    files::write_private(&folder.join(CA_KEY), key_pem.as_bytes())?;
    files::write(&target, certificate_pem.as_bytes())?;
    Ok(CaHash(Sha256::digest(&der).into()))
}

/// The authority's certificate in PEM, and its hash, from the folder of the site's keys.
pub fn shown(folder: &Path) -> Result<(String, CaHash), PkiError> {
    let path = folder.join(CA_CERTIFICATE);
    let pem = files::read_text(&path)?;
    let der = files::certificate_of(&path, &pem)?;
    Ok((pem, CaHash(Sha256::digest(&der).into())))
}

/// Whether a certificate may issue others, and this is its key.
pub(super) fn check(der: &CertificateDer<'_>, key: &KeyPair) -> Result<(), String> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
    if !parsed.is_ca() {
        return Err("it is not the certificate of an authority (CA:TRUE)".to_owned());
    }
    let usage = parsed.key_usage().map_err(|error| error.to_string())?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err("its key usage does not allow it to issue certificates".to_owned());
    }
    if parsed.public_key().raw != key.subject_public_key_info() {
        return Err("the key is not the certificate's".to_owned());
    }
    Ok(())
}

fn days_left(der: &CertificateDer<'_>, now: TimestampMs) -> Result<i64, String> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
    let validity = parsed.validity();
    if validity.not_before.timestamp() * 1_000 > now.0 {
        return Err("it is not valid yet".to_owned());
    }
    Ok((validity.not_after.timestamp() * 1_000 - now.0) / DAY_MS)
}
