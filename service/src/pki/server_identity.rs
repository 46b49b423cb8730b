//! The server's own certificate: names from the configuration, made anew before it ends.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::Arc,
};

use domain::TimestampMs;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, DnsName, PrivateKeyDer, pem::PemObject};

use super::{PkiError, files, issue};
use crate::Clock;

const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";
/// Browsers refuse more.
const DAYS: i64 = 397;
const RENEW_BEFORE_MS: i64 = 30 * 24 * 3_600_000;

/// The server's certificate chain and key.
#[derive(Clone)]
pub struct ServerIdentity {
    /// The chain, PEM: the server's certificate, then the authority's.
    pub chain_pem: Arc<str>,
    /// The key, PEM (PKCS#8).
    pub key_pem: Arc<str>,
}

impl std::fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerIdentity(…)")
    }
}

impl ServerIdentity {
    /// The chain as rustls takes it.
    pub fn chain(&self) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
        CertificateDer::pem_slice_iter(self.chain_pem.as_bytes()).collect()
    }

    /// The key as rustls takes it.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, rustls::pki_types::pem::Error> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
    }
}

pub(super) fn load_or_make(
    folder: &Path,
    issuer: &Issuer<'_, KeyPair>,
    ca: &CertificateDer<'_>,
    names: &[String],
    clock: &dyn Clock,
) -> Result<ServerIdentity, PkiError> {
    let (certificate_path, key_path) = (folder.join(CERTIFICATE), folder.join(KEY));
    let sans = subject_names(names)?;
    if certificate_path.exists() && key_path.exists() {
        let chain = files::read_text(&certificate_path)?;
        let certificate = files::certificate_of(&certificate_path, &chain)?;
        if still_good(&certificate, ca, &sans, clock.now()) {
            return Ok(ServerIdentity {
                chain_pem: chain.into(),
                key_pem: files::read_text(&key_path)?.into(),
            });
        }
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(
        DnType::CommonName,
        names.first().map_or("localhost", String::as_str),
    );
    params.distinguished_name = name;
    params.subject_alt_names = sans;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(issue::random_serial());
    issue::set_validity(&mut params, clock.now(), DAYS);
    let certificate = params.signed_by(&key, issuer)?;
    let ca_pem = files::read_text(&folder.join(super::CA_CERTIFICATE))?;
    let chain = format!("{}{ca_pem}", certificate.pem());
    files::write_private(&key_path, key.serialize_pem().as_bytes())?;
    files::write(&certificate_path, chain.as_bytes())?;
    Ok(ServerIdentity {
        chain_pem: chain.into(),
        key_pem: key.serialize_pem().into(),
    })
}

/// The configured names, and those by which the machine itself reaches the server.
fn subject_names(names: &[String]) -> Result<Vec<SanType>, PkiError> {
    let mut sans = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    for name in names {
        let san = match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => {
                // What browsers could not ask for would only look as if it were there.
                DnsName::try_from(name.as_str()).map_err(|_| PkiError::Name(name.clone()))?;
                SanType::DnsName(name.as_str().try_into()?)
            }
        };
        if !sans.contains(&san) {
            sans.push(san);
        }
    }
    Ok(sans)
}

fn still_good(
    certificate: &CertificateDer<'_>,
    ca: &CertificateDer<'_>,
    sans: &[SanType],
    now: TimestampMs,
) -> bool {
    let (Ok((_, parsed)), Ok((_, authority))) = (
        x509_parser::parse_x509_certificate(certificate),
        x509_parser::parse_x509_certificate(ca),
    ) else {
        return false;
    };
    let ends_ms = parsed.validity().not_after.timestamp() * 1_000;
    let same_names = parsed
        .subject_alternative_name()
        .ok()
        .flatten()
        .is_some_and(|extension| {
            let has = &extension.value.general_names;
            has.len() == sans.len() && sans.iter().all(|san| has.iter().any(|h| same(h, san)))
        });
    same_names
        && ends_ms - now.0 > RENEW_BEFORE_MS
        && parsed
            .verify_signature(Some(authority.public_key()))
            .is_ok()
}

fn same(name: &x509_parser::extensions::GeneralName<'_>, san: &SanType) -> bool {
    use x509_parser::extensions::GeneralName;
    match (name, san) {
        (GeneralName::DNSName(a), SanType::DnsName(b)) => *a == b.as_str(),
        (GeneralName::IPAddress(a), SanType::IpAddress(IpAddr::V4(b))) => **a == b.octets(),
        (GeneralName::IPAddress(a), SanType::IpAddress(IpAddr::V6(b))) => **a == b.octets(),
        _ => false,
    }
}
