//! Pairing: a device that belongs to nobody is given a network over Bluetooth, by the open Improv standard.
//!
//! Invariant: the service is on the air only while the device is not provisioned and its window is open. A network is
//! kept only when the site was reached from it. The password is in no log and in no answer.

#[cfg(target_os = "linux")]
pub mod bluez;
mod means;
mod session;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use protocol::{
    enroll::Credentials,
    improv::{Capabilities, Fault, Info, RpcResult, State},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use means::{Config, Means};
use session::Session;

use crate::{
    drivers::Hardware,
    enroll::{self, Bell, EnrollError, Progress},
    folder::{Folder, Site},
    wifi::{Radio, Reach},
};

/// How long a central that was just told the end may go on to read.
const LINGER: Duration = Duration::from_secs(10);
/// Between two tries where there is no Bluetooth, or it went away.
const AGAIN: Duration = Duration::from_secs(10);

/// The Bluetooth of a machine.
#[async_trait]
pub trait Bluetooth: Send + Sync {
    /// Puts the service on the air under this name, in this state.
    async fn open(
        &self,
        name: &str,
        can: Capabilities,
        state: State,
    ) -> Result<Box<dyn OnAir>, BluetoothError>;
}

/// The service while it is on the air.
#[async_trait]
pub trait OnAir: Send {
    /// The next that a central has written; none when Bluetooth is gone. Nothing is lost where this is dropped.
    async fn written(&mut self) -> Option<Written>;

    /// Shows this from now on, and tells it to who listens; in the order of the calls.
    async fn show(&mut self, shown: Shown) -> Result<(), BluetoothError>;

    /// Is no longer there to be found at once, and for who listens still as soon as they have let go or `patience` is
    /// over.
    async fn close(self: Box<Self>, patience: Duration);
}

/// A piece of a packet.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// The bytes: they may hold a password.
    pub bytes: zeroize::Zeroizing<Vec<u8>>,
    /// Where they belong in their write.
    pub offset: usize,
}

/// What a central reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// How far it is.
    State(State),
    /// What went wrong last.
    Fault(Fault),
    /// The answer to a command.
    Result(RpcResult),
}

/// Why the service is not on the air.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BluetoothError(pub String);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A network was given, and the site reached from it.
    Provisioned,
    /// Nobody gave one in time.
    WindowOver,
    /// It is no longer needed.
    Over,
}

/// What is offered over the air, and how it is known that a network is right.
pub(crate) struct Offer<R> {
    pub(crate) means: Means,
    pub(crate) radio: Arc<dyn Radio>,
    pub(crate) site: R,
    /// How long a network may take to be joined, and then to lead to the site.
    pub(crate) patience: Duration,
    pub(crate) info: Info,
    /// Where a person goes on afterwards.
    pub(crate) url: Option<String>,
    /// Ends it between two tries; one under way is brought to its end.
    pub(crate) over: CancellationToken,
    /// Ends it at once; a network on trial goes back by itself.
    pub(crate) shutdown: CancellationToken,
}

/// Offers pairing until a network was given, the window is over, or it is no longer needed.
pub(crate) async fn offer<R: Reach>(offer: Offer<R>) -> Ended {
    let bluetooth = offer.means.bluetooth.clone();
    let until = Instant::now() + offer.means.window;
    let (name, over, shutdown) = (
        offer.info.name.clone(),
        offer.over.clone(),
        offer.shutdown.clone(),
    );
    let mut session = Session::new(offer, until);
    let mut told = false;
    loop {
        let opened = bluetooth.open(&name, session.can(), session.state()).await;
        match opened {
            Ok(mut air) => {
                tracing::info!(%name, window = ?until.saturating_duration_since(Instant::now()), "pairing over Bluetooth is open");
                told = false;
                let ended = session.run(air.as_mut()).await;
                let patience = match ended {
                    Some(Ended::Provisioned) => LINGER,
                    _ => Duration::ZERO,
                };
                air.close(patience).await;
                if let Some(ended) = ended {
                    tracing::info!(?ended, "pairing over Bluetooth is closed");
                    return ended;
                }
                tracing::warn!("Bluetooth went away");
            }
            Err(error) if !told => {
                told = true;
                tracing::warn!("no pairing over Bluetooth: {error}");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ended::Over,
            () = over.cancelled() => return Ended::Over,
            () = tokio::time::sleep_until(until) => return Ended::WindowOver,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// Asks until the device is claimed, as [`enroll::until_claimed`] does, and offers pairing until it is enrolled.
pub async fn until_claimed(
    folder: &Folder,
    site: &mut Site,
    given: Option<Given>,
    shutdown: &CancellationToken,
    mut tell: impl FnMut(&Progress),
) -> Result<Credentials, EnrollError> {
    let Some(given) = given.filter(|_| site.awaits_pairing()) else {
        return enroll::until_claimed(folder, site, shutdown, tell).await;
    };
    let (bell, over) = (Bell::default(), CancellationToken::new());
    let offered = tokio::spawn(offer(Offer {
        info: info(site, given.hardware),
        url: url(site),
        means: given.means,
        radio: given.radio,
        site: bell.clone(),
        patience: given.patience,
        over: over.clone(),
        shutdown: shutdown.clone(),
    }));
    let claimed = enroll::until_claimed_with(&bell, folder, site, shutdown, |progress| {
        if matches!(progress, Progress::Waiting(_)) {
            over.cancel();
        }
        tell(progress);
    })
    .await;
    over.cancel();
    if let Err(error) = offered.await {
        tracing::warn!("pairing over Bluetooth ended badly: {error}");
    }
    claimed
}

/// What a machine gives for pairing.
pub struct Given {
    /// Its Bluetooth, and what a person touches and sees of it.
    pub means: Means,
    /// Its Wi-Fi.
    pub radio: Arc<dyn Radio>,
    /// How long a network may take to be joined, and then to lead to the site.
    pub patience: Duration,
    /// The board, in its own words.
    pub hardware: Option<String>,
}

impl Given {
    /// What this machine gives; none where it may not be paired.
    pub fn of(hardware: &mut dyn Hardware, patience: Duration) -> Option<Self> {
        let means = hardware.pairing()?;
        Some(Self {
            means,
            radio: hardware.radio()?,
            patience,
            hardware: hardware.describe().versions.hardware,
        })
    }
}

/// What the device says of itself to whoever is in reach.
pub(crate) fn info(site: &Site, hardware: Option<String>) -> Info {
    let tail = site.serial.char_indices().rev().nth(7);
    let tail = tail.map_or(site.serial.as_str(), |(at, _)| &site.serial[at..]);
    Info {
        firmware: "Madang agent".to_owned(),
        version: crate::VERSION.to_owned(),
        hardware: short(
            hardware.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            64,
        ),
        // With its address and the service's the name is all that an advertisement has room for.
        name: short(format!("Madang {tail}"), 26),
    }
}

/// The claim page with the serial number. The code is not in it: whoever is in reach could read it, and the right to
/// claim belongs to whoever holds the label.
pub(crate) fn url(site: &Site) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    let url = match site.serial.bytes().all(plain) {
        true => format!("{}/claim#{}", site.origin, site.serial),
        false => format!("{}/claim", site.origin),
    };
    let packed = RpcResult::of_wifi(Some(url.clone())).packet();
    packed.is_ok().then_some(url)
}

fn short(mut text: String, most: usize) -> String {
    while text.len() > most {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(serial: &str) -> Site {
        let hash = "ab".repeat(32);
        let link = format!(
            "https://lab.example:8443/claim#{serial},{},{hash}",
            "AAAA-".repeat(6) + "AA"
        );
        Site::of(&link.parse().unwrap())
    }

    #[test]
    fn what_is_told_over_the_air_fits_and_has_no_code() {
        let lab = site("100000003d1d1c36");
        assert_eq!(
            url(&lab).unwrap(),
            "https://lab.example:8443/claim#100000003d1d1c36"
        );
        assert_eq!(url(&site("a,b")).unwrap(), "https://lab.example:8443/claim");
        assert_eq!(url(&site(&"x".repeat(128))).unwrap().len(), 159);
        assert_eq!(info(&lab, None).name, "Madang 3d1d1c36");
        assert_eq!(info(&site("SN-1"), None).name, "Madang SN-1");
        let long = info(&site("창가의아주긴일련번호"), Some("판".repeat(50)));
        assert!(long.name.len() <= 26 && long.hardware.len() <= 64);
        assert!(RpcResult::of_info(long).packet().is_ok());
    }
}
