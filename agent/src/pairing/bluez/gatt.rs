//! The objects that BlueZ calls: a service, its characteristics, and the advertisement.

// A D-Bus interface takes what it is handed.
#![allow(clippy::unused_self, clippy::needless_pass_by_value)]

use std::collections::HashMap;

use protocol::improv;
use tokio::sync::{mpsc, watch};
use zbus::{ObjectPath, OwnedVariant, Variant, interface};
use zeroize::Zeroizing;

use crate::pairing::Written;

/// What BlueZ passes on to the central.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.bluez.Error")]
pub(super) enum Refused {
    /// Reading begins behind the end.
    InvalidOffset(String),
    /// It is not for that.
    NotSupported(String),
    /// More than can be taken now.
    InProgress(String),
}

pub(super) struct Service;

#[interface(name = "org.bluez.GattService1")]
impl Service {
    #[zbus(property(emits_changed_signal = "const"), name = "UUID")]
    fn uuid(&self) -> &'static str {
        improv::SERVICE
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn primary(&self) -> bool {
        true
    }
}

/// One characteristic of the service.
pub(super) struct Characteristic {
    uuid: &'static str,
    flags: &'static [&'static str],
    value: Vec<u8>,
    notifying: bool,
    /// How many somebody listens to.
    listened: Option<watch::Sender<usize>>,
    pieces: Option<mpsc::Sender<Written>>,
}

impl Characteristic {
    /// One that is read, and told when it changes.
    pub(super) fn told(
        uuid: &'static str,
        value: Option<u8>,
        listened: watch::Sender<usize>,
    ) -> Self {
        Self {
            uuid,
            flags: &["read", "notify"],
            value: value.into_iter().collect(),
            notifying: false,
            listened: Some(listened),
            pieces: None,
        }
    }

    /// One that is read and never changes.
    pub(super) fn fixed(uuid: &'static str, value: u8) -> Self {
        Self {
            uuid,
            flags: &["read"],
            value: vec![value],
            notifying: false,
            listened: None,
            pieces: None,
        }
    }

    /// One that is written. What is written is not read again.
    pub(super) fn written(uuid: &'static str, pieces: mpsc::Sender<Written>) -> Self {
        Self {
            uuid,
            flags: &["write", "write-without-response"],
            value: Vec::new(),
            notifying: false,
            listened: None,
            pieces: Some(pieces),
        }
    }

    pub(super) fn set(&mut self, value: Vec<u8>) {
        self.value = value;
    }

    fn listen(&mut self, on: bool) -> Result<(), Refused> {
        let listened = self.listened.as_ref();
        let listened = listened.ok_or_else(|| Refused::NotSupported("not told".to_owned()))?;
        if self.notifying != on {
            self.notifying = on;
            listened.send_modify(|count| {
                *count = if on {
                    *count + 1
                } else {
                    count.saturating_sub(1)
                }
            });
        }
        Ok(())
    }
}

/// In the order in which they come: the pieces of a packet follow each other.
#[interface(name = "org.bluez.GattCharacteristic1", spawn = false)]
impl Characteristic {
    #[zbus(property(emits_changed_signal = "const"), name = "UUID")]
    fn uuid(&self) -> &str {
        self.uuid
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn service(&self) -> ObjectPath<'_> {
        super::path(super::SERVICE)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn flags(&self) -> Vec<&str> {
        self.flags.to_vec()
    }

    #[zbus(property)]
    fn notifying(&self) -> bool {
        self.notifying
    }

    #[zbus(property)]
    fn value(&self) -> &[u8] {
        &self.value
    }

    fn read_value(&self, options: HashMap<String, OwnedVariant>) -> Result<Vec<u8>, Refused> {
        if !self.flags.contains(&"read") {
            return Err(Refused::NotSupported("it is written".to_owned()));
        }
        let behind = self.value.get(offset(&options)..);
        let behind = behind.ok_or_else(|| Refused::InvalidOffset("behind the end".to_owned()))?;
        Ok(behind.to_vec())
    }

    fn write_value(
        &self,
        value: Vec<u8>,
        options: HashMap<String, OwnedVariant>,
    ) -> Result<(), Refused> {
        let written = Written {
            bytes: Zeroizing::new(value),
            offset: offset(&options),
        };
        let pieces = self.pieces.as_ref();
        let pieces = pieces.ok_or_else(|| Refused::NotSupported("it is read".to_owned()))?;
        pieces
            .try_send(written)
            .map_err(|_| Refused::InProgress("too much at once".to_owned()))
    }

    fn start_notify(&mut self) -> Result<(), Refused> {
        self.listen(true)
    }

    fn stop_notify(&mut self) -> Result<(), Refused> {
        self.listen(false)
    }
}

fn offset(options: &HashMap<String, OwnedVariant>) -> usize {
    let offset = options
        .get("offset")
        .and_then(|value| value.try_clone().ok());
    let offset: Option<u16> = offset.and_then(|value| value.try_into().ok());
    usize::from(offset.unwrap_or_default())
}

/// What is sent to everybody in reach. Flags, the service and its data fill its 31 bytes; BlueZ puts the name into the
/// answer to a scan.
pub(super) struct Advertisement {
    pub(super) name: String,
    pub(super) data: [u8; 6],
    pub(super) gone: watch::Sender<bool>,
}

#[interface(name = "org.bluez.LEAdvertisement1")]
impl Advertisement {
    #[zbus(property(emits_changed_signal = "const"), name = "Type")]
    fn kind(&self) -> &'static str {
        "peripheral"
    }

    #[zbus(property(emits_changed_signal = "const"), name = "ServiceUUIDs")]
    fn service_uuids(&self) -> Vec<&'static str> {
        vec![improv::SERVICE]
    }

    #[zbus(property)]
    fn service_data(&self) -> HashMap<&'static str, Variant<'_>> {
        HashMap::from([(improv::SERVICE_DATA, Variant::from(&self.data[..]))])
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn local_name(&self) -> &str {
        &self.name
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn discoverable(&self) -> bool {
        true
    }

    /// BlueZ has let go of it, as it does when it ends.
    fn release(&self) {
        self.gone.send_replace(true);
    }
}
