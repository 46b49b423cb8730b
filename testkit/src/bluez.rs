//! A BlueZ that is played, and a central that finds a service there: a fake radio behind a real D-Bus connection.
//!
//! It keeps what real ones are known for: a service is found by its object manager, an advertisement has room for 31
//! bytes, a notification is cut to what one packet of 23 bytes holds, and only what is subscribed to is told.

// A D-Bus interface takes what it is handed, and a test panics where it is not what it should be.
#![allow(
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    clippy::unused_self
)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
};

use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use zbus::{
    Connection, MessageStream, OwnedObjectPath, OwnedVariant, Variant,
    connection::Builder,
    fdo::{ObjectManager, ObjectManagerProxy, PropertiesProxy},
    interface,
};

/// A D-Bus connection.
pub use zbus::Connection as Bus;

const ADAPTER: &str = "/org/bluez/hci0";
const SERVICE: &str = "org.bluez.GattService1";
const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
const ADVERTISEMENT: &str = "org.bluez.LEAdvertisement1";
/// What one notification carries without a larger packet.
const NOTIFIED: usize = 20;

/// What BlueZ was told of.
#[derive(Debug, Clone, Default, PartialEq)]
struct Registered {
    powered: bool,
    application: Option<OwnedObjectPath>,
    advertisement: Option<OwnedObjectPath>,
    /// How often something was advertised.
    times: u32,
}

type Registry = Arc<watch::Sender<Registered>>;

struct Adapter(Registry);

#[interface(name = "org.bluez.Adapter1")]
impl Adapter {
    #[zbus(property)]
    fn powered(&self) -> bool {
        self.0.borrow().powered
    }

    #[zbus(property)]
    fn set_powered(&mut self, on: bool) {
        self.0.send_modify(|registered| registered.powered = on);
    }
}

struct GattManager(Registry);

#[interface(name = "org.bluez.GattManager1")]
impl GattManager {
    async fn register_application(
        &self,
        application: OwnedObjectPath,
        options: HashMap<String, OwnedVariant>,
        #[zbus(connection)] bus: &Connection,
    ) -> zbus::fdo::Result<()> {
        assert!(options.is_empty());
        let objects = ObjectManagerProxy::new(bus, "org.madang", &application).await?;
        let objects = objects.get_managed_objects().await?;
        let services = objects.values().filter(|interfaces| {
            let mut names = interfaces.keys();
            names.any(|name| name.as_str() == SERVICE)
        });
        if services.count() != 1 || !self.0.borrow().powered {
            return Err(zbus::fdo::Error::Failed(
                "no service, or no power".to_owned(),
            ));
        }
        self.0
            .send_modify(|registered| registered.application = Some(application));
        Ok(())
    }

    fn unregister_application(&self, application: OwnedObjectPath) {
        self.0.send_modify(|registered| {
            assert_eq!(registered.application.take(), Some(application));
        });
    }
}

struct AdvertisingManager(Registry);

#[interface(name = "org.bluez.LEAdvertisingManager1")]
impl AdvertisingManager {
    fn register_advertisement(
        &self,
        advertisement: OwnedObjectPath,
        options: HashMap<String, OwnedVariant>,
    ) {
        assert!(options.is_empty());
        self.0.send_modify(|registered| {
            registered.advertisement = Some(advertisement);
            registered.times += 1;
        });
    }

    fn unregister_advertisement(&self, advertisement: OwnedObjectPath) {
        self.0.send_modify(|registered| {
            assert_eq!(registered.advertisement.take(), Some(advertisement));
        });
    }
}

/// BlueZ with one radio, which is switched off at first.
#[derive(Debug)]
pub struct BlueZ {
    bus: Connection,
    registry: Registry,
}

impl BlueZ {
    /// One, and the bus on which a device finds it.
    pub async fn play() -> (Self, Connection) {
        let registry = Registry::default();
        let (near, far) = UnixStream::pair().expect("a pair");
        let served = Builder::unix_stream(far)
            .server(zbus::Guid::generate())
            .p2p()
            .serve_at(ADAPTER, Adapter(registry.clone()))
            .serve_at(ADAPTER, GattManager(registry.clone()))
            .serve_at(ADAPTER, AdvertisingManager(registry.clone()))
            .serve_at("/", ObjectManager)
            .build();
        // It listens from the start.
        let device = Builder::unix_stream(near)
            .p2p()
            .serve_at("/", ObjectManager)
            .build();
        let (bus, client) = tokio::join!(served, device);
        let bus = bus.expect("a bus");
        (Self { bus, registry }, client.expect("its other end"))
    }

    /// Waits until a service is advertised, and meets it.
    pub async fn found(&self) -> Central {
        let mut registry = self.registry.subscribe();
        let found = registry.wait_for(|registered| registered.advertisement.is_some());
        let found = tokio::time::timeout(crate::device::PATIENCE, found).await;
        let registered = found.expect("in time").expect("a registry").clone();
        Central::of(&self.bus, &registered).await
    }

    /// Waits until nothing is on the air any more.
    pub async fn silent(&self) {
        let mut registry = self.registry.subscribe();
        let silent = registry.wait_for(|registered| {
            registered.advertisement.is_none() && registered.application.is_none()
        });
        let silent = tokio::time::timeout(crate::device::PATIENCE, silent).await;
        silent.expect("in time").expect("a registry");
    }

    /// Whether something can be found now.
    pub fn is_advertising(&self) -> bool {
        self.registry.borrow().advertisement.is_some()
    }

    /// How often something was advertised since the start.
    pub fn times(&self) -> u32 {
        self.registry.borrow().times
    }
}

/// Somebody near who met a service.
#[derive(Debug)]
pub struct Central {
    bus: Connection,
    advertisement: OwnedObjectPath,
    characteristics: BTreeMap<String, OwnedObjectPath>,
    subscribed: Arc<Mutex<BTreeSet<String>>>,
    told: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
}

impl Central {
    async fn of(bus: &Connection, registered: &Registered) -> Self {
        let application = registered.application.clone().expect("an application");
        let objects = ObjectManagerProxy::new(bus, "org.madang", &application).await;
        let objects = objects.expect("an object manager");
        let objects = objects.get_managed_objects().await.expect("objects");
        let mut characteristics = BTreeMap::new();
        for (path, interfaces) in objects {
            for (name, properties) in interfaces {
                if name.as_str() == CHARACTERISTIC {
                    let uuid = text(&properties["UUID"]);
                    characteristics.insert(uuid, path.clone());
                }
            }
        }
        let subscribed = Arc::<Mutex<BTreeSet<String>>>::default();
        let told = notifications(bus, &characteristics, &subscribed);
        Self {
            bus: bus.clone(),
            advertisement: registered.advertisement.clone().expect("an advertisement"),
            characteristics,
            subscribed,
            told,
        }
    }

    /// What is sent to everybody in reach: the services, and the data of one of 16 bits.
    pub async fn advertised(&self, data_of: &str) -> (Vec<String>, Vec<u8>, String) {
        let properties = PropertiesProxy::new(&self.bus, "org.madang", &self.advertisement).await;
        let properties = properties.expect("properties");
        let name = ADVERTISEMENT.try_into().expect("a name");
        let mut all = properties.get_all(name).await.expect("an advertisement");
        let services: Vec<String> = take(&mut all, "ServiceUUIDs");
        let mut data: HashMap<String, OwnedVariant> = take(&mut all, "ServiceData");
        let data: Vec<u8> = take(&mut data, data_of);
        assert_eq!(data_of.len(), 4, "a UUID of 128 bits has no room");
        let size = 3 + services.len() * 18 + 4 + data.len();
        assert!(size <= 31, "{size} bytes do not fit an advertisement");
        (services, data, take(&mut all, "LocalName"))
    }

    async fn call<B, R>(&self, uuid: &str, method: &str, body: &B) -> zbus::Result<R>
    where
        B: serde::Serialize + zbus::Type,
        R: for<'d> zbus::zvariant::DynamicDeserialize<'d>,
    {
        let path = &self.characteristics[uuid];
        let proxy = zbus::Proxy::new(&self.bus, "org.madang", path, CHARACTERISTIC).await?;
        proxy.call(method, body).await
    }

    /// Reads a value, in as many parts as it takes.
    pub async fn read(&self, uuid: &str) -> zbus::Result<Vec<u8>> {
        let mut value = Vec::new();
        loop {
            let offset = u16::try_from(value.len()).expect("a short value");
            let options = HashMap::from([("offset", Variant::from(offset))]);
            let mut part: Vec<u8> = self.call(uuid, "ReadValue", &options).await?;
            part.truncate(NOTIFIED + 2);
            let last = part.len() < NOTIFIED + 2;
            value.append(&mut part);
            if last {
                return Ok(value);
            }
        }
    }

    /// Writes, cut as the air cuts it.
    pub async fn write(&self, uuid: &str, packet: &[u8]) -> zbus::Result<()> {
        for piece in packet.chunks(NOTIFIED) {
            let options = HashMap::from([("type", Variant::from("request"))]);
            self.call::<_, ()>(uuid, "WriteValue", &(piece, options))
                .await?;
        }
        Ok(())
    }

    /// Hears of changes from now on.
    pub async fn subscribe(&self, uuid: &str) -> zbus::Result<()> {
        self.call::<_, ()>(uuid, "StartNotify", &()).await?;
        let mut subscribed = self.subscribed.lock().expect("subscriptions");
        subscribed.insert(uuid.to_owned());
        Ok(())
    }

    /// Hears of changes no longer.
    pub async fn unsubscribe(&self, uuid: &str) -> zbus::Result<()> {
        self.call::<_, ()>(uuid, "StopNotify", &()).await?;
        let mut subscribed = self.subscribed.lock().expect("subscriptions");
        subscribed.remove(uuid);
        Ok(())
    }

    /// The next change of what was subscribed to: whose, and as much as one packet holds.
    pub async fn told(&mut self) -> (String, Vec<u8>) {
        let told = tokio::time::timeout(crate::device::PATIENCE, self.told.recv()).await;
        told.expect("in time").expect("the bus")
    }
}

/// Changes of values in the order in which they come.
fn notifications(
    bus: &Connection,
    characteristics: &BTreeMap<String, OwnedObjectPath>,
    subscribed: &Arc<Mutex<BTreeSet<String>>>,
) -> mpsc::UnboundedReceiver<(String, Vec<u8>)> {
    let (tell, told) = mpsc::unbounded_channel();
    let mut messages = MessageStream::from(bus);
    let subscribed = subscribed.clone();
    let uuids: HashMap<String, String> = characteristics
        .iter()
        .map(|(uuid, path)| (path.to_string(), uuid.clone()))
        .collect();
    tokio::spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            let header = message.header();
            let member = header.member().map(ToString::to_string);
            let is_change = member.as_deref() == Some("PropertiesChanged");
            let path = header.path().map(ToString::to_string).unwrap_or_default();
            let (true, Some(uuid)) = (is_change, uuids.get(&path)) else {
                continue;
            };
            if !subscribed.lock().expect("subscriptions").contains(uuid) {
                continue;
            }
            let body = message.body();
            let change: (String, HashMap<String, OwnedVariant>, Vec<String>) =
                body.deserialize().expect("a change");
            let (_, mut changed, _) = change;
            if changed.contains_key("Value") {
                let mut value: Vec<u8> = take(&mut changed, "Value");
                value.truncate(NOTIFIED);
                if tell.send((uuid.clone(), value)).is_err() {
                    return;
                }
            }
        }
    });
    told
}

fn text(value: &OwnedVariant) -> String {
    let value = value.try_clone().expect("a value");
    value.try_into().expect("a text")
}

fn take<T: TryFrom<OwnedVariant>>(properties: &mut HashMap<String, OwnedVariant>, name: &str) -> T {
    let value = properties.remove(name);
    let value = value.unwrap_or_else(|| panic!("there is no {name}"));
    T::try_from(value).unwrap_or_else(|_| panic!("{name} has another type"))
}
