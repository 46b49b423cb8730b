//! The machine this program runs on: what it says of itself, and which drivers it has.

use std::{collections::BTreeSet, fs, net::IpAddr, sync::Arc};

use protocol::identity::{ComponentSpec, Versions};
use sysinfo::{Networks, Product, System};
use tokio::sync::watch;

use crate::{
    VERSION,
    drivers::{
        Description, Hardware, InterfaceOf, Loaded, NoDriver, board::Board, simulated, system,
    },
    link, pairing,
    wifi::{Radio, simulated::SimulatedRadio},
};

/// What a simulated radio is called among what is simulated.
const WIFI: &str = "wifi";

/// A real machine; the named component types are simulated, so that any can show control.
#[derive(Debug, Default)]
pub struct Machine {
    /// What is wired to it, where it is a board.
    pub board: Board,
    /// Component types to simulate, and `wifi` for the radio; one ending in `!` takes commands and fails.
    pub simulate: BTreeSet<String>,
    /// Whether and how it may be paired over Bluetooth.
    pairing: pairing::Config,
    /// The radio in place of the real one, where `wifi` is simulated.
    radio: Option<SimulatedRadio>,
}

impl Machine {
    /// A machine with this board and these things simulated.
    pub fn new(board: Board, simulate: BTreeSet<String>) -> Self {
        let radio = simulate.contains(WIFI).then(SimulatedRadio::default);
        Self {
            board,
            simulate,
            pairing: pairing::Config::default(),
            radio,
        }
    }

    /// The same, and it may be paired so.
    #[must_use]
    pub fn paired(mut self, pairing: pairing::Config) -> Self {
        self.pairing = pairing;
        self
    }
}

impl Hardware for Machine {
    fn driver(&mut self, component: &ComponentSpec) -> Loaded {
        let kind = component.component_type.as_str();
        let stuck = self.simulate.contains(&format!("{kind}!"));
        if stuck || self.simulate.contains(kind) {
            return simulated::driver(component, 1, stuck)
                .ok_or_else(|| NoDriver(format!("`{kind}` cannot be simulated")));
        }
        match system::driver(kind) {
            Some(driver) => Ok(driver),
            None => self.board.driver(component),
        }
    }

    fn radio(&self) -> Option<Arc<dyn Radio>> {
        match &self.radio {
            Some(simulated) => Some(Arc::new(simulated.clone())),
            None => real_radio(),
        }
    }

    fn interfaces(&self) -> InterfaceOf {
        interface_of
    }

    fn reached(&self) -> watch::Receiver<bool> {
        match &self.radio {
            Some(simulated) => simulated.reached(),
            None => link::always_reached(),
        }
    }

    #[cfg(target_os = "linux")]
    fn pairing(&mut self) -> Option<pairing::Means> {
        if !self.pairing.pairing {
            return None;
        }
        let bluetooth = std::sync::Arc::new(pairing::bluez::BlueZ::default());
        match self.pairing.means(bluetooth, &self.board) {
            Ok(means) => Some(means),
            Err(error) => {
                tracing::error!("no pairing over Bluetooth: {error}");
                None
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn pairing(&mut self) -> Option<pairing::Means> {
        if self.pairing.pairing {
            tracing::error!(
                "no pairing over Bluetooth: it needs Linux with BlueZ and NetworkManager"
            );
        }
        None
    }

    fn describe(&self) -> Description {
        Description {
            cpu_serial: serial(),
            macs: macs(),
            storage_id: fs::read_to_string("/etc/machine-id")
                .ok()
                .map(|id| id.trim().to_owned()),
            versions: Versions {
                agent: Some(VERSION.to_owned()),
                os: System::long_os_version().ok(),
                kernel: System::kernel_version().ok(),
                hardware: model(),
            },
        }
    }
}

#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn real_radio() -> Option<Arc<dyn Radio>> {
    Some(Arc::new(
        crate::wifi::network_manager::NetworkManager::default(),
    ))
}

#[cfg(not(target_os = "linux"))]
fn real_radio() -> Option<Arc<dyn Radio>> {
    None
}

/// The serial number to pre-register this machine with: the processor's, the mainboard's, or else the
/// installation's id.
pub fn serial() -> Option<String> {
    let board = fs::read_to_string("/proc/device-tree/serial-number").ok();
    let installed = || fs::read_to_string("/etc/machine-id").ok();
    board
        .or_else(|| Product::serial_number().ok())
        .or_else(|| Product::uuid().ok())
        .or_else(installed)
        .map(|serial| serial.trim_matches(['\0', '\n', ' ']).to_owned())
        .filter(|serial| !serial.is_empty() && !serial.eq_ignore_ascii_case("not specified"))
        .or_else(|| installed().map(|id| id.trim().to_owned()))
}

fn model() -> Option<String> {
    fs::read_to_string("/proc/device-tree/model")
        .ok()
        .or_else(|| Product::name().ok())
        .map(|model| model.trim_matches(['\0', '\n', ' ']).to_owned())
}

fn interface_of(address: IpAddr) -> Option<String> {
    let networks = Networks::new_with_refreshed_list().ok()?;
    let (name, _) = networks.iter().find(|(_, network)| {
        let own = network.ip_networks();
        own.iter().any(|own| own.addr == address)
    })?;
    Some(name.to_string_lossy().into_owned())
}

fn macs() -> Vec<String> {
    let Ok(networks) = Networks::new_with_refreshed_list() else {
        return Vec::new();
    };
    let macs: BTreeSet<String> = networks
        .values()
        .filter(|network| !network.mac_address().is_unspecified())
        .map(|network| network.mac_address().to_string())
        .collect();
    macs.into_iter().collect()
}
