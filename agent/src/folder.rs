//! The state folder: key, site, credentials and the store, readable by this user alone.
//!
//! Invariant: a file is replaced whole or not at all, so an interruption leaves the old one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use protocol::enroll::{ClaimLink, Credentials};
use serde::{Deserialize, Serialize};

const SITE: &str = "site.json";
const KEY: &str = "key.pem";

fn first_key() -> String {
    KEY.to_owned()
}

/// Where a device keeps what it knows.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// The site that a device belongs to, from the claim link on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Site {
    /// The server's address, without a trailing slash.
    pub origin: String,
    /// The serial number that was pre-registered.
    pub serial: String,
    /// The enrolment code, kept to ask for the credentials again.
    pub code: String,
    /// SHA-256 of the site's CA certificate, lower-case hex.
    pub ca_hash: String,
    /// What the server gave; none before the first answer.
    pub credentials: Option<Credentials>,
    /// Which file holds the key of `credentials`.
    #[serde(default = "first_key")]
    pub key_file: String,
    /// A further certificate, until the broker lets it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed: Option<Renewed>,
    /// The serial number of the board on which this folder first ran, as the board tells it. On another board the
    /// folder is a copy, or was moved with its storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// The serial number of the board that the server has told to switch itself off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// Whether the server has reset the device, and it was not given a network since: it waits for a new owner, who may
    /// be elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vacant: bool,
}

/// A further certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The certificate, PEM.
    pub certificate: String,
    /// Which file holds its key.
    pub key_file: String,
}

impl Site {
    /// A site that is to be enrolled at.
    pub fn of(link: &ClaimLink) -> Self {
        Self {
            origin: link.origin.clone(),
            serial: link.serial.clone(),
            code: link.code.to_string(),
            ca_hash: link.ca_hash.to_string(),
            credentials: None,
            key_file: first_key(),
            renewed: None,
            board: None,
            disabled: None,
            vacant: false,
        }
    }

    /// Whether it may be given a network over Bluetooth: before it is enrolled, and after a reset until it is owned or was
    /// given one.
    pub fn awaits_pairing(&self) -> bool {
        match &self.credentials {
            None => true,
            Some(credentials) => self.vacant && credentials.ownership.is_none(),
        }
    }

    /// The file for the key of a further certificate.
    pub fn next_key_file(&self) -> String {
        match self.key_file.as_str() {
            KEY => "key-2.pem".to_owned(),
            _ => first_key(),
        }
    }
}

impl Folder {
    /// Opens the folder, making it where it is missing.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        restrict(&path, 0o700)?;
        Ok(Self(path))
    }

    /// Copies what identifies the device into another folder, as a copy of its storage would.
    pub fn copy(&self, to: impl Into<PathBuf>) -> io::Result<Self> {
        let copy = Self::open(to)?;
        for name in [SITE, KEY, "key-2.pem"] {
            match fs::read(self.0.join(name)) {
                Ok(bytes) => copy.replace(name, &bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the store's file is.
    pub fn store_path(&self) -> PathBuf {
        self.0.join("outbox.redb")
    }

    /// The site, where enrolment has begun.
    pub fn site(&self) -> io::Result<Option<Site>> {
        match fs::read(self.0.join(SITE)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the site.
    pub fn save_site(&self, site: &Site) -> io::Result<()> {
        self.replace(
            SITE,
            &serde_json::to_vec_pretty(site).map_err(io::Error::other)?,
        )
    }

    /// A private key of the device in PEM, made on first use.
    pub fn key_pem(&self, file: &str) -> io::Result<String> {
        match fs::read_to_string(self.0.join(file)) {
            Ok(pem) => Ok(pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = rcgen::KeyPair::generate().map_err(io::Error::other)?;
                let pem = key.serialize_pem();
                self.replace(file, pem.as_bytes())?;
                Ok(pem)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes a key that is no longer used.
    pub fn forget_key(&self, file: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(file))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        use std::io::Write as _;
        let part = self.0.join(format!("{name}.part"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(part, self.0.join(name))
    }
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
