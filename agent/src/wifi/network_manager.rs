//! The radio as NetworkManager governs it, over the system's D-Bus.
//!
//! A change stands behind a checkpoint: NetworkManager itself rolls it back when nobody confirms it in time. The new
//! network is kept in memory until then, so a loss of power ends on the former one as well. Passwords go over the bus
//! and not into the arguments of a program, which every user of the machine could read.

mod looking;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use protocol::WifiNetwork;
use tokio::time::{Instant, MissedTickBehavior};
use zbus::{Connection, ObjectPath, OwnedObjectPath, OwnedVariant, Variant};

use super::{NOT_IN_REACH, Radio, RadioError, Seen, Trial, WRONG_PASSWORD};

/// `NM_DEVICE_TYPE_WIFI`.
const WIFI: u32 = 2;
/// Below it (`NM_DEVICE_STATE_UNAVAILABLE` and less) a device is not NetworkManager's, or has no radio.
const DISCONNECTED: u32 = 30;
/// `NM_CHECKPOINT_CREATE_FLAG_DELETE_NEW_CONNECTIONS`.
const DELETE_NEW: u32 = 2;
/// `NM_ACTIVE_CONNECTION_STATE_ACTIVATED`.
const ACTIVATED: u32 = 2;
/// `NM_ACTIVE_CONNECTION_STATE_DEACTIVATING` and what follows it.
const DEACTIVATING: u32 = 3;
/// How often it is looked how far a network is.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager",
    default_service = "org.freedesktop.NetworkManager",
    default_path = "/org/freedesktop/NetworkManager"
)]
trait Manager {
    fn get_devices(&self) -> zbus::Result<Vec<OwnedObjectPath>>;

    fn checkpoint_create(
        &self,
        devices: &[&ObjectPath<'_>],
        rollback_timeout: u32,
        flags: u32,
    ) -> zbus::Result<OwnedObjectPath>;

    fn checkpoint_destroy(&self, checkpoint: &ObjectPath<'_>) -> zbus::Result<()>;

    fn checkpoint_rollback(
        &self,
        checkpoint: &ObjectPath<'_>,
    ) -> zbus::Result<HashMap<String, u32>>;

    #[zbus(name = "AddAndActivateConnection2")]
    fn add_and_activate(
        &self,
        connection: HashMap<&str, HashMap<&str, Variant<'_>>>,
        device: &ObjectPath<'_>,
        specific_object: &ObjectPath<'_>,
        options: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<(
        OwnedObjectPath,
        OwnedObjectPath,
        HashMap<String, OwnedVariant>,
    )>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Device",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Device {
    #[zbus(property(emits_changed_signal = "false"))]
    fn device_type(&self) -> zbus::Result<u32>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn state(&self) -> zbus::Result<u32>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn state_reason(&self) -> zbus::Result<(u32, u32)>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Connection.Active",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Active {
    #[zbus(property(emits_changed_signal = "false"))]
    fn state(&self) -> zbus::Result<u32>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Settings.Connection",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Profile {
    fn save(&self) -> zbus::Result<()>;
}

/// NetworkManager on this machine.
#[derive(Debug, Clone, Default)]
pub struct NetworkManager {
    bus: Option<Connection>,
}

impl NetworkManager {
    /// The one on this bus instead of the system's.
    pub fn on(bus: Connection) -> Self {
        Self { bus: Some(bus) }
    }

    async fn bus(&self) -> zbus::Result<Connection> {
        match &self.bus {
            Some(bus) => Ok(bus.clone()),
            None => Connection::system().await,
        }
    }
}

#[async_trait]
impl Radio for NetworkManager {
    async fn join(
        &self,
        network: &WifiNetwork,
        patience: Duration,
        at_most: Duration,
    ) -> Result<Box<dyn Trial>, RadioError> {
        let unavailable = |error: zbus::Error| RadioError::Unavailable(error.to_string());
        let bus = self.bus().await.map_err(unavailable)?;
        let manager = ManagerProxy::new(&bus).await.map_err(unavailable)?;
        let device = wifi_device(&bus, &manager).await?;
        let seconds = u32::try_from(at_most.as_secs()).unwrap_or(u32::MAX).max(1);
        let checkpoint = manager
            .checkpoint_create(&[&device.as_ref()], seconds, DELETE_NEW)
            .await
            .map_err(unavailable)?;
        let joined = activate(&bus, &manager, network, &device.as_ref(), patience).await;
        match joined {
            Ok(profile) => Ok(Box::new(Joined {
                bus,
                checkpoint,
                profile,
            })),
            Err(reason) => {
                manager
                    .checkpoint_rollback(&checkpoint)
                    .await
                    .map_err(|error| RadioError::NotRestored(error.to_string()))?;
                Err(RadioError::NotJoined(reason))
            }
        }
    }

    async fn present(&self) -> Result<Option<Vec<u8>>, RadioError> {
        let unavailable = |error: zbus::Error| RadioError::Unavailable(error.to_string());
        let bus = self.bus().await.map_err(unavailable)?;
        let manager = ManagerProxy::new(&bus).await.map_err(unavailable)?;
        let device = wifi_device(&bus, &manager).await?;
        looking::joined(&bus, &device.as_ref())
            .await
            .map_err(unavailable)
    }

    async fn networks(&self) -> Result<Vec<Seen>, RadioError> {
        let unavailable = |error: zbus::Error| RadioError::Unavailable(error.to_string());
        let bus = self.bus().await.map_err(unavailable)?;
        let manager = ManagerProxy::new(&bus).await.map_err(unavailable)?;
        let device = wifi_device(&bus, &manager).await?;
        looking::around(&bus, &device.as_ref())
            .await
            .map_err(unavailable)
    }
}

async fn wifi_device(
    bus: &Connection,
    manager: &ManagerProxy<'_>,
) -> Result<OwnedObjectPath, RadioError> {
    let unavailable = |error: zbus::Error| RadioError::Unavailable(error.to_string());
    for path in manager.get_devices().await.map_err(unavailable)? {
        let device = DeviceProxy::new(bus, path.clone())
            .await
            .map_err(unavailable)?;
        let kind = device.device_type().await.map_err(unavailable)?;
        if kind == WIFI && device.state().await.map_err(unavailable)? >= DISCONNECTED {
            return Ok(path);
        }
    }
    Err(RadioError::Unavailable(
        "NetworkManager has no Wi-Fi device that is switched on".to_owned(),
    ))
}

/// Brings the network up; gives its profile.
async fn activate(
    bus: &Connection,
    manager: &ManagerProxy<'_>,
    network: &WifiNetwork,
    device: &ObjectPath<'_>,
    patience: Duration,
) -> Result<OwnedObjectPath, String> {
    let words = |error: zbus::Error| error.to_string();
    let options = HashMap::from([("persist", Variant::from("memory"))]);
    let any = ObjectPath::from_static_str_unchecked("/");
    let (profile, active, _) = manager
        .add_and_activate(settings(network), device, &any, options)
        .await
        .map_err(words)?;
    let active = ActiveProxy::new(bus, active).await.map_err(words)?;
    let until = Instant::now() + patience;
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        match active.state().await {
            Ok(ACTIVATED) => return Ok(profile),
            Ok(state) if state < DEACTIVATING => {}
            // The object is gone with the attempt.
            Ok(_) | Err(_) => return Err(why_not(bus, device).await),
        }
        if Instant::now() >= until {
            return Err(format!("no_address: none after {} s", patience.as_secs()));
        }
    }
}

async fn why_not(bus: &Connection, device: &ObjectPath<'_>) -> String {
    let reason = match DeviceProxy::new(bus, device).await {
        Ok(device) => device.state_reason().await.map(|(_, reason)| reason),
        Err(error) => Err(error),
    };
    match reason {
        Ok(reason) => reason_words(reason),
        Err(error) => error.to_string(),
    }
}

/// `NM_DEVICE_STATE_REASON` in words.
fn reason_words(reason: u32) -> String {
    match reason {
        5 => "no_address: the network gave no address".to_owned(),
        7..=11 => WRONG_PASSWORD.to_owned(),
        15..=17 => "no_dhcp: the network's DHCP server did not answer".to_owned(),
        53 => NOT_IN_REACH.to_owned(),
        other => format!("NetworkManager gave the reason {other}"),
    }
}

/// The profile of a network, as NetworkManager keeps it.
fn settings(network: &WifiNetwork) -> HashMap<&str, HashMap<&str, Variant<'_>>> {
    let mut wireless = HashMap::from([
        ("ssid", Variant::from(network.ssid().as_bytes())),
        ("mode", Variant::from("infrastructure")),
    ]);
    if network.is_hidden() {
        wireless.insert("hidden", Variant::from(true));
    }
    let mut settings = HashMap::from([
        (
            "connection",
            HashMap::from([
                ("id", Variant::from(network.ssid())),
                ("type", Variant::from("802-11-wireless")),
            ]),
        ),
        ("802-11-wireless", wireless),
    ]);
    if let Some(password) = network.password() {
        let kind = if network.is_wpa3() { "sae" } else { "wpa-psk" };
        let security = HashMap::from([
            ("key-mgmt", Variant::from(kind)),
            ("psk", Variant::from(password)),
        ]);
        settings.insert("802-11-wireless-security", security);
    }
    settings
}

struct Joined {
    bus: Connection,
    checkpoint: OwnedObjectPath,
    profile: OwnedObjectPath,
}

impl Joined {
    async fn confirm(&self) -> zbus::Result<()> {
        let profile = ProfileProxy::new(&self.bus, &self.profile).await?;
        profile.save().await?;
        let manager = ManagerProxy::new(&self.bus).await?;
        manager.checkpoint_destroy(&self.checkpoint).await
    }

    async fn roll_back(&self) -> zbus::Result<()> {
        let manager = ManagerProxy::new(&self.bus).await?;
        manager.checkpoint_rollback(&self.checkpoint).await?;
        Ok(())
    }
}

#[async_trait]
impl Trial for Joined {
    async fn keep(self: Box<Self>) -> Result<(), RadioError> {
        let Err(error) = self.confirm().await else {
            return Ok(());
        };
        match self.roll_back().await {
            Ok(()) => Err(RadioError::NotJoined(error.to_string())),
            Err(error) => Err(RadioError::NotRestored(error.to_string())),
        }
    }

    async fn back(self: Box<Self>) -> Result<(), RadioError> {
        let rolled = self.roll_back().await;
        rolled.map_err(|error| RadioError::NotRestored(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(password: Option<&str>, hidden: bool, wpa3: bool) -> WifiNetwork {
        WifiNetwork::new(
            "연구실".to_owned(),
            password.map(str::to_owned),
            hidden,
            wpa3,
        )
        .unwrap()
    }

    #[test]
    fn a_profile_has_what_the_network_needs_and_no_more() {
        let open = network(None, false, false);
        let profile = settings(&open);
        assert!(!profile.contains_key("802-11-wireless-security"));
        let wireless = &profile["802-11-wireless"];
        assert_eq!(wireless["ssid"], Variant::from("연구실".as_bytes()));
        assert!(!wireless.contains_key("hidden"));

        let hidden = network(Some("correct horse"), true, true);
        let profile = settings(&hidden);
        assert_eq!(profile["802-11-wireless"]["hidden"], Variant::from(true));
        let security = &profile["802-11-wireless-security"];
        assert_eq!(security["key-mgmt"], Variant::from("sae"));
        assert_eq!(security["psk"], Variant::from("correct horse"));
        let signature = security["psk"].value_signature().to_string();
        assert_eq!(signature, "s");
        let ssid = profile["802-11-wireless"]["ssid"]
            .value_signature()
            .to_string();
        assert_eq!(ssid, "ay", "NetworkManager takes bytes alone");
    }
}
