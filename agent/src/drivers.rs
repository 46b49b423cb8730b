//! What a device measures and acts with: one driver for each attached component.

mod background;
pub mod board;
pub mod fitted;
#[cfg(target_os = "linux")]
mod gpio;
#[cfg(target_os = "linux")]
mod i2c;
mod pwm;
pub mod simulated;
mod switch;
mod sysfs;
pub mod system;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use protocol::{
    Scalar, TimestampMs, ValueName,
    identity::{ComponentSpec, Identity, Versions},
};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::{link, pairing::Means, wifi::Radio};

/// What a component reads or is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// An actuator's state.
    pub status: Option<String>,
    /// Readings by name.
    pub values: BTreeMap<ValueName, Scalar>,
    /// When it was measured; none means now.
    pub at: Option<TimestampMs>,
}

impl Reading {
    /// A state.
    pub fn status(status: &str) -> Self {
        Self {
            status: Some(status.to_owned()),
            ..Self::default()
        }
    }

    /// Numbers by name; a name outside the contract is left out, as is what is not finite.
    pub fn numbers<const N: usize>(numbers: [(&str, f64); N]) -> Self {
        let values = numbers
            .into_iter()
            .filter(|(_, number)| number.is_finite())
            .filter_map(|(name, number)| Some((name.parse().ok()?, Scalar::Number(number))))
            .collect();
        Self {
            values,
            ..Self::default()
        }
    }
}

/// A command under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// How long each step takes, and how far it comes, in percent.
    pub steps: Vec<(Duration, u8)>,
    /// What was asked for.
    pub wanted: String,
}

/// Why a component does not do what it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// It was not tried: the component cannot do such a thing.
    #[error("{0}")]
    Rejected(String),
    /// It was tried, without success.
    #[error("{0}")]
    Failed(String),
}

/// One component's driver.
pub trait Driver: Send {
    /// Looks once a second, for what is a mean or a peak of the interval; `true` where something has happened that
    /// cannot wait for the next report.
    fn sample(&mut self) -> bool {
        false
    }

    /// A report is due in about two seconds: begins what takes its time.
    fn prepare(&mut self) {}

    /// What to report now; `None` where there is nothing to say.
    fn read(&mut self) -> Option<Reading>;

    /// Begins what `set` asks for.
    fn begin(&mut self, arguments: &Map<String, Value>) -> Result<Job, ActError> {
        let _ = arguments;
        Err(ActError::Rejected("not_an_actuator".to_owned()))
    }

    /// Ends what was begun; gives the new state.
    fn finish(&mut self, job: &Job) -> Result<Value, ActError> {
        let _ = job;
        Err(ActError::Rejected("not_an_actuator".to_owned()))
    }
}

/// Why a component has no driver, in words for whoever wires the board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoDriver(pub String);

impl NoDriver {
    /// This machine knows nothing of such components.
    pub fn for_type(component: &ComponentSpec) -> Self {
        Self(format!(
            "this machine has no driver for `{}`",
            component.component_type
        ))
    }
}

/// A driver, or why there is none.
pub type Loaded = Result<Box<dyn Driver>, NoDriver>;

/// The machine that a device stands on, real or simulated.
pub trait Hardware: Send {
    /// The driver of a component.
    fn driver(&mut self, component: &ComponentSpec) -> Loaded;

    /// Addresses, storage and versions, for the identity.
    fn describe(&self) -> Description;

    /// Its radio, where it has one that can be moved to another network.
    fn radio(&self) -> Option<Arc<dyn Radio>> {
        None
    }

    /// What tells its interfaces apart.
    fn interfaces(&self) -> InterfaceOf {
        |_| None
    }

    /// Whether its network leads anywhere: that of a simulated radio may lead nowhere.
    fn reached(&self) -> watch::Receiver<bool> {
        link::always_reached()
    }

    /// With what it can be given a network over Bluetooth, where it may be; what is wired to it for that is held
    /// meanwhile.
    fn pairing(&mut self) -> Option<Means> {
        None
    }

    /// Whether this device may speak now: a simulated one may fall silent.
    fn is_silent(&mut self) -> bool {
        false
    }

    /// How often it measures and reports where it should once: a simulated one may flood.
    fn rounds(&self) -> u32 {
        1
    }

    /// How far its clock is ahead, in milliseconds: a simulated one may be wrong.
    fn clock_ahead_ms(&self) -> i64 {
        0
    }

    /// What leaves in place of a message: a simulated device may send what nobody can read.
    fn spoil(&mut self, payload: String) -> String {
        payload
    }
}

/// The interface that has this address of the machine's own, as its system calls it.
pub type InterfaceOf = fn(IpAddr) -> Option<String>;

/// What a machine says of itself.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// The board's serial number, where the board tells it.
    pub cpu_serial: Option<String>,
    /// Its network interfaces' addresses.
    pub macs: Vec<String>,
    /// Its storage's serial number.
    pub storage_id: Option<String>,
    /// What runs there.
    pub versions: Versions,
}

impl Description {
    /// The identity of a device on this machine, which was pre-registered as `serial` when it ran on `board`: on
    /// another board it says what that one is. Its network is found when it is about to say so.
    pub fn identity(
        self,
        device: protocol::DeviceId,
        serial: &str,
        board: Option<&str>,
    ) -> Identity {
        let elsewhere = self
            .cpu_serial
            .filter(|here| board.is_some_and(|board| board != here));
        Identity {
            device_uuid: device,
            cpu_serial: elsewhere.unwrap_or_else(|| serial.to_owned()),
            macs: self.macs,
            storage_id: self.storage_id,
            versions: self.versions,
            network: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_says_its_pre_registered_serial_at_home_and_the_board_s_elsewhere() {
        let said = |here: Option<&str>, board: Option<&str>| {
            let description = Description {
                cpu_serial: here.map(str::to_owned),
                ..Description::default()
            };
            let identity = description.identity(protocol::DeviceId::random(), "label", board);
            identity.cpu_serial
        };
        assert_eq!(said(Some("b1"), Some("b1")), "label");
        assert_eq!(said(Some("b2"), Some("b1")), "b2");
        assert_eq!(said(None, Some("b1")), "label");
        assert_eq!(said(Some("b1"), None), "label");
    }
}
