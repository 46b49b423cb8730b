//! The packets: a command byte, a length, as much data, and the sum of all of them.

use std::fmt;

use zeroize::{Zeroize as _, Zeroizing};

use crate::WifiNetwork;

const SEND_WIFI: u8 = 1;
const IDENTIFY: u8 = 2;
const INFO: u8 = 3;
const SCAN: u8 = 4;
/// Command and length before the data, the sum behind it.
const AROUND: usize = 3;

/// What a central asks a device for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To join this network.
    SendWifi(WifiNetwork),
    /// To show which one it is.
    Identify,
    /// What it is: [`Info`].
    Info,
    /// Which networks it sees: [`SeenNetwork`].
    Scan,
}

/// Why a packet is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RpcFault {
    /// Its length, its sum, its texts or what they say are wrong.
    #[error("not a packet of the standard")]
    Invalid,
    /// It is a packet, of a command that the standard does not name.
    #[error("unknown command {0}")]
    Unknown(u8),
    /// It has no room for so much.
    #[error("longer than 255 bytes")]
    TooLong,
}

impl Command {
    /// The packet. It holds the password, where there is one.
    pub fn packet(&self) -> Zeroizing<Vec<u8>> {
        let mut data = Zeroizing::new(Vec::new());
        let command = match self {
            Self::SendWifi(network) => {
                // A name has at most 32 bytes and a password 64: they fit.
                for text in [network.ssid(), network.password().unwrap_or_default()] {
                    data.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
                    data.extend_from_slice(text.as_bytes());
                }
                SEND_WIFI
            }
            Self::Identify => IDENTIFY,
            Self::Info => INFO,
            Self::Scan => SCAN,
        };
        Zeroizing::new(framed(command, &data))
    }

    /// The command of a whole packet.
    pub fn parse(packet: &[u8]) -> Result<Self, RpcFault> {
        let (command, data) = unframed(packet)?;
        let bare = |command| match data {
            [] => Ok(command),
            _ => Err(RpcFault::Invalid),
        };
        match command {
            SEND_WIFI => {
                let [ssid, password] = texts(data)?[..] else {
                    return Err(RpcFault::Invalid);
                };
                let password = Some(password.to_owned());
                WifiNetwork::new(ssid.to_owned(), password, false, false)
                    .map(Self::SendWifi)
                    .map_err(|_| RpcFault::Invalid)
            }
            IDENTIFY => bare(Self::Identify),
            INFO => bare(Self::Info),
            SCAN => bare(Self::Scan),
            other => Err(RpcFault::Unknown(other)),
        }
    }

    /// Whether this result is the answer to it.
    pub fn is_answered_by(&self, result: &RpcResult) -> bool {
        let command = match self {
            Self::SendWifi(_) => SEND_WIFI,
            Self::Identify => return false,
            Self::Info => INFO,
            Self::Scan => SCAN,
        };
        result.command == command
    }
}

/// A packet that comes in pieces, as the air carries them.
///
/// Nothing of it is kept once it is whole or refused.
#[derive(Default)]
pub struct Assembly(Vec<u8>);

impl Assembly {
    /// Takes the next piece, which belongs at `offset` of its write; none while the packet is not whole.
    pub fn push(&mut self, piece: &[u8], offset: usize) -> Option<Result<Command, RpcFault>> {
        // A long write comes piece by piece with its offsets; a client that cuts the packet itself writes each at 0.
        if offset != 0 && offset != self.0.len() {
            self.clear();
            return Some(Err(RpcFault::Invalid));
        }
        let mut longer = Vec::with_capacity(self.0.len() + piece.len());
        longer.extend_from_slice(&self.0);
        longer.extend_from_slice(piece);
        // Growing in place would leave a copy of the password behind.
        self.clear();
        self.0 = longer;
        let whole = AROUND + usize::from(*self.0.get(1)?);
        if self.0.len() < whole {
            return None;
        }
        let command = Command::parse(&self.0);
        self.clear();
        Some(command)
    }

    /// Forgets what came.
    pub fn clear(&mut self) {
        self.0.zeroize();
        self.0 = Vec::new();
    }

    /// Whether nothing came that waits for more.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Assembly {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assembly({} bytes)", self.0.len())
    }
}

/// What a device answers: texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcResult {
    command: u8,
    texts: Vec<String>,
}

impl RpcResult {
    /// The answer to a network that was joined: where to go on, where the device knows it.
    pub fn of_wifi(url: Option<String>) -> Self {
        Self {
            command: SEND_WIFI,
            texts: url.into_iter().collect(),
        }
    }

    /// The answer to [`Command::Info`].
    pub fn of_info(info: Info) -> Self {
        Self {
            command: INFO,
            texts: vec![info.firmware, info.version, info.hardware, info.name],
        }
    }

    /// The answer to [`Command::Scan`]: the strongest networks first, as many as one packet has room for.
    pub fn of_scan(mut networks: Vec<SeenNetwork>) -> Self {
        networks.sort_by_key(|network| std::cmp::Reverse(network.rssi));
        let mut room = usize::from(u8::MAX);
        let mut texts = Vec::new();
        for network in networks {
            let three = [network.ssid, network.rssi.to_string(), network.security];
            let needed: usize = three.iter().map(|text| text.len() + 1).sum();
            if needed <= room {
                room -= needed;
                texts.extend(three);
            }
        }
        Self {
            command: SCAN,
            texts,
        }
    }

    /// The packet.
    pub fn packet(&self) -> Result<Vec<u8>, RpcFault> {
        let mut data = Vec::new();
        for text in &self.texts {
            data.push(u8::try_from(text.len()).map_err(|_| RpcFault::TooLong)?);
            data.extend_from_slice(text.as_bytes());
        }
        if data.len() > usize::from(u8::MAX) {
            return Err(RpcFault::TooLong);
        }
        Ok(framed(self.command, &data))
    }

    /// The result of a whole packet.
    pub fn parse(packet: &[u8]) -> Result<Self, RpcFault> {
        let (command, data) = unframed(packet)?;
        if !matches!(command, SEND_WIFI | INFO | SCAN) {
            return Err(RpcFault::Unknown(command));
        }
        let texts = texts(data)?.into_iter().map(str::to_owned).collect();
        Ok(Self { command, texts })
    }

    /// Where to go on, as the device says it after it was given a network.
    pub fn url(&self) -> Option<&str> {
        let first = self.texts.first().map(String::as_str);
        first.filter(|url| self.command == SEND_WIFI && !url.is_empty())
    }

    /// The networks that the device sees; what is not three texts is left out.
    pub fn networks(&self) -> Vec<SeenNetwork> {
        let threes = self.texts.chunks_exact(3).filter(|_| self.command == SCAN);
        threes
            .filter_map(|three| {
                Some(SeenNetwork {
                    ssid: three[0].clone(),
                    rssi: three[1].parse().ok()?,
                    security: three[2].clone(),
                })
            })
            .collect()
    }

    /// What the device is.
    pub fn info(&self) -> Option<Info> {
        match &self.texts[..] {
            [firmware, version, hardware, name, ..] if self.command == INFO => Some(Info {
                firmware: firmware.clone(),
                version: version.clone(),
                hardware: hardware.clone(),
                name: name.clone(),
            }),
            _ => None,
        }
    }
}

/// What a device is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// The program.
    pub firmware: String,
    /// Its version.
    pub version: String,
    /// The board or chip.
    pub hardware: String,
    /// What the device is called.
    pub name: String,
}

/// A network that a device sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNetwork {
    /// Its name.
    pub ssid: String,
    /// How strong it is, in dBm: nearer to 0 is stronger.
    pub rssi: i16,
    /// `WEP`, `WPA`, `WPA2`, or `NO` for an open one; a newer standard may say more.
    pub security: String,
}

impl SeenNetwork {
    /// Whether it takes no password.
    pub fn is_open(&self) -> bool {
        self.security == "NO"
    }
}

fn framed(command: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(data.len() + AROUND);
    packet.push(command);
    packet.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
    packet.extend_from_slice(data);
    packet.push(sum(&packet));
    packet
}

fn unframed(packet: &[u8]) -> Result<(u8, &[u8]), RpcFault> {
    let [command, length, rest @ ..] = packet else {
        return Err(RpcFault::Invalid);
    };
    let [data @ .., check] = rest else {
        return Err(RpcFault::Invalid);
    };
    let right = data.len() == usize::from(*length) && sum(&packet[..packet.len() - 1]) == *check;
    if right {
        Ok((*command, data))
    } else {
        Err(RpcFault::Invalid)
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Texts with a length before each.
fn texts(mut data: &[u8]) -> Result<Vec<&str>, RpcFault> {
    let mut texts = Vec::new();
    while let [length, rest @ ..] = data {
        let length = usize::from(*length);
        let (text, behind) = rest.split_at_checked(length).ok_or(RpcFault::Invalid)?;
        texts.push(std::str::from_utf8(text).map_err(|_| RpcFault::Invalid)?);
        data = behind;
    }
    Ok(texts)
}

#[cfg(test)]
mod tests;
