//! The authority keeps itself, follows the configured names, and issues only what it should.

#![allow(clippy::unwrap_used)]

use std::{path::PathBuf, sync::Arc};

use domain::TimestampMs;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::WebPkiClientVerifier,
};
use service::{
    SystemClock,
    pki::{IssueError, Pki, PkiError, install, issue::SigningRequest, shown, vault_key},
};

fn now() -> TimestampMs {
    service::Clock::now(&SystemClock)
}

fn open(folder: &std::path::Path, names: &[&str]) -> Result<Pki, PkiError> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    Pki::open(folder, "Test", &names, &SystemClock)
}

fn request(key: &KeyPair) -> String {
    let mut params = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "somebody-else");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn roots(pki: &Pki) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(pki.ca_der().clone()).unwrap();
    Arc::new(roots)
}

#[test]
fn a_second_start_finds_the_same_authority_and_server() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), &["madang.example"]).unwrap();
    let second = open(folder.path(), &["madang.example"]).unwrap();
    assert_eq!(first.ca_hash(), second.ca_hash());
    assert_eq!(
        first.server_identity().chain_pem,
        second.server_identity().chain_pem
    );
    assert_eq!(
        vault_key(folder.path()).unwrap(),
        vault_key(folder.path()).unwrap()
    );
}

#[test]
fn new_names_make_a_new_server_certificate_under_the_same_authority() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), &["madang.example"]).unwrap();
    let second = open(folder.path(), &["madang.example", "192.0.2.7"]).unwrap();
    assert_eq!(first.ca_hash(), second.ca_hash());
    assert_ne!(
        first.server_identity().chain_pem,
        second.server_identity().chain_pem
    );
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        roots(&second),
        Arc::new(rustls::crypto::ring::default_provider()),
    )
    .build()
    .unwrap();
    let chain = second.server_identity().chain().unwrap();
    second.server_identity().key().unwrap();
    let check = |name: &str| {
        use rustls::client::danger::ServerCertVerifier as _;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::now())
    };
    for name in ["madang.example", "192.0.2.7", "localhost", "127.0.0.1"] {
        check(name).unwrap();
    }
    check("other.example").unwrap_err();
}

#[test]
fn a_client_certificate_takes_only_the_key_from_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let pki = open(folder.path(), &[]).unwrap();
    let key = KeyPair::generate().unwrap();
    let parsed = SigningRequest::parse(&request(&key)).unwrap();
    let key_hash = parsed.key_hash();
    let issued = pki.issue_client(parsed, "the-device", now()).unwrap();
    assert_eq!(issued.key_hash, key_hash);

    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert_eq!(parsed.subject().to_string(), "CN=the-device");
    assert!(!parsed.is_ca());
    assert!(parsed.subject_alternative_name().unwrap().is_none());
    assert_eq!(
        service::pki::issue::serial_of_bytes(parsed.raw_serial()),
        issued.serial
    );
    let ends = parsed.validity().not_after.timestamp() * 1_000;
    assert!((ends - issued.expires_at.0).abs() <= 1_000);

    let verifier = WebPkiClientVerifier::builder_with_provider(
        roots(&pki),
        Arc::new(rustls::crypto::ring::default_provider()),
    )
    .build()
    .unwrap();
    verifier
        .verify_client_cert(&der, &[], UnixTime::now())
        .unwrap();
    let other = open(tempfile::tempdir().unwrap().path(), &[]).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(
        roots(&other),
        Arc::new(rustls::crypto::ring::default_provider()),
    )
    .build()
    .unwrap();
    verifier
        .verify_client_cert(&der, &[], UnixTime::now())
        .unwrap_err();
}

#[test]
fn a_request_that_is_none_or_whose_signature_is_not_its_own_is_refused() {
    let refused = |pem: &str| SigningRequest::parse(pem).unwrap_err();
    assert!(matches!(refused("hello"), IssueError::Request(_)));
    assert!(matches!(
        refused(&"x".repeat(100_000)),
        IssueError::Request(_)
    ));
    let pem = request(&KeyPair::generate().unwrap());
    let mut der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let body = data_encoding::BASE64.encode(&der);
    let forged =
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
    assert!(matches!(refused(&forged), IssueError::Request(_)));
}

#[test]
fn half_an_authority_is_an_error_and_nothing_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &[]).unwrap();
    std::fs::remove_file(folder.path().join("ca.key")).unwrap();
    let error = open(folder.path(), &[]).unwrap_err();
    assert!(matches!(error, PkiError::Half { .. }), "{error}");
    assert!(!folder.path().join("ca.key").exists());
}

#[cfg(unix)]
#[test]
fn keys_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &[]).unwrap();
    vault_key(folder.path()).unwrap();
    for name in ["ca.key", "server.key", "vault.key"] {
        let mode = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

/// An authority of one's own, and its key, written into this folder.
fn own(folder: &std::path::Path, days: i64, is_ca: rcgen::IsCa) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("own.pem"), folder.join("own.key"));
    let pair = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = is_ca;
    // Not to the second: whole days are counted.
    let less = time::Duration::hours(1);
    params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days) - less;
    let pem = params.self_signed(&pair).unwrap().pem();
    std::fs::write(&certificate, pem).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    (certificate, key)
}

const CA: rcgen::IsCa = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);

#[test]
fn an_authority_of_one_s_own_issues_and_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = own(folder.path(), 3_650, CA);
    let site = folder.path().join("pki");
    let hash = install(&site, &certificate, &key, &SystemClock).unwrap();
    let pki = open(&site, &[]).unwrap();
    assert_eq!(pki.ca_hash(), hash);
    assert_eq!(shown(&site).unwrap(), (pki.ca_pem().to_owned(), hash));
    let request = SigningRequest::parse(&request(&KeyPair::generate().unwrap())).unwrap();
    let issued = pki.issue_client(request, "device", now()).unwrap();
    let issued = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(&pki), provider);
    let verifier = verifier.build().unwrap();
    verifier
        .verify_client_cert(&issued, &[], UnixTime::now())
        .unwrap();
    let (certificate, key) = own(folder.path(), 3_650, CA);
    let again = install(&site, &certificate, &key, &SystemClock);
    assert!(matches!(again, Err(PkiError::Present(_))));
    assert_eq!(open(&site, &[]).unwrap().ca_hash(), hash);
}

#[test]
fn what_cannot_be_an_authority_is_refused_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("pki");
    let refused = |(certificate, key): (PathBuf, PathBuf), because: &str| {
        let why = install(&site, &certificate, &key, &SystemClock).unwrap_err();
        assert!(why.to_string().contains(because), "{why}");
        assert!(!site.exists());
    };
    let at = folder.path();
    refused(own(at, 3_650, rcgen::IsCa::ExplicitNoCa), "CA:TRUE");
    refused(own(at, 100, CA), "ends in 99 days");
    let (certificate, key) = own(at, 3_650, CA);
    std::fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    refused(
        (certificate.clone(), key.clone()),
        "the key is not the certificate's",
    );
    std::fs::write(&key, "no key").unwrap();
    refused((certificate, key.clone()), "no private key");
    let (certificate, key) = own(at, 3_650, CA);
    let twice = std::fs::read_to_string(&certificate).unwrap().repeat(2);
    std::fs::write(&certificate, twice).unwrap();
    refused((certificate, key), "not one certificate");
}
