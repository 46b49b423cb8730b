//! Which network a device is on: found anew for each connection, in little time, and unsaid where it cannot be found.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use protocol::identity::Network;
use tokio::net::{UdpSocket, lookup_host};
use url::Url;

use super::{Device, RunError};
use crate::{drivers::InterfaceOf, wifi::Radio};

/// How long the radio may take to tell its network, and a name server the site's address.
const PATIENCE: Duration = Duration::from_secs(2);

impl Device {
    /// Finds the network over which the site has just been reached.
    pub(super) fn find_network(&self) -> Result<BoxFuture<'static, Option<Network>>, RunError> {
        let site = self.credentials()?.mqtt_url.clone();
        let (interface_of, radio) = (self.hardware.interfaces(), self.hardware.radio());
        Ok(async move {
            let (interface, ssid) = tokio::join!(interface(&site, interface_of), joined(radio));
            Network::new(interface.as_deref(), ssid.as_deref())
        }
        .boxed())
    }
}

async fn interface(site: &str, interface_of: InterfaceOf) -> Option<String> {
    let own = tokio::time::timeout(PATIENCE, own_address(site));
    interface_of(own.await.ok()??)
}

/// The address from which this machine speaks to the site. A datagram's socket is told where it would send to, and
/// nothing is sent.
async fn own_address(site: &str) -> Option<IpAddr> {
    let site: Url = site.parse().ok()?;
    let host = site.host_str()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    for to in lookup_host((host, site.port().unwrap_or(8883)))
        .await
        .ok()?
    {
        let any = match to {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        let Ok(socket) = UdpSocket::bind((any, 0)).await else {
            continue;
        };
        if socket.connect(to).await.is_ok()
            && let Ok(own) = socket.local_addr()
        {
            return Some(own.ip());
        }
    }
    None
}

/// The name of the Wi-Fi network that the radio has joined.
async fn joined(radio: Option<Arc<dyn Radio>>) -> Option<Vec<u8>> {
    let radio = radio?;
    match tokio::time::timeout(PATIENCE, radio.present()).await {
        Ok(Ok(name)) => name,
        Ok(Err(error)) => {
            tracing::debug!("the Wi-Fi network is not known: {error}");
            None
        }
        Err(_) => {
            tracing::debug!("the Wi-Fi network is not known: the radio does not answer");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_address_towards_a_site_is_one_s_own_and_none_where_there_is_no_site() {
        let own = own_address("mqtts://127.0.0.1:1").await;
        assert_eq!(own, Some(IpAddr::from(Ipv4Addr::LOCALHOST)));
        assert_eq!(own_address("no address").await, None);
    }
}
