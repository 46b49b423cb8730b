//! The networks in reach, as NetworkManager's radio sees them.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use zbus::{Connection, ObjectPath, OwnedObjectPath, Variant};

use super::LOOK_EVERY;
use crate::wifi::{Security, Seen};

/// How long a look around takes at most.
const PATIENCE: Duration = Duration::from_secs(10);
/// What NetworkManager calls the station of a radio that has joined none.
const NO_STATION: &str = "/";
/// `NM_802_11_AP_FLAGS_PRIVACY`.
const PRIVACY: u32 = 0x1;
/// `NM_802_11_AP_SEC_KEY_MGMT_PSK`.
const PSK: u32 = 0x100;
/// `NM_802_11_AP_SEC_KEY_MGMT_802_1X`.
const ACCOUNT: u32 = 0x200;
/// `NM_802_11_AP_SEC_KEY_MGMT_SAE`.
const SAE: u32 = 0x400;
/// `NM_802_11_AP_SEC_KEY_MGMT_OWE` and `…_OWE_TM`: encrypted, and open to everybody.
const OWE: u32 = 0x1800;

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Device.Wireless",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Wireless {
    fn get_all_access_points(&self) -> zbus::Result<Vec<OwnedObjectPath>>;

    fn request_scan(&self, options: HashMap<&str, Variant<'_>>) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn active_access_point(&self) -> zbus::Result<OwnedObjectPath>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn last_scan(&self) -> zbus::Result<i64>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.AccessPoint",
    default_service = "org.freedesktop.NetworkManager"
)]
trait AccessPoint {
    #[zbus(property(emits_changed_signal = "false"))]
    fn ssid(&self) -> zbus::Result<Vec<u8>>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn strength(&self) -> zbus::Result<u8>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn flags(&self) -> zbus::Result<u32>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn wpa_flags(&self) -> zbus::Result<u32>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn rsn_flags(&self) -> zbus::Result<u32>;
}

/// Looks around anew where NetworkManager lets us, and gives each network once, as its strongest station has it.
pub(super) async fn around(bus: &Connection, device: &ObjectPath<'_>) -> zbus::Result<Vec<Seen>> {
    let wireless = WirelessProxy::new(bus, device).await?;
    let before = wireless.last_scan().await?;
    // It refuses where it has just looked around; what it saw then is good.
    if wireless.request_scan(HashMap::new()).await.is_ok() {
        let until = Instant::now() + PATIENCE;
        let mut look = tokio::time::interval(LOOK_EVERY);
        while wireless.last_scan().await? == before && Instant::now() < until {
            look.tick().await;
        }
    }
    let mut strongest: HashMap<String, Seen> = HashMap::new();
    for station in wireless.get_all_access_points().await? {
        // It may be out of reach by now.
        let Ok(Some(seen)) = seen(bus, station).await else {
            continue;
        };
        let known = strongest
            .entry(seen.ssid.clone())
            .or_insert_with(|| seen.clone());
        if seen.rssi > known.rssi {
            *known = seen;
        }
    }
    Ok(strongest.into_values().collect())
}

/// The name of the network that the radio has joined; none where it has joined none.
pub(super) async fn joined(
    bus: &Connection,
    device: &ObjectPath<'_>,
) -> zbus::Result<Option<Vec<u8>>> {
    let wireless = WirelessProxy::new(bus, device).await?;
    let station = wireless.active_access_point().await?;
    if station.as_str() == NO_STATION {
        return Ok(None);
    }
    let station = AccessPointProxy::new(bus, station).await?;
    station.ssid().await.map(Some)
}

/// A station; none where it does not tell its name.
async fn seen(bus: &Connection, station: OwnedObjectPath) -> zbus::Result<Option<Seen>> {
    let station = AccessPointProxy::new(bus, station).await?;
    let Ok(ssid) = String::from_utf8(station.ssid().await?) else {
        return Ok(None);
    };
    if ssid.is_empty() {
        return Ok(None);
    }
    let (flags, wpa, rsn) = (
        station.flags().await?,
        station.wpa_flags().await?,
        station.rsn_flags().await?,
    );
    Ok(Some(Seen {
        ssid,
        // NetworkManager has percent: 0 at −100 dBm, 100 at −50.
        rssi: i16::from(station.strength().await?.min(100)) / 2 - 100,
        security: security(flags, wpa, rsn),
    }))
}

fn security(flags: u32, wpa: u32, rsn: u32) -> Security {
    let any = wpa | rsn;
    match () {
        () if any & PSK != 0 && rsn != 0 => Security::Wpa2,
        () if any & PSK != 0 => Security::Wpa,
        () if rsn & SAE != 0 => Security::Wpa3,
        () if any & ACCOUNT != 0 => Security::Enterprise,
        () if any & OWE != 0 => Security::Open,
        () if any != 0 => Security::Wpa2,
        () if flags & PRIVACY != 0 => Security::Wep,
        () => Security::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_station_takes_is_told_by_its_flags() {
        assert_eq!(security(0, 0, 0), Security::Open);
        assert_eq!(security(PRIVACY, 0, 0), Security::Wep);
        assert_eq!(security(PRIVACY, PSK, 0), Security::Wpa);
        assert_eq!(security(PRIVACY, PSK, PSK), Security::Wpa2);
        assert_eq!(security(PRIVACY, 0, PSK | SAE), Security::Wpa2);
        assert_eq!(security(PRIVACY, 0, SAE), Security::Wpa3);
        assert_eq!(security(PRIVACY, 0, ACCOUNT), Security::Enterprise);
        assert_eq!(security(0, 0, 0x800), Security::Open);
    }
}
