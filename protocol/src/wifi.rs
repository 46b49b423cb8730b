//! The command that moves a device to another Wi-Fi network.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The name of the command; its arguments are a [`WifiNetwork`].
pub const WIFI_CHANGE: &str = "wifi/change";

/// A network to join.
///
/// Invariant: the name has 1 to 32 bytes and no control characters, and a password is one that WPA takes. The password
/// is in no debug output, and is wiped from memory with the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(try_from = "Raw")]
pub struct WifiNetwork {
    ssid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    wpa3: bool,
}

/// Why a network cannot be joined so: the member, and what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}: {1}")]
pub struct WifiError(pub &'static str, pub &'static str);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    ssid: String,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    wpa3: bool,
}

impl TryFrom<Raw> for WifiNetwork {
    type Error = WifiError;

    fn try_from(raw: Raw) -> Result<Self, WifiError> {
        Self::new(raw.ssid, raw.password, raw.hidden, raw.wpa3)
    }
}

impl WifiNetwork {
    /// A network by its name (SSID), open where there is no password; `hidden` where it does not tell its name, `wpa3`
    /// where it takes nothing older.
    pub fn new(
        ssid: String,
        password: Option<String>,
        hidden: bool,
        wpa3: bool,
    ) -> Result<Self, WifiError> {
        // Made first, so that the password is wiped where it is refused as well.
        let network = Self {
            ssid,
            password: password.filter(|password| !password.is_empty()),
            hidden,
            wpa3,
        };
        let ssid = &network.ssid;
        if !(1..=32).contains(&ssid.len()) || ssid.chars().any(char::is_control) {
            return Err(WifiError("ssid", "length_1_to_32"));
        }
        let fits = |password: &str| {
            let phrase = (8..=63).contains(&password.len())
                && password.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            phrase || (password.len() == 64 && password.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if !network.password().is_none_or(fits) {
            return Err(WifiError("password", "wifi_password"));
        }
        if wpa3 && network.password.is_none() {
            return Err(WifiError("password", "required"));
        }
        Ok(network)
    }

    /// Its name.
    pub fn ssid(&self) -> &str {
        &self.ssid
    }

    /// The password; none for an open network.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Whether it does not tell its name.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Whether it takes WPA3 alone.
    pub fn is_wpa3(&self) -> bool {
        self.wpa3
    }
}

impl fmt::Debug for WifiNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WifiNetwork({})", self.ssid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(ssid: &str, password: Option<&str>) -> Result<WifiNetwork, WifiError> {
        WifiNetwork::new(ssid.to_owned(), password.map(str::to_owned), false, false)
    }

    #[test]
    fn what_no_network_can_be_is_refused() {
        for wrong in [
            "",
            "a\nb",
            "012345678901234567890123456789012",
            "한글이름은세글자씩센다네",
        ] {
            assert_eq!(network(wrong, None).unwrap_err().0, "ssid", "{wrong}");
        }
        for wrong in [
            "short",
            "비밀번호입니다여덟자",
            &"x".repeat(64),
            &"f".repeat(65),
        ] {
            assert_eq!(network("lab", Some(wrong)).unwrap_err().0, "password");
        }
        for right in ["12345678", &"x".repeat(63), &"f".repeat(64)] {
            assert_eq!(
                network("연구실 2층", Some(right)).unwrap().password(),
                Some(right)
            );
        }
        assert_eq!(network("cafe", Some("")).unwrap().password(), None);
        assert!(WifiNetwork::new("lab".to_owned(), None, false, true).is_err());
    }

    #[test]
    fn it_reads_what_it_writes_and_keeps_the_password_to_itself() {
        let lab = network("lab", Some("correct horse")).unwrap();
        let text = serde_json::to_string(&lab).unwrap();
        assert_eq!(text, r#"{"ssid":"lab","password":"correct horse"}"#);
        assert_eq!(serde_json::from_str::<WifiNetwork>(&text).unwrap(), lab);
        assert!(serde_json::from_str::<WifiNetwork>(r#"{"ssid":"lab","psk":"x"}"#).is_err());
        assert!(!format!("{lab:?}").contains("horse"));
    }
}
