//! Moving to another Wi-Fi network, and back where the site is not reached from there.
//!
//! Invariant: after a change that does not succeed, whatever the reason, the former network is the network again. The
//! password is in no log and in no answer.

#[cfg(target_os = "linux")]
pub mod network_manager;
pub mod simulated;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use protocol::WifiNetwork;
use tokio::sync::{Notify, watch};

use crate::device::Status;

/// Why a network was not joined: its password.
const WRONG_PASSWORD: &str =
    "wrong_password: the password is wrong, or the network takes another kind of security";
/// Why a network was not joined: it is not there.
const NOT_IN_REACH: &str = "not_in_reach: no network of this name is in reach";

/// The radio of a machine.
#[async_trait]
pub trait Radio: Send + Sync {
    /// Leaves the present network for another one, and gives up after `patience`. Where that fails the former one is
    /// back or on its way. Where neither [`Trial::keep`] nor [`Trial::back`] follows within `at_most`, even because
    /// this program has ended, the former one comes back by itself.
    async fn join(
        &self,
        network: &WifiNetwork,
        patience: Duration,
        at_most: Duration,
    ) -> Result<Box<dyn Trial>, RadioError>;

    /// The name of the network that it has joined: any bytes. None where it has joined none.
    async fn present(&self) -> Result<Option<Vec<u8>>, RadioError> {
        Err(RadioError::Unavailable(
            "it does not tell its network".to_owned(),
        ))
    }

    /// The networks in reach.
    async fn networks(&self) -> Result<Vec<Seen>, RadioError> {
        Err(RadioError::Unavailable(
            "it does not look around".to_owned(),
        ))
    }
}

/// A network in reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub ssid: String,
    /// How strong it is, in dBm.
    pub rssi: i16,
    /// What it takes.
    pub security: Security,
}

/// What a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Everybody.
    Open,
    /// Keys of 1999, which are none.
    Wep,
    /// A password, the old way.
    Wpa,
    /// A password; WPA3 perhaps as well.
    Wpa2,
    /// An account of an organisation.
    Enterprise,
    /// A password, and nothing older than WPA3.
    Wpa3,
}

/// A network that was joined on trial.
#[async_trait]
pub trait Trial: Send {
    /// Stays, also after the next start; where that fails the former network comes back.
    async fn keep(self: Box<Self>) -> Result<(), RadioError>;
    /// Goes back to the former network and forgets this one.
    async fn back(self: Box<Self>) -> Result<(), RadioError>;
}

/// Why a network was not joined or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RadioError {
    /// There is no radio, or nobody who governs it.
    #[error("no_wifi: {0}")]
    Unavailable(String),
    /// It did not come about.
    #[error("not_joined: {0}")]
    NotJoined(String),
    /// The former network could not be restored at once; it comes back by itself.
    #[error("not_restored: {0}")]
    NotRestored(String),
}

/// Why a device is on its former network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The radio refused.
    #[error(transparent)]
    Radio(#[from] RadioError),
    /// The network was joined, and the site was not reached from it.
    #[error("server_not_reached: back on the former network")]
    NotReached,
}

/// The site, as seen from the radio.
pub(crate) trait Reach: Send {
    /// Has the site asked again soon: the network is another one.
    fn look_again(&self);

    /// Whether the site answers on a new connection in time.
    fn is_reached(&mut self, patience: Duration) -> impl Future<Output = bool> + Send;
}

/// The connection to the site, as seen from the radio.
pub(crate) struct Server {
    /// Asks for a new connection.
    pub(crate) anew: Arc<Notify>,
    /// How the connection is.
    pub(crate) status: watch::Receiver<Status>,
}

impl Reach for Server {
    fn look_again(&self) {
        self.anew.notify_one();
    }

    async fn is_reached(&mut self, patience: Duration) -> bool {
        let before = self.status.borrow_and_update().greeted;
        self.look_again();
        let heard = self
            .status
            .wait_for(|status| status.online && status.greeted > before);
        matches!(tokio::time::timeout(patience, heard).await, Ok(Ok(_)))
    }
}

/// Changes the network, or ends on the former one.
pub(crate) async fn change(
    radio: Arc<dyn Radio>,
    network: WifiNetwork,
    server: &mut impl Reach,
    patience: Duration,
) -> Result<(), ChangeError> {
    tracing::info!(ssid = network.ssid(), "changing the Wi-Fi network");
    let joined = radio.join(&network, patience, patience * 3).await;
    let trial = match joined {
        Ok(trial) => trial,
        Err(error) => {
            tracing::warn!(
                ssid = network.ssid(),
                "the Wi-Fi network was not changed: {error}"
            );
            server.look_again();
            return Err(error.into());
        }
    };
    if server.is_reached(patience).await {
        trial.keep().await?;
        tracing::info!(ssid = network.ssid(), "the Wi-Fi network is changed");
        return Ok(());
    }
    tracing::warn!(ssid = network.ssid(), "the site is not reached; going back");
    let back = trial.back().await;
    server.look_again();
    back?;
    Err(ChangeError::NotReached)
}
