//! Encrypts secrets before they reach the database: XChaCha20-Poly1305 under the site's key.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use domain::AppError;
use rand::Rng as _;

use crate::internal;

/// Seals and opens secrets. The key lives in a file of the data folder, not in the database.
#[derive(Clone)]
pub struct Vault(XChaCha20Poly1305);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// A vault with this 256-bit key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// 24 bytes of nonce, then the ciphertext; `purpose` must be given again to open it.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, AppError> {
        let mut nonce = [0_u8; 24];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = self
            .0
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: purpose.as_bytes(),
                },
            )
            .map_err(|e| internal(format!("sealing {purpose}: {e}")))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Vault::seal`] was given.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, AppError> {
        let broken = || {
            internal(format!(
                "opening {purpose}: not sealed with this site's key"
            ))
        };
        let (nonce, body) = sealed.split_first_chunk::<24>().ok_or_else(broken)?;
        self.0
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: body,
                    aad: purpose.as_bytes(),
                },
            )
            .map_err(|_| broken())
    }
}
