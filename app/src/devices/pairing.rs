//! Giving a device a network over Bluetooth: loaded when somebody asks for it, so that the claim page stays small.

#[cfg(feature = "hydrate")]
mod bluetooth;
#[cfg(feature = "hydrate")]
mod conversation;
#[cfg(feature = "hydrate")]
mod shown;

use leptos::prelude::*;

/// What the page tells the panel, and the panel the page.
#[derive(Clone, Copy)]
pub(super) struct PairingOf {
    /// Whether it is wanted.
    pub(super) open: RwSignal<bool>,
}

/// The panel, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn pairing(of: Box<PairingOf>) -> AnyView {
    shown::shown(*of)
}

/// A radio is a browser's: the server draws nothing.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn pairing(of: Box<PairingOf>) -> AnyView {
    let _ = of.open;
    ().into_any()
}

/// Where a device says that it is claimed: the site's address, and the serial number where it tells one.
#[cfg(any(feature = "hydrate", test))]
fn claim_of(url: &str) -> Option<(&str, Option<&str>)> {
    let (page, serial) = match url.split_once('#') {
        Some((page, serial)) => (page, Some(serial)),
        None => (url, None),
    };
    let origin = page.strip_suffix("/claim")?;
    let plain = |serial: &&str| !serial.is_empty() && !serial.contains(',');
    origin
        .starts_with("https://")
        .then(|| (origin, serial.filter(plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_is_a_claim_page_or_nothing() {
        let site = "https://lab.example:8443";
        let claim = |rest: &str| format!("{site}{rest}");
        assert_eq!(claim_of(&claim("/claim#SN-1")), Some((site, Some("SN-1"))));
        for bare in ["/claim", "/claim#", "/claim#a,b,c"] {
            assert_eq!(claim_of(&claim(bare)), Some((site, None)), "{bare}");
        }
        for other in [
            "",
            "http://192.168.4.1/",
            "javascript:alert(1)/claim",
            "/claim#a",
        ] {
            assert_eq!(claim_of(other), None, "{other}");
        }
    }
}
