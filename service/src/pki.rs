//! The site's certificate authority: made on first start, kept in the data folder.
//!
//! Its key never leaves this process and its file is readable by the owner alone. Devices know the
//! site by the authority's hash, so the authority is never replaced silently: a folder with half of it
//! is an error.

mod files;
pub mod issue;
mod own;
pub mod server_identity;

use std::path::{Path, PathBuf};

use parking_lot::RwLock;
use protocol::enroll::CaHash;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use crate::Clock;
pub use issue::{IssueError, Issued};
pub use own::{install, shown};
pub use server_identity::ServerIdentity;

const CA_CERTIFICATE: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const VAULT_KEY: &str = "vault.key";
const CA_YEARS: i64 = 20;

/// Why the authority's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Only one of certificate and key is there.
    #[error("{present} is there but {missing} is not: restore it from a backup")]
    Half {
        /// The file that is there.
        present: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// The site has an authority.
    #[error(
        "{0} is there: a site keeps its authority, because its devices know it by that; another one is for a new site"
    )]
    Present(PathBuf),
    /// A file does not hold what its name says.
    #[error("{path}: {reason}")]
    Content {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A configured name is no host name.
    #[error("`{0}` in site.host_names is neither a host name nor an IP address")]
    Name(String),
    /// The cryptography refused.
    #[error("making a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// The authority and the server's own certificate.
pub struct Pki {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    ca_der: CertificateDer<'static>,
    ca_pem: String,
    server: RwLock<ServerIdentity>,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pki({})", self.ca_hash())
    }
}

impl Pki {
    /// Opens the authority in `folder`, or makes one there for the site called `site`; the server's
    /// certificate carries `names` (host names and IP addresses) and is made anew when they changed
    /// or its end is near.
    pub fn open(
        folder: &Path,
        site: &str,
        names: &[String],
        clock: &dyn Clock,
    ) -> Result<Self, PkiError> {
        files::make_private_folder(folder)?;
        let (certificate, key) = (folder.join(CA_CERTIFICATE), folder.join(CA_KEY));
        match (certificate.exists(), key.exists()) {
            (false, false) => make_authority(site, &certificate, &key, clock)?,
            (true, true) => {}
            (true, false) => {
                return Err(PkiError::Half {
                    present: certificate,
                    missing: key,
                });
            }
            (false, true) => {
                return Err(PkiError::Half {
                    present: key,
                    missing: certificate,
                });
            }
        }
        let ca_pem = files::read_text(&certificate)?;
        let key_pair = KeyPair::from_pem(&files::read_text(&key)?)?;
        let ca_der = files::certificate_of(&certificate, &ca_pem)?;
        own::check(&ca_der, &key_pair).map_err(|reason| PkiError::Content {
            path: certificate,
            reason,
        })?;
        let issuer = Issuer::from_ca_cert_der(&ca_der, key_pair)?;
        let server = server_identity::load_or_make(folder, &issuer, &ca_der, names, clock)?;
        Ok(Self {
            folder: folder.to_owned(),
            issuer,
            ca_der,
            ca_pem,
            server: RwLock::new(server),
        })
    }

    /// The authority's certificate, PEM: what people install and devices keep.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The authority's certificate, DER.
    pub fn ca_der(&self) -> &CertificateDer<'static> {
        &self.ca_der
    }

    /// SHA-256 of the authority's certificate (DER), as the claim link carries it.
    pub fn ca_hash(&self) -> CaHash {
        CaHash(Sha256::digest(&self.ca_der).into())
    }

    /// The server's certificate for these names as its files hold it now; made anew when they do not carry
    /// these names, or their end is near.
    pub fn renew_server(
        &self,
        names: &[String],
        clock: &dyn Clock,
    ) -> Result<ServerIdentity, PkiError> {
        let (issuer, ca) = (&self.issuer, &self.ca_der);
        let identity = server_identity::load_or_make(&self.folder, issuer, ca, names, clock)?;
        *self.server.write() = identity.clone();
        Ok(identity)
    }

    /// The server's certificate chain and key, for its TLS listeners.
    pub fn server_identity(&self) -> ServerIdentity {
        self.server.read().clone()
    }
}

/// Where the key of the [`crate::vault::Vault`] is kept.
pub fn vault_key_file(folder: &Path) -> PathBuf {
    folder.join(VAULT_KEY)
}

/// The 256-bit key of the [`crate::vault::Vault`] in `folder`, drawn on first start.
pub fn vault_key(folder: &Path) -> Result<[u8; 32], PkiError> {
    use rand::Rng as _;
    files::make_private_folder(folder)?;
    let path = vault_key_file(folder);
    if !path.exists() {
        let mut key = [0_u8; 32];
        rand::rng().fill_bytes(&mut key);
        files::write_private(&path, hex::encode(key).as_bytes())?;
    }
    let text = files::read_text(&path)?;
    let mut key = [0_u8; 32];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| PkiError::Content {
        path,
        reason: "not 64 hexadecimal digits".to_owned(),
    })?;
    Ok(key)
}

fn make_authority(
    site: &str,
    certificate: &Path,
    key: &Path,
    clock: &dyn Clock,
) -> Result<(), PkiError> {
    let key_pair = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("{site} site CA"));
    name.push(DnType::OrganizationName, "Madang");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    issue::set_validity(&mut params, clock.now(), CA_YEARS * 366);
    params.serial_number = Some(issue::random_serial());
    let ca = params.self_signed(&key_pair)?;
    // The key first: a crash in between leaves a half that is reported, never a CA without its key.
    files::write_private(key, key_pair.serialize_pem().as_bytes())?;
    files::write(certificate, ca.pem().as_bytes())
}
