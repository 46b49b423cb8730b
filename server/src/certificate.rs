//! The server's certificate as its listeners show it: looked after while they run.
//!
//! Invariant: every handshake shows the same chain, whichever listener it is for, and one that cannot be
//! used never takes the place of one that can. Connections that are open stay as they are.

use std::{sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use service::{
    Clock,
    pki::{Pki, PkiError, ServerIdentity},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether another certificate is needed, or is there.
pub const EVERY: Duration = Duration::from_mins(1);

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be read or made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Its file is not PEM.
    #[error("the server's certificate: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// Its key is of no use, or is another's.
    #[error("the server's certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// The server's certificate, for the names that are configured now.
pub struct ServerCertificate {
    pki: Arc<Pki>,
    clock: Arc<dyn Clock>,
    names: Mutex<Vec<String>>,
    shown: RwLock<Arc<CertifiedKey>>,
    wanted: Notify,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerCertificate({:?})", self.names.lock())
    }
}

impl ServerCertificate {
    /// The certificate that the authority opened with, for these names.
    pub fn new(
        pki: Arc<Pki>,
        names: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, CertificateError> {
        let shown = certified(&pki.server_identity())?;
        Ok(Arc::new(Self {
            pki,
            clock,
            names: Mutex::new(names),
            shown: RwLock::new(Arc::new(shown)),
            wanted: Notify::new(),
        }))
    }

    /// Looks now, as when the configuration was read again: `names` are those that it has.
    pub fn want(&self, names: Vec<String>) {
        *self.names.lock() = names;
        self.wanted.notify_one();
    }

    /// Takes another certificate where its files are others, its names changed, or its end is near;
    /// whether it did.
    pub fn look(&self) -> Result<bool, CertificateError> {
        let names = self.names.lock().clone();
        let identity = self.pki.renew_server(&names, self.clock.as_ref())?;
        let next = certified(&identity)?;
        let mut shown = self.shown.write();
        if next.cert == shown.cert {
            return Ok(false);
        }
        *shown = Arc::new(next);
        Ok(true)
    }

    /// Looks after it until `stop`.
    pub async fn watch(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        loop {
            let next = tokio::time::timeout(every, self.wanted.notified());
            if stop.run_until_cancelled(next).await.is_none() {
                return;
            }
            let this = self.clone();
            // Reads files, and may draw a key.
            match tokio::task::spawn_blocking(move || this.look()).await {
                Ok(Ok(true)) => tracing::info!(
                    names = ?self.names.lock(),
                    "new connections are shown another certificate of the server"
                ),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "the server's certificate stays as it is");
                }
                Err(error) => {
                    tracing::error!(%error, "the server's certificate was not looked after");
                }
            }
        }
    }

    /// TLS for browsers and programs: they show no certificate.
    pub fn for_browsers(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let mut tls = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(tls)
    }

    /// TLS for devices and apps: only certificates of the site's authority are let in.
    pub fn for_devices(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.pki.ca_der().clone())?;
        let known = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(known)
            .with_cert_resolver(self.clone()))
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().clone())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Chain and key for rustls; refused where they do not belong together.
fn certified(identity: &ServerIdentity) -> Result<CertifiedKey, CertificateError> {
    Ok(CertifiedKey::from_der(
        identity.chain()?,
        identity.key()?,
        &provider(),
    )?)
}
