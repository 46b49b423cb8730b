//! Improv Wi-Fi over Bluetooth LE, version 2.2 (<https://www.improv-wifi.com/ble>): how a device without a network is
//! given one, from both of its sides.
//!
//! Invariant: whatever bytes come over the air are read without a panic, and a packet that is read is written as it was.

mod rpc;

pub use rpc::{Assembly, Command, Info, RpcFault, RpcResult, SeenNetwork};

/// The service.
pub const SERVICE: &str = "00467768-6228-2272-4663-277478268000";
/// Holds the [`State`]: one byte, read and notified.
pub const STATE: &str = "00467768-6228-2272-4663-277478268001";
/// Holds the [`Fault`]: one byte, read and notified.
pub const FAULT: &str = "00467768-6228-2272-4663-277478268002";
/// Takes a [`Command`], in one write or in several.
pub const COMMAND: &str = "00467768-6228-2272-4663-277478268003";
/// Holds the last [`RpcResult`], read and notified.
pub const RESULT: &str = "00467768-6228-2272-4663-277478268004";
/// Holds the [`Capabilities`]: one byte, read.
pub const CAPABILITIES: &str = "00467768-6228-2272-4663-277478268005";
/// Under what an advertisement carries [`service_data`]: a UUID of 16 bits, for which there is room.
pub const SERVICE_DATA: &str = "4677";

/// How far a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits to be touched by somebody who stands before it.
    AuthorizationRequired,
    /// It takes a network.
    Authorized,
    /// It tries the network.
    Provisioning,
    /// It is on the network; the service ends.
    Provisioned,
}

impl State {
    /// The byte on the air.
    pub fn byte(self) -> u8 {
        match self {
            Self::AuthorizationRequired => 1,
            Self::Authorized => 2,
            Self::Provisioning => 3,
            Self::Provisioned => 4,
        }
    }

    /// The state of this byte.
    pub fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::AuthorizationRequired,
            2 => Self::Authorized,
            3 => Self::Provisioning,
            4 => Self::Provisioned,
            _ => return None,
        })
    }
}

/// What went wrong last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The packet was not one.
    InvalidPacket,
    /// The command is none that the device knows.
    UnknownCommand,
    /// The network was not joined.
    UnableToConnect,
    /// A network came before somebody had touched the device.
    NotAuthorized,
    /// Anything else.
    Unknown,
}

impl Fault {
    /// The byte on the air.
    pub fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::InvalidPacket => 1,
            Self::UnknownCommand => 2,
            Self::UnableToConnect => 3,
            Self::NotAuthorized => 4,
            Self::Unknown => 0xff,
        }
    }

    /// The fault of this byte; one that the standard does not name is unknown.
    pub fn of(byte: u8) -> Self {
        match byte {
            0 => Self::None,
            1 => Self::InvalidPacket,
            2 => Self::UnknownCommand,
            3 => Self::UnableToConnect,
            4 => Self::NotAuthorized,
            _ => Self::Unknown,
        }
    }
}

/// What a device can do beside taking a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Shows which one it is.
    pub identify: bool,
    /// Tells its name and version.
    pub info: bool,
    /// Tells the networks in reach.
    pub scan: bool,
}

impl Capabilities {
    /// The byte on the air.
    pub fn byte(self) -> u8 {
        u8::from(self.identify) | u8::from(self.info) << 1 | u8::from(self.scan) << 2
    }

    /// The capabilities of this byte; bits that the standard does not name are left out.
    pub fn of(byte: u8) -> Self {
        Self {
            identify: byte & 1 != 0,
            info: byte & 2 != 0,
            scan: byte & 4 != 0,
        }
    }
}

/// What an advertisement says of the device, under [`SERVICE_DATA`].
pub fn service_data(state: State, capabilities: Capabilities) -> [u8; 6] {
    [state.byte(), capabilities.byte(), 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_and_what_is_read_is_written_as_it_was() {
        for byte in 0..=u8::MAX {
            if let Some(state) = State::of(byte) {
                assert_eq!(state.byte(), byte);
            }
            let fault = Fault::of(byte);
            assert!(fault.byte() == byte || fault == Fault::Unknown);
            assert_eq!(Capabilities::of(byte).byte(), byte & 7);
        }
        assert_eq!((State::of(0), State::of(5)), (None, None));
        let can = Capabilities::of(0b110);
        assert_eq!(service_data(State::Authorized, can), [2, 6, 0, 0, 0, 0]);
    }
}
