//! The service as BlueZ puts it on the air, over the system's D-Bus.
//!
//! BlueZ finds the characteristics by our object manager and calls them when a central reads, writes or subscribes; a
//! changed value is a notification. It drops all of it when this program ends.

mod gatt;

use std::collections::HashMap;

use async_trait::async_trait;
use gatt::{Advertisement, Characteristic, Service};
use protocol::improv::{self, Capabilities, Fault, State};
use tokio::sync::{mpsc, watch};
use zbus::{
    Connection, ObjectPath, OwnedObjectPath, Variant,
    connection::Builder,
    fdo::{ObjectManager, ObjectManagerProxy},
    object_server::InterfaceRef,
};

use super::{Bluetooth, BluetoothError, OnAir, Shown, Written};

/// The objects that BlueZ finds.
const ROOT: &str = "/org/madang/agent/pairing";
const SERVICE: &str = "/org/madang/agent/pairing/service";
const STATE: &str = "/org/madang/agent/pairing/service/state";
const FAULT: &str = "/org/madang/agent/pairing/service/fault";
const COMMAND: &str = "/org/madang/agent/pairing/service/command";
const RESULT: &str = "/org/madang/agent/pairing/service/result";
const CAPABILITIES: &str = "/org/madang/agent/pairing/service/capabilities";
/// Beside them: BlueZ would take what lies below the root for a part of the service.
const ADVERTISEMENT: &str = "/org/madang/agent/advertisement";
/// Most pieces that wait to be read.
const PIECES: usize = 32;

#[zbus::proxy(interface = "org.bluez.Adapter1", default_service = "org.bluez")]
trait Adapter {
    #[zbus(property(emits_changed_signal = "false"))]
    fn powered(&self) -> zbus::Result<bool>;

    #[zbus(property)]
    fn set_powered(&self, on: bool) -> zbus::Result<()>;
}

#[zbus::proxy(interface = "org.bluez.GattManager1", default_service = "org.bluez")]
trait GattManager {
    fn register_application(
        &self,
        application: &ObjectPath<'_>,
        options: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<()>;

    fn unregister_application(&self, application: &ObjectPath<'_>) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.bluez.LEAdvertisingManager1",
    default_service = "org.bluez"
)]
trait AdvertisingManager {
    fn register_advertisement(
        &self,
        advertisement: &ObjectPath<'_>,
        options: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<()>;

    fn unregister_advertisement(&self, advertisement: &ObjectPath<'_>) -> zbus::Result<()>;
}

/// BlueZ on this machine.
#[derive(Debug, Clone, Default)]
pub struct BlueZ {
    bus: Option<Connection>,
}

impl BlueZ {
    /// The one on this bus instead of the system's. It must serve an object already.
    pub fn on(bus: Connection) -> Self {
        Self { bus: Some(bus) }
    }

    async fn register(
        &self,
        name: &str,
        can: Capabilities,
        state: State,
    ) -> zbus::Result<Registered> {
        let bus = match &self.bus {
            Some(bus) => bus.clone(),
            // With an object from the start: a connection that gets its first one later loses calls that come before it
            // listens, and BlueZ calls at once.
            None => Builder::system().serve_at(SERVICE, Service).build().await?,
        };
        let adapter = adapter(&bus).await?;
        let power = AdapterProxy::new(&bus, &adapter).await?;
        if !power.powered().await? {
            power.set_powered(true).await?;
        }
        let (pieces, written) = mpsc::channel(PIECES);
        let gone = watch::Sender::new(false);
        let listened = watch::Sender::new(0);
        let shown = Shows::serve(&bus, &pieces, &listened, can, state).await?;
        let advertisement = Advertisement {
            name: name.to_owned(),
            data: improv::service_data(state, can),
            gone: gone.clone(),
        };
        let registered = Registered {
            bus: bus.clone(),
            adapter: adapter.clone(),
            written,
            gone: gone.subscribe(),
            listened: listened.subscribe(),
            shown,
            can,
        };
        let registering = async {
            bus.object_server().at(ADVERTISEMENT, advertisement).await?;
            GattManagerProxy::new(&bus, &adapter)
                .await?
                .register_application(&path(ROOT), HashMap::new())
                .await?;
            AdvertisingManagerProxy::new(&bus, &adapter)
                .await?
                .register_advertisement(&path(ADVERTISEMENT), HashMap::new())
                .await
        };
        match registering.await {
            Ok(()) => Ok(registered),
            Err(error) => {
                registered.withdraw().await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Bluetooth for BlueZ {
    async fn open(
        &self,
        name: &str,
        can: Capabilities,
        state: State,
    ) -> Result<Box<dyn OnAir>, BluetoothError> {
        let registered = self.register(name, can, state).await;
        Ok(Box::new(registered.map_err(|error| words(&error))?))
    }
}

/// The first radio that can be a peripheral.
async fn adapter(bus: &Connection) -> zbus::Result<OwnedObjectPath> {
    let manager = ObjectManagerProxy::new(bus, "org.bluez", "/").await?;
    let objects = manager.get_managed_objects().await?;
    let mut able: Vec<OwnedObjectPath> = objects
        .into_iter()
        .filter(|(_, interfaces)| {
            let has = |name: &str| {
                interfaces
                    .keys()
                    .any(|interface| interface.as_str() == name)
            };
            has("org.bluez.GattManager1") && has("org.bluez.LEAdvertisingManager1")
        })
        .map(|(path, _)| path)
        .collect();
    able.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    let none = || zbus::Error::Failure("BlueZ has no radio that can be found by others".to_owned());
    able.into_iter().next().ok_or_else(none)
}

fn path(text: &'static str) -> ObjectPath<'static> {
    ObjectPath::from_static_str_unchecked(text)
}

fn words(error: &zbus::Error) -> BluetoothError {
    BluetoothError(error.to_string())
}

/// The objects whose values change.
struct Shows {
    state: InterfaceRef<Characteristic>,
    fault: InterfaceRef<Characteristic>,
    result: InterfaceRef<Characteristic>,
}

impl Shows {
    /// Puts the objects on the bus.
    async fn serve(
        bus: &Connection,
        pieces: &mpsc::Sender<Written>,
        listened: &watch::Sender<usize>,
        can: Capabilities,
        state: State,
    ) -> zbus::Result<Self> {
        let server = bus.object_server();
        server.at(SERVICE, Service).await?;
        let told = |uuid, byte: Option<u8>| Characteristic::told(uuid, byte, listened.clone());
        for (at, characteristic) in [
            (STATE, told(improv::STATE, Some(state.byte()))),
            (FAULT, told(improv::FAULT, Some(Fault::None.byte()))),
            (RESULT, told(improv::RESULT, None)),
            (
                CAPABILITIES,
                Characteristic::fixed(improv::CAPABILITIES, can.byte()),
            ),
            (
                COMMAND,
                Characteristic::written(improv::COMMAND, pieces.clone()),
            ),
        ] {
            server.at(at, characteristic).await?;
        }
        server.at(ROOT, ObjectManager).await?;
        Ok(Self {
            state: server.interface(STATE).await?,
            fault: server.interface(FAULT).await?,
            result: server.interface(RESULT).await?,
        })
    }
}

/// What BlueZ was told of.
struct Registered {
    bus: Connection,
    adapter: OwnedObjectPath,
    written: mpsc::Receiver<Written>,
    /// Whether BlueZ has let go of us.
    gone: watch::Receiver<bool>,
    /// How many characteristics somebody listens to.
    listened: watch::Receiver<usize>,
    shown: Shows,
    can: Capabilities,
}

impl Registered {
    async fn change(&self, shown: Shown) -> zbus::Result<()> {
        let (object, value) = match &shown {
            Shown::State(state) => (&self.shown.state, vec![state.byte()]),
            Shown::Fault(fault) => (&self.shown.fault, vec![fault.byte()]),
            Shown::Result(result) => {
                let packet = result.packet();
                let packet = packet.map_err(|error| zbus::Error::Failure(error.to_string()))?;
                (&self.shown.result, packet)
            }
        };
        object.get_mut().await.set(value);
        let characteristic = object.get().await;
        characteristic
            .value_changed(object.signal_emitter())
            .await?;
        if let Shown::State(state) = shown {
            self.advertise(state).await?;
        }
        Ok(())
    }

    async fn advertise(&self, state: State) -> zbus::Result<()> {
        let server = self.bus.object_server();
        let object: InterfaceRef<Advertisement> = server.interface(ADVERTISEMENT).await?;
        object.get_mut().await.data = improv::service_data(state, self.can);
        let advertisement = object.get().await;
        advertisement
            .service_data_changed(object.signal_emitter())
            .await
    }

    /// Is no longer there to be found.
    async fn hide(&self) -> zbus::Result<()> {
        AdvertisingManagerProxy::new(&self.bus, &self.adapter)
            .await?
            .unregister_advertisement(&path(ADVERTISEMENT))
            .await
    }

    async fn unregister(&self) -> zbus::Result<()> {
        GattManagerProxy::new(&self.bus, &self.adapter)
            .await?
            .unregister_application(&path(ROOT))
            .await
    }

    /// Takes the objects from the bus.
    async fn withdraw(&self) {
        let server = self.bus.object_server();
        for at in [STATE, FAULT, RESULT, CAPABILITIES, COMMAND] {
            let _ = server.remove::<Characteristic, _>(at).await;
        }
        let _ = server.remove::<Service, _>(SERVICE).await;
        let _ = server.remove::<ObjectManager, _>(ROOT).await;
        let _ = server.remove::<Advertisement, _>(ADVERTISEMENT).await;
    }
}

#[async_trait]
impl OnAir for Registered {
    async fn written(&mut self) -> Option<Written> {
        tokio::select! {
            _ = self.gone.wait_for(|gone| *gone) => None,
            written = self.written.recv() => written,
        }
    }

    async fn show(&mut self, shown: Shown) -> Result<(), BluetoothError> {
        self.change(shown).await.map_err(|error| words(&error))
    }

    async fn close(mut self: Box<Self>, patience: std::time::Duration) {
        // Where BlueZ is gone there is nothing to take back.
        if let Err(error) = self.hide().await {
            tracing::debug!("the advertisement was not taken back: {error}");
        }
        let let_go = self.listened.wait_for(|listened| *listened == 0);
        let _ = tokio::time::timeout(patience, let_go).await;
        if let Err(error) = self.unregister().await {
            tracing::debug!("the service was not taken back: {error}");
        }
        self.withdraw().await;
    }
}
