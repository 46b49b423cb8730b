//! The radio against a NetworkManager that is played, over a real D-Bus connection: what is called, in which order and
//! with which types.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    // A D-Bus interface takes what it is handed.
    clippy::needless_pass_by_value,
    clippy::unused_self
)]

use std::{
    collections::HashMap,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::wifi::{Radio, RadioError, Security, network_manager::NetworkManager};
use protocol::WifiNetwork;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, connection::Builder, interface};

const DEVICE: &str = "/org/freedesktop/NetworkManager/Devices/3";
const PROFILE: &str = "/org/freedesktop/NetworkManager/Settings/9";
const ACTIVE: &str = "/org/freedesktop/NetworkManager/ActiveConnection/7";
const CHECKPOINT: &str = "/org/freedesktop/NetworkManager/Checkpoint/1";

/// What was asked, in order.
type Diary = Arc<Mutex<Vec<String>>>;

fn path(text: &str) -> OwnedObjectPath {
    text.try_into().unwrap()
}

struct Manager(Diary);

impl Manager {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

#[interface(name = "org.freedesktop.NetworkManager")]
impl Manager {
    fn get_devices(&self) -> Vec<OwnedObjectPath> {
        vec![path(DEVICE)]
    }

    fn checkpoint_create(
        &self,
        devices: Vec<OwnedObjectPath>,
        rollback_timeout: u32,
        flags: u32,
    ) -> OwnedObjectPath {
        assert_eq!(devices, [path(DEVICE)]);
        self.note(format!("checkpoint for {rollback_timeout} s, {flags}"));
        path(CHECKPOINT)
    }

    fn checkpoint_destroy(&self, checkpoint: OwnedObjectPath) {
        assert_eq!(checkpoint, path(CHECKPOINT));
        self.note("confirmed".to_owned());
    }

    fn checkpoint_rollback(&self, checkpoint: OwnedObjectPath) -> HashMap<String, u32> {
        assert_eq!(checkpoint, path(CHECKPOINT));
        self.note("rolled back".to_owned());
        HashMap::from([(DEVICE.to_owned(), 0)])
    }

    #[zbus(name = "AddAndActivateConnection2")]
    fn add_and_activate(
        &self,
        connection: HashMap<String, HashMap<String, OwnedVariant>>,
        device: OwnedObjectPath,
        specific_object: OwnedObjectPath,
        options: HashMap<String, OwnedVariant>,
    ) -> (
        OwnedObjectPath,
        OwnedObjectPath,
        HashMap<String, OwnedVariant>,
    ) {
        assert_eq!((device, specific_object), (path(DEVICE), path("/")));
        let text = |group: &str, name: &str| {
            let value = connection.get(group).and_then(|group| group.get(name));
            value.map(|value| value.try_clone().unwrap().try_into().unwrap())
        };
        let ssid = connection["802-11-wireless"]["ssid"].try_clone().unwrap();
        let ssid: Vec<u8> = ssid.try_into().unwrap();
        let persist: String = options["persist"].try_clone().unwrap().try_into().unwrap();
        let words: [Option<String>; 3] = [
            text("connection", "type"),
            text("802-11-wireless-security", "key-mgmt"),
            text("802-11-wireless-security", "psk"),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        let ssid = String::from_utf8(ssid).unwrap();
        self.note(format!("{ssid} in {persist}: {}", words.join(", ")));
        (path(PROFILE), path(ACTIVE), HashMap::new())
    }
}

struct Device(u32);

#[interface(name = "org.freedesktop.NetworkManager.Device")]
impl Device {
    #[zbus(property)]
    fn device_type(&self) -> u32 {
        self.0
    }

    #[zbus(property)]
    fn state(&self) -> u32 {
        100
    }

    #[zbus(property)]
    fn state_reason(&self) -> (u32, u32) {
        (120, 7)
    }
}

/// The states that a connection goes through; the last one stays.
struct Active(Mutex<Vec<u32>>);

#[interface(name = "org.freedesktop.NetworkManager.Connection.Active")]
impl Active {
    #[zbus(property)]
    fn state(&self) -> u32 {
        let mut states = self.0.lock().unwrap();
        if states.len() > 1 {
            return states.remove(0);
        }
        states[0]
    }
}

/// The radio itself, and whether it has joined the first station: what it sees is there once it has looked around.
struct Wireless(Mutex<i64>, bool);

#[interface(name = "org.freedesktop.NetworkManager.Device.Wireless")]
impl Wireless {
    #[zbus(property)]
    fn active_access_point(&self) -> OwnedObjectPath {
        match self.1 {
            true => station(0),
            false => path("/"),
        }
    }

    #[zbus(property)]
    fn last_scan(&self) -> i64 {
        *self.0.lock().unwrap()
    }

    fn request_scan(&self, options: HashMap<String, OwnedVariant>) {
        assert!(options.is_empty());
        *self.0.lock().unwrap() += 10_000;
    }

    fn get_all_access_points(&self) -> Vec<OwnedObjectPath> {
        assert!(*self.0.lock().unwrap() > 0, "it has not looked around");
        (0..=STATIONS.len()).map(station).collect()
    }
}

/// Name, strength in percent, flags, and what WPA and RSN say.
type Station = (&'static str, u8, u32, u32, u32);

const STATIONS: [Station; 4] = [
    ("연구실", 40, 1, 0, 0x100),
    ("연구실", 96, 1, 0, 0x100),
    ("cafe", 20, 0, 0, 0),
    ("", 90, 1, 0, 0x400),
];

/// The last of them is out of reach when it is asked.
fn station(number: usize) -> OwnedObjectPath {
    path(&format!(
        "/org/freedesktop/NetworkManager/AccessPoint/{number}"
    ))
}

struct AccessPoint(Station);

#[interface(name = "org.freedesktop.NetworkManager.AccessPoint")]
impl AccessPoint {
    #[zbus(property)]
    fn ssid(&self) -> Vec<u8> {
        self.0.0.as_bytes().to_vec()
    }

    #[zbus(property)]
    fn strength(&self) -> u8 {
        self.0.1
    }

    #[zbus(property)]
    fn flags(&self) -> u32 {
        self.0.2
    }

    #[zbus(property)]
    fn wpa_flags(&self) -> u32 {
        self.0.3
    }

    #[zbus(property)]
    fn rsn_flags(&self) -> u32 {
        self.0.4
    }
}

struct Profile(Diary);

#[interface(name = "org.freedesktop.NetworkManager.Settings.Connection")]
impl Profile {
    fn save(&self) {
        self.0.lock().unwrap().push("saved".to_owned());
    }
}

/// A radio, the bus that its NetworkManager is on, and what that was asked.
async fn played(kind: u32, states: &[u32]) -> (NetworkManager, Connection, Diary) {
    joined(kind, states, true).await
}

/// The same, and whether it has joined a network.
async fn joined(
    kind: u32,
    states: &[u32],
    has_joined: bool,
) -> (NetworkManager, Connection, Diary) {
    let diary = Diary::default();
    let (near, far) = UnixStream::pair().unwrap();
    let mut serving = Builder::unix_stream(far)
        .server(zbus::Guid::generate())
        .p2p();
    for (number, one) in STATIONS.into_iter().enumerate() {
        serving = serving.serve_at(station(number), AccessPoint(one));
    }
    let served = serving
        .serve_at("/org/freedesktop/NetworkManager", Manager(diary.clone()))
        .serve_at(DEVICE, Device(kind))
        .serve_at(DEVICE, Wireless(Mutex::new(0), has_joined))
        .serve_at(ACTIVE, Active(Mutex::new(states.to_vec())))
        .serve_at(PROFILE, Profile(diary.clone()))
        .build();
    let (served, client) = tokio::join!(served, Builder::unix_stream(near).p2p().build());
    (NetworkManager::on(client.unwrap()), served.unwrap(), diary)
}

fn lab() -> WifiNetwork {
    WifiNetwork::new(
        "연구실".to_owned(),
        Some("correct horse".to_owned()),
        false,
        false,
    )
    .unwrap()
}

const PATIENCE: Duration = Duration::from_secs(20);
const AT_MOST: Duration = Duration::from_mins(1);
const ASKED: [&str; 2] = [
    "checkpoint for 60 s, 2",
    "연구실 in memory: 802-11-wireless, wpa-psk, correct horse",
];

#[tokio::test]
async fn a_network_is_joined_behind_a_checkpoint_and_kept_when_it_is_confirmed() {
    let (radio, _bus, diary) = played(2, &[1, 1, 2]).await;
    let trial = radio.join(&lab(), PATIENCE, AT_MOST).await.unwrap();
    assert_eq!(*diary.lock().unwrap(), ASKED, "nothing is kept yet");
    trial.keep().await.unwrap();
    assert_eq!(diary.lock().unwrap()[2..], ["saved", "confirmed"]);
}

#[tokio::test]
async fn a_trial_that_is_over_and_a_network_that_is_not_joined_are_rolled_back() {
    let (radio, _bus, diary) = played(2, &[2]).await;
    let trial = radio.join(&lab(), PATIENCE, AT_MOST).await.unwrap();
    trial.back().await.unwrap();
    assert_eq!(diary.lock().unwrap()[2..], ["rolled back"]);

    let (radio, _bus, diary) = played(2, &[1, 4]).await;
    let Err(RadioError::NotJoined(why)) = radio.join(&lab(), PATIENCE, AT_MOST).await else {
        panic!("it was refused");
    };
    assert!(why.contains("password"), "{why}");
    assert_eq!(diary.lock().unwrap()[2..], ["rolled back"]);

    let (radio, _bus, diary) = played(2, &[1]).await;
    let late = radio.join(&lab(), Duration::ZERO, AT_MOST).await;
    assert!(matches!(late, Err(RadioError::NotJoined(_))));
    assert_eq!(diary.lock().unwrap()[2..], ["rolled back"]);
}

#[tokio::test]
async fn a_look_around_gives_each_network_once_as_its_strongest_station_has_it() {
    let (radio, _bus, diary) = played(2, &[2]).await;
    let mut seen = radio.networks().await.unwrap();
    seen.sort_by_key(|seen| seen.rssi);
    let seen: Vec<_> = seen
        .iter()
        .map(|seen| (seen.ssid.as_str(), seen.rssi, seen.security))
        .collect();
    let expected = [
        ("cafe", -90, Security::Open),
        ("연구실", -52, Security::Wpa2),
    ];
    assert_eq!(seen, expected);
    assert!(diary.lock().unwrap().is_empty(), "nothing is changed");
}

#[tokio::test]
async fn the_network_that_was_joined_is_told_by_its_bytes() {
    let (radio, _bus, diary) = played(2, &[2]).await;
    let present = radio.present().await.unwrap();
    assert_eq!(present.as_deref(), Some("연구실".as_bytes()));
    let (radio, _other, _) = joined(2, &[2], false).await;
    assert_eq!(radio.present().await.unwrap(), None);
    assert!(diary.lock().unwrap().is_empty(), "nothing is changed");
}

#[tokio::test]
async fn a_machine_without_a_radio_changes_nothing() {
    let (radio, _bus, diary) = played(1, &[2]).await;
    let present = radio.present().await;
    assert!(matches!(present, Err(RadioError::Unavailable(_))));
    let none = radio.join(&lab(), PATIENCE, AT_MOST).await;
    assert!(matches!(none, Err(RadioError::Unavailable(_))));
    assert!(diary.lock().unwrap().is_empty());
}
