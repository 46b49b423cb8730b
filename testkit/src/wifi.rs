//! A Wi-Fi radio that is played: the network that a device is on decides whether what it sends reaches the site.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::wifi::{Radio, RadioError, Security, Seen, Trial};
use protocol::WifiNetwork;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The password of every network.
pub const PASSWORD: &str = "correct horse battery";

/// The air between a device and a site, and the device's radio in it. Every network is in reach, but only some lead to
/// the site; a connection ends where the device leaves its network.
#[derive(Debug, Clone)]
pub struct Air {
    address: SocketAddr,
    network: Arc<watch::Sender<String>>,
    kept: Arc<Mutex<Vec<String>>>,
    leading: &'static [&'static str],
}

impl Air {
    /// The air between `site` and a device that is on the network `begins`; those that are `leading` lead there.
    ///
    /// # Panics
    /// When there is no port for it.
    pub async fn to(site: SocketAddr, leading: &'static [&'static str], begins: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let air = Self {
            address: listener.local_addr().expect("an address"),
            network: Arc::new(watch::Sender::new(begins.to_owned())),
            kept: Arc::default(),
            leading,
        };
        tokio::spawn(air.clone().carry(listener, site));
        air
    }

    async fn carry(self, listener: TcpListener, site: SocketAddr) {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut on = self.network.subscribe();
            let here = on.borrow_and_update().clone();
            if !self.leading.contains(&here.as_str()) {
                continue;
            }
            tokio::spawn(async move {
                let mut far = TcpStream::connect(site).await.expect("the site");
                let elsewhere = on.wait_for(|network| *network != here);
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = elsewhere => {}
                }
            });
        }
    }

    /// Where a device finds the site.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The network that the device is on.
    pub fn network(&self) -> String {
        self.network.borrow().clone()
    }

    /// Takes the device to a network.
    pub fn go(&self, network: &str) {
        self.network.send_replace(network.to_owned());
    }

    /// The networks that were tried and kept, in their order.
    ///
    /// # Panics
    /// After a panic in the midst of keeping one.
    pub fn kept(&self) -> Vec<String> {
        self.kept.lock().expect("what is kept").clone()
    }
}

#[async_trait::async_trait]
impl Radio for Air {
    async fn join(
        &self,
        network: &WifiNetwork,
        _: Duration,
        _: Duration,
    ) -> Result<Box<dyn Trial>, RadioError> {
        if network.password() != Some(PASSWORD) {
            return Err(RadioError::NotJoined("the password is wrong".to_owned()));
        }
        let name = network.ssid().to_owned();
        let before = self.network.send_replace(name.clone());
        Ok(Box::new(OnTrial {
            air: self.clone(),
            before,
            name,
        }))
    }

    async fn networks(&self) -> Result<Vec<Seen>, RadioError> {
        let seen = self.leading.iter().map(|ssid| Seen {
            ssid: (*ssid).to_owned(),
            rssi: -52,
            security: Security::Wpa2,
        });
        Ok(seen.collect())
    }
}

/// A network on trial.
struct OnTrial {
    air: Air,
    before: String,
    name: String,
}

#[async_trait::async_trait]
impl Trial for OnTrial {
    async fn keep(self: Box<Self>) -> Result<(), RadioError> {
        self.air.kept.lock().expect("what is kept").push(self.name);
        Ok(())
    }

    async fn back(self: Box<Self>) -> Result<(), RadioError> {
        self.air.go(&self.before);
        Ok(())
    }
}
