//! `madang authority`: the site's certificate authority, shown to others or brought along.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use service::{SystemClock, pki};

use crate::{Config, run::lock};

/// What to do with the authority.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints its certificate, PEM: what browsers and clients are to trust. Also while the server runs.
    Show {
        /// Prints its SHA-256 instead, as claim links carry it.
        #[arg(long)]
        hash: bool,
    },
    /// Takes one of one's own, before the first start; a site that has one keeps it.
    Use {
        /// Its certificate, a PEM file.
        certificate: PathBuf,
        /// Its key, a PEM file in PKCS#8 without a passphrase. It is copied into the data folder.
        key: PathBuf,
    },
}

pub(super) fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = config.data_dir.join("pki");
    let text = match command {
        Command::Show { hash } => {
            let shown = pki::shown(&folder)?;
            if hash {
                format!("{}\n", shown.1)
            } else {
                shown.0
            }
        }
        Command::Use { certificate, key } => {
            let _lock = lock(config)?;
            let hash = pki::install(&folder, &certificate, &key, &SystemClock)?;
            format!("this site's authority is now the one with SHA-256 {hash}\n")
        }
    };
    write!(std::io::stdout(), "{text}").context("standard output")
}
