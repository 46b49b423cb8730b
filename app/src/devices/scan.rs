//! Scanning a label with the camera: loaded when somebody asks for it, so that the claim page stays small.

#[cfg(feature = "hydrate")]
mod camera;
#[cfg(feature = "hydrate")]
mod reader;

use leptos::prelude::*;

/// What the scanner tells the page, and the page the scanner.
#[derive(Clone, Copy)]
pub(super) struct ScanOf {
    /// Whether the camera is wanted; the scanner ends it when it has found a label.
    pub(super) open: RwSignal<bool>,
}

/// The scanner, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn scanner(of: Box<ScanOf>) -> AnyView {
    camera::shown(*of)
}

/// A camera is a browser's: the server draws nothing.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn scanner(of: Box<ScanOf>) -> AnyView {
    let _ = of.open;
    ().into_any()
}

/// Serial number and code of a claim link's fragment: `serial,code,ca_hash`; the last one is for agents.
#[cfg(any(feature = "hydrate", test))]
pub(super) fn parts_of(fragment: &str) -> Option<(&str, &str)> {
    let mut parts = fragment.trim_start_matches('#').rsplitn(3, ',');
    let (_, code, serial) = (parts.next()?, parts.next()?, parts.next()?);
    (!code.is_empty() && !serial.is_empty()).then_some((serial, code))
}

/// Serial number and code of a label, out of its QR code's text. A site has many names: which one the label
/// carries says nothing, and the server knows its own codes.
#[cfg(any(feature = "hydrate", test))]
pub(super) fn label_of(text: &str) -> Option<(&str, &str)> {
    let (address, fragment) = text.split_once('#')?;
    let ours = address.contains("://") && address.ends_with("/claim");
    parts_of(fragment).filter(|_| ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_told_from_other_codes() {
        let label = "https://lab.example:8443/claim#SN-1,AAAA-BBBB,00ff";
        assert_eq!(label_of(label), Some(("SN-1", "AAAA-BBBB")));
        for other in [
            "",
            "WIFI:S:x;;",
            "https://lab.example/claim#",
            "https://lab.example/claim#a,b",
            "https://lab.example/#a,b,c",
            "a,b,c",
        ] {
            assert_eq!(label_of(other), None, "{other}");
        }
    }
}
