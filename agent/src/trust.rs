//! Whom a device believes: before enrolment the CA whose hash the claim link carries, after it that CA.
//!
//! Invariant: nothing is sent to a server whose chain does not end in that CA.

use std::sync::Arc;

use protocol::{TimestampMs, enroll::CaHash};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};

/// TLS towards the enrolment address: only a chain to the CA with this hash is believed.
pub fn pinned(ca_hash: CaHash) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = PinnedCa {
        ca_hash,
        provider: provider.clone(),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// TLS towards the broker: the site's CA (PEM) on one side, the device's certificate and key (PEM) on the other.
pub fn mutual(ca: &str, certificate: &str, key_pem: &str) -> Result<ClientConfig, Error> {
    let pem = |error: rustls::pki_types::pem::Error| Error::General(error.to_string());
    let ca = CertificateDer::from_pem_slice(ca.as_bytes()).map_err(pem)?;
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(pem)?;
    let mut roots = RootCertStore::empty();
    roots.add(ca)?;
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
}

/// From when and until when a certificate in PEM is valid, and its DER.
pub fn validity(pem: &str) -> Option<(TimestampMs, TimestampMs, Vec<u8>)> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    let valid = certificate.validity();
    let moment =
        |at: x509_parser::time::ASN1Time| TimestampMs(at.timestamp().saturating_mul(1_000));
    Some((
        moment(valid.not_before),
        moment(valid.not_after),
        der.to_vec(),
    ))
}

/// SHA-256 of a certificate in PEM.
pub fn hash_of_pem(pem: &str) -> Option<CaHash> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    Some(CaHash(Sha256::digest(&certificate).into()))
}

#[derive(Debug)]
struct PinnedCa {
    ca_hash: CaHash,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let ca = intermediates
            .iter()
            .find(|shown| <[u8; 32]>::from(Sha256::digest(shown)) == self.ca_hash.0)
            .ok_or_else(|| {
                Error::General(
                    "the server does not belong to the site of this claim link: its chain has not \
                     the expected authority"
                        .to_owned(),
                )
            })?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
