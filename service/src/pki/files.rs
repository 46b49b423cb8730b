//! The authority's files: written whole or not at all, keys readable by their owner alone.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::PkiError;

pub(super) fn make_private_folder(folder: &Path) -> Result<(), PkiError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    restrict(folder, 0o700)
}

pub(super) fn read_text(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(at(path))
}

pub(super) fn certificate_of(path: &Path, pem: &str) -> Result<CertificateDer<'static>, PkiError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| PkiError::Content {
        path: path.to_owned(),
        reason: format!("no certificate: {e}"),
    })
}

pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), PkiError> {
    write_with_mode(path, content, 0o644)
}

pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), PkiError> {
    write_with_mode(path, content, 0o600)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), PkiError> {
    let temporary = with_suffix(path, ".new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(&temporary).map_err(at(&temporary))?;
    restrict(&temporary, mode)?;
    file.write_all(content).map_err(at(&temporary))?;
    file.sync_all().map_err(at(&temporary))?;
    fs::rename(&temporary, path).map_err(at(path))
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> Result<(), PkiError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(at(path))
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> Result<(), PkiError> {
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> PkiError {
    let path = path.to_owned();
    move |source| PkiError::File { path, source }
}
