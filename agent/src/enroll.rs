//! From box to first value: the device's half.
//!
//! Invariant: the server's chain is checked before the code leaves; the key never does. Interrupted at
//! any point, the next call goes on where the last one stopped: the same key, the same code.

use std::{io, sync::Arc, time::Duration};

use protocol::{
    enroll::{CaHash, ClaimLink, Credentials, CredentialsRequest},
    problem::Problem,
};
use reqwest::{StatusCode, header::RETRY_AFTER};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    folder::{Folder, Site},
    trust,
    wifi::Reach,
};

/// Why enrolment did not go on.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The state folder could not be read or written.
    #[error("state folder: {0}")]
    Folder(#[from] io::Error),
    /// The server was not reached, or is not the one of the claim link.
    #[error("the server cannot be reached or trusted: {0}")]
    Connection(String),
    /// The server said no; trying again does not help.
    #[error("the server refused: {0}")]
    Refused(String),
    /// The device was revoked.
    #[error("this device has been revoked by the site")]
    Revoked,
    /// This folder belongs to another device or site.
    #[error("already enrolled at {origin} as {serial}; use another state folder")]
    Other {
        /// The site it belongs to.
        origin: String,
        /// The device it is.
        serial: String,
    },
    /// Asked to stop; the next call goes on.
    #[error("interrupted; run it again to go on")]
    Interrupted,
}

/// One answer to the question for credentials.
#[derive(Debug)]
pub enum Answer {
    /// Claimed: complete.
    Complete(Credentials),
    /// Certified, and waiting for an owner.
    Waiting(Credentials, Duration),
}

/// Notes the claim link in the folder, unless it already holds another device.
pub fn begin(folder: &Folder, link: &ClaimLink) -> Result<Site, EnrollError> {
    let new = Site::of(link);
    if let Some(known) = folder.site()? {
        let same = known.serial == new.serial && known.ca_hash == new.ca_hash;
        if !same && known.credentials.is_some() {
            return Err(EnrollError::Other {
                origin: known.origin,
                serial: known.serial,
            });
        }
        if same && known.code == new.code {
            return Ok(known);
        }
        // A renewed code for the same device: its certificate stays until the server gives another.
        let credentials = known.credentials.filter(|_| same);
        let renewed = Site {
            credentials,
            key_file: known.key_file,
            board: known.board,
            disabled: known.disabled,
            vacant: known.vacant,
            ..new
        };
        folder.save_site(&renewed)?;
        return Ok(renewed);
    }
    folder.save_site(&new)?;
    Ok(new)
}

fn authority(site: &Site) -> Result<CaHash, EnrollError> {
    site.ca_hash
        .parse()
        .map_err(|_| EnrollError::Refused("the claim link's authority is unreadable".to_owned()))
}

/// A client that believes the site's own authority alone, and waits so long for an answer.
pub(crate) fn client(site: &Site, patience: Duration) -> Result<reqwest::Client, EnrollError> {
    let tls = trust::pinned(authority(site)?)
        .map_err(|error| EnrollError::Connection(error.to_string()))?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(patience)
        .build()
        .map_err(|error| connection(&error))
}

/// Asks once for the credentials and keeps what comes.
pub async fn ask(folder: &Folder, site: &mut Site) -> Result<Answer, EnrollError> {
    let ca_hash = authority(site)?;
    let response = client(site, Duration::from_secs(20))?
        .post(format!("{}/api/devices/credentials", site.origin))
        .json(&CredentialsRequest {
            cpu_serial: site.serial.clone(),
            code: site.code.clone(),
            csr: signing_request(&folder.key_pem(&site.key_file)?)?,
        })
        .send()
        .await
        .map_err(|error| connection(&error))?;
    let status = response.status();
    let wait = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(5_u64)
        .clamp(1, 300);
    match status {
        StatusCode::OK | StatusCode::ACCEPTED => {
            let credentials: Credentials =
                response.json().await.map_err(|error| connection(&error))?;
            if trust::hash_of_pem(&credentials.ca) != Some(ca_hash) {
                return Err(EnrollError::Connection(
                    "the authority in the answer is not the one of the claim link".to_owned(),
                ));
            }
            site.credentials = Some(credentials.clone());
            folder.save_site(site)?;
            Ok(if credentials.ownership.is_some() {
                Answer::Complete(credentials)
            } else {
                Answer::Waiting(credentials, Duration::from_secs(wait))
            })
        }
        StatusCode::GONE => Err(EnrollError::Revoked),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Err(
            EnrollError::Connection(format!("the server answered {status}")),
        ),
        status => {
            let problem = response.json::<Problem>().await.ok();
            let words = problem.map(|p| p.detail.unwrap_or(p.title));
            Err(EnrollError::Refused(
                words.unwrap_or_else(|| status.to_string()),
            ))
        }
    }
}

/// How an enrolment under way is hurried, and what others hear of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bell {
    again: Arc<Notify>,
    heard: Arc<watch::Sender<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    /// How often the site has answered with a certificate.
    answers: u64,
    /// Nobody asks any more.
    over: bool,
}

impl Reach for Bell {
    fn look_again(&self) {
        self.again.notify_one();
    }

    async fn is_reached(&mut self, patience: Duration) -> bool {
        let mut heard = self.heard.subscribe();
        let before = heard.borrow_and_update().answers;
        self.look_again();
        let answer = heard.wait_for(|heard| heard.over || heard.answers > before);
        matches!(tokio::time::timeout(patience, answer).await, Ok(Ok(heard)) if heard.answers > before)
    }
}

/// Asks until the device is claimed; `tell` hears each step worth showing.
pub async fn until_claimed(
    folder: &Folder,
    site: &mut Site,
    shutdown: &CancellationToken,
    tell: impl FnMut(&Progress),
) -> Result<Credentials, EnrollError> {
    until_claimed_with(&Bell::default(), folder, site, shutdown, tell).await
}

/// Asks until the device is claimed, at once whenever the bell is rung.
pub(crate) async fn until_claimed_with(
    bell: &Bell,
    folder: &Folder,
    site: &mut Site,
    shutdown: &CancellationToken,
    tell: impl FnMut(&Progress),
) -> Result<Credentials, EnrollError> {
    let ended = keep_asking(bell, folder, site, shutdown, tell).await;
    bell.heard.send_modify(|heard| heard.over = true);
    ended
}

async fn keep_asking(
    bell: &Bell,
    folder: &Folder,
    site: &mut Site,
    shutdown: &CancellationToken,
    mut tell: impl FnMut(&Progress),
) -> Result<Credentials, EnrollError> {
    let mut pause = Duration::from_secs(1);
    loop {
        let asked = tokio::select! {
            () = shutdown.cancelled() => return Err(EnrollError::Interrupted),
            asked = ask(folder, site) => asked,
            // The answer would have come over another network.
            () = bell.again.notified() => continue,
        };
        if asked.is_ok() {
            bell.heard.send_modify(|heard| heard.answers += 1);
        }
        pause = match asked {
            Ok(Answer::Complete(credentials)) => return Ok(credentials),
            Ok(Answer::Waiting(credentials, wait)) => {
                tell(&Progress::Waiting(&credentials));
                wait
            }
            Err(EnrollError::Connection(words)) => {
                let next = (pause * 2).min(Duration::from_mins(1));
                tell(&Progress::Retrying(&words, next));
                next
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = shutdown.cancelled() => return Err(EnrollError::Interrupted),
            () = tokio::time::sleep(pause) => {}
            () = bell.again.notified() => pause = Duration::from_secs(1),
        }
    }
}

/// What a person may want to see of a long enrolment.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The certificate is there; somebody has to claim the device.
    Waiting(&'a Credentials),
    /// The server was not reached; tried again after this time.
    Retrying(&'a str, Duration),
}

/// A signing request for this key; its subject is left to the server.
pub(crate) fn signing_request(key_pem: &str) -> Result<String, EnrollError> {
    let broken = |error: rcgen::Error| EnrollError::Folder(io::Error::other(error));
    let key = rcgen::KeyPair::from_pem(key_pem).map_err(broken)?;
    let request = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .map_err(broken)?;
    request.pem().map_err(broken)
}

fn connection(error: &reqwest::Error) -> EnrollError {
    EnrollError::Connection(words(error))
}

/// The error with its causes: what rustls refused is in the innermost one.
pub(crate) fn words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
