//! The broker that the configuration asks for: the embedded one with its listeners, or one elsewhere.

use std::{net::SocketAddr, sync::Arc};

use ingest::{
    Broker,
    external::{ExternalBroker, ExternalConfig, SERVICE_NAME},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use service::{Clock, pki::Pki};

use super::{StartError, io_error};
use crate::{
    broker::{BrokerConfig, EmbeddedBroker},
    certificate::{CertificateError, ServerCertificate},
    config::{Config, Mqtt},
};

/// Where the embedded broker listens: with TLS, and without.
pub(super) type Listening = (SocketAddr, Option<SocketAddr>);

/// The broker, and where the embedded one listens.
pub(super) async fn broker(
    config: &Config,
    pki: &Pki,
    certificate: &Arc<ServerCertificate>,
    clock: &dyn Clock,
) -> Result<(Arc<dyn Broker>, Option<Listening>), StartError> {
    let plain = plain_address(&config.mqtt)?;
    if config.mqtt.external_url.is_empty() {
        let tls = certificate.for_devices().map_err(CertificateError::from)?;
        let embedded = EmbeddedBroker::bind(&BrokerConfig {
            address: config.mqtt.address,
            tls: Arc::new(tls),
            plain,
        })
        .await?;
        let listening = (embedded.address(), embedded.plain());
        if let Some(address) = listening.1 {
            tracing::warn!(%address, "MQTT without TLS: whoever is on this machine may speak for every device");
        }
        return Ok((embedded, Some(listening)));
    }
    let url = config
        .mqtt
        .external_url
        .parse()
        .map_err(|error| StartError::Config(format!("mqtt.external_url: {error}")))?;
    let ca_file = &config.mqtt.external_ca_file;
    let ca = match ca_file.as_os_str().is_empty() {
        true => pki.ca_pem().to_owned(),
        false => std::fs::read_to_string(ca_file).map_err(|e| io_error(ca_file.display(), e))?,
    };
    let (issued, key) = pki
        .issue_client_with_key(SERVICE_NAME, clock.now())
        .map_err(|error| StartError::Config(format!("the site's own certificate: {error}")))?;
    let tls = trust(&ca, &issued.pem, &key)
        .map_err(|error| StartError::Config(format!("mqtt.external_url: {error}")))?;
    let external = ExternalBroker::new(ExternalConfig {
        url,
        client_id: SERVICE_NAME.to_owned(),
        tls: Arc::new(tls),
        connections: config.mqtt.external_connections,
    })?;
    Ok((external, None))
}

/// Where devices may connect without TLS: only on this machine itself.
fn plain_address(mqtt: &Mqtt) -> Result<Option<SocketAddr>, StartError> {
    let asked = mqtt.plain_address.as_str();
    if asked.is_empty() {
        return Ok(None);
    }
    let wrong = |why: String| StartError::Config(format!("mqtt.plain_address: {asked} {why}"));
    let address: SocketAddr = asked.parse().map_err(|_| {
        wrong("is not an IP address with a port, such as 127.0.0.1:1883".to_owned())
    })?;
    if !address.ip().is_loopback() {
        return Err(wrong(
            "would let whoever reaches it speak for every device; it must be on loopback, such as \
             127.0.0.1:1883"
                .to_owned(),
        ));
    }
    if !mqtt.external_url.is_empty() {
        return Err(wrong(
            "is for the embedded broker, but mqtt.external_url names another".to_owned(),
        ));
    }
    Ok(Some(address))
}

/// TLS that trusts the authorities in `ca` and shows this certificate; all PEM.
fn trust(ca: &str, certificate: &str, key: &str) -> Result<rustls::ClientConfig, String> {
    let pem = |error: rustls::pki_types::pem::Error| error.to_string();
    let mut roots = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let authority = authority.map_err(pem)?;
        roots.add(authority).map_err(|error| error.to_string())?;
    }
    let own = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(pem)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(pem)?;
    rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![own], key)
        .map_err(|error| error.to_string())
}
