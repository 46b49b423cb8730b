//! A radio that is simulated: the connection to the site is the real one, and is cut where the network leads nowhere.
//!
//! Every network is in reach and leads to the site, but [`ABSENT`] is not in reach and [`NOWHERE`] leads nowhere;
//! [`WRONG`] is wrong everywhere.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use protocol::WifiNetwork;
use tokio::sync::watch;

use super::{NOT_IN_REACH, Radio, RadioError, Trial, WRONG_PASSWORD};

/// A network that is not in reach.
pub const ABSENT: &str = "absent";
/// A network from which no site is reached.
pub const NOWHERE: &str = "nowhere";
/// A password that no network takes.
pub const WRONG: &str = "wrong-password";

/// The network that it is on at first.
const FIRST: &str = "simulated";
/// How long it takes to join, or to be told why not.
const JOINING: Duration = Duration::from_secs(1);

/// The radio of one device; clones are the same one.
#[derive(Debug, Clone)]
pub struct SimulatedRadio {
    network: Arc<watch::Sender<String>>,
    reached: Arc<watch::Sender<bool>>,
}

impl Default for SimulatedRadio {
    fn default() -> Self {
        Self {
            network: Arc::new(watch::Sender::new(FIRST.to_owned())),
            reached: Arc::new(watch::Sender::new(true)),
        }
    }
}

impl SimulatedRadio {
    /// Whether its network leads to the site.
    pub fn reached(&self) -> watch::Receiver<bool> {
        self.reached.subscribe()
    }

    fn tune(&self, network: String) -> String {
        self.reached.send_replace(network != NOWHERE);
        self.network.send_replace(network)
    }
}

#[async_trait]
impl Radio for SimulatedRadio {
    async fn join(
        &self,
        network: &WifiNetwork,
        _: Duration,
        _: Duration,
    ) -> Result<Box<dyn Trial>, RadioError> {
        tokio::time::sleep(JOINING).await;
        let refused = |words: &str| Err(RadioError::NotJoined(words.to_owned()));
        match (network.ssid(), network.password()) {
            (ABSENT, _) => refused(NOT_IN_REACH),
            (_, Some(WRONG)) => refused(WRONG_PASSWORD),
            (name, _) => Ok(Box::new(OnTrial {
                former: self.tune(name.to_owned()),
                radio: self.clone(),
            })),
        }
    }

    async fn present(&self) -> Result<Option<Vec<u8>>, RadioError> {
        Ok(Some(self.network.borrow().clone().into_bytes()))
    }
}

struct OnTrial {
    radio: SimulatedRadio,
    former: String,
}

#[async_trait]
impl Trial for OnTrial {
    async fn keep(self: Box<Self>) -> Result<(), RadioError> {
        Ok(())
    }

    async fn back(self: Box<Self>) -> Result<(), RadioError> {
        self.radio.tune(self.former);
        Ok(())
    }
}
