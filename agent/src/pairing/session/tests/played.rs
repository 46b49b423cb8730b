//! The air, the radio, the site, a button and a lamp; and somebody near.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use protocol::improv::Info;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::super::*;
use crate::{
    drivers::{ActError, Driver, Job, Reading},
    pairing::{Bluetooth, BluetoothError, Means, offer},
    wifi::{Seen, Trial},
};

pub(super) const PASSWORD: &str = "correct horse";

/// What a central sees.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Open(State),
    Shown(Shown),
    Closed(Duration),
}

pub(super) fn state(state: State) -> Told {
    Told::Shown(Shown::State(state))
}

pub(super) fn fault(fault: Fault) -> Told {
    Told::Shown(Shown::Fault(fault))
}

struct Air {
    pieces: mpsc::UnboundedReceiver<Option<Written>>,
    told: mpsc::UnboundedSender<Told>,
}

#[async_trait]
impl OnAir for Air {
    async fn written(&mut self) -> Option<Written> {
        self.pieces.recv().await.flatten()
    }

    async fn show(&mut self, shown: Shown) -> Result<(), BluetoothError> {
        let _ = self.told.send(Told::Shown(shown));
        Ok(())
    }

    async fn close(self: Box<Self>, patience: Duration) {
        let _ = self.told.send(Told::Closed(patience));
    }
}

/// A Bluetooth that is there as often as there are airs.
struct Played {
    airs: Mutex<Vec<mpsc::UnboundedReceiver<Option<Written>>>>,
    told: mpsc::UnboundedSender<Told>,
}

#[async_trait]
impl Bluetooth for Played {
    async fn open(
        &self,
        name: &str,
        _: Capabilities,
        state: State,
    ) -> Result<Box<dyn OnAir>, BluetoothError> {
        assert_eq!(name, "Madang SN-1");
        let pieces = self.airs.lock().unwrap().pop();
        let pieces = pieces.ok_or_else(|| BluetoothError("no adapter".to_owned()))?;
        let _ = self.told.send(Told::Open(state));
        Ok(Box::new(Air {
            pieces,
            told: self.told.clone(),
        }))
    }
}

/// What the radio was asked, and how it went on.
type Diary = Arc<Mutex<Vec<String>>>;

struct PlayedRadio(Diary);

#[async_trait]
impl Radio for PlayedRadio {
    async fn join(
        &self,
        network: &WifiNetwork,
        _: Duration,
        _: Duration,
    ) -> Result<Box<dyn Trial>, RadioError> {
        let how = (network.is_hidden(), network.is_wpa3());
        let joined = format!("{} {how:?}", network.ssid());
        self.0.lock().unwrap().push(joined);
        tokio::time::sleep(Duration::from_secs(4)).await;
        match network.password() {
            Some(PASSWORD) => Ok(Box::new(OnTrial(self.0.clone()))),
            _ => Err(RadioError::NotJoined("the password is wrong".to_owned())),
        }
    }

    async fn networks(&self) -> Result<Vec<Seen>, RadioError> {
        let seen = |ssid: &str, rssi, security| Seen {
            ssid: ssid.to_owned(),
            rssi,
            security,
        };
        Ok(vec![
            seen("cafe", -80, Security::Open),
            seen("lab", -52, Security::Wpa2),
            seen("new", -60, Security::Wpa3),
        ])
    }
}

struct OnTrial(Diary);

#[async_trait]
impl Trial for OnTrial {
    async fn keep(self: Box<Self>) -> Result<(), RadioError> {
        self.0.lock().unwrap().push("kept".to_owned());
        Ok(())
    }

    async fn back(self: Box<Self>) -> Result<(), RadioError> {
        self.0.lock().unwrap().push("back".to_owned());
        Ok(())
    }
}

struct Site(Arc<AtomicBool>);

impl Reach for Site {
    fn look_again(&self) {}

    async fn is_reached(&mut self, _: Duration) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Button(Arc<AtomicBool>);

impl Driver for Button {
    fn read(&mut self) -> Option<Reading> {
        let pressed = self.0.swap(false, Ordering::Relaxed);
        Some(Reading::status(if pressed { "ON" } else { "OFF" }))
    }
}

struct Lamp(Arc<AtomicU32>);

impl Driver for Lamp {
    fn read(&mut self) -> Option<Reading> {
        None
    }

    fn begin(
        &mut self,
        wanted: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Job, ActError> {
        Ok(Job {
            steps: Vec::new(),
            wanted: wanted["status"].as_str().unwrap().to_owned(),
        })
    }

    fn finish(&mut self, job: &Job) -> Result<serde_json::Value, ActError> {
        if job.wanted == "ON" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(serde_json::Value::Null)
    }
}

/// Somebody near, and the device that they meet.
pub(super) struct Central {
    pub(super) pieces: Vec<mpsc::UnboundedSender<Option<Written>>>,
    told: mpsc::UnboundedReceiver<Told>,
    pub(super) diary: Diary,
    pub(super) reached: Arc<AtomicBool>,
    pub(super) button: Arc<AtomicBool>,
    pub(super) blinks: Arc<AtomicU32>,
    pub(super) over: CancellationToken,
    device: JoinHandle<Ended>,
}

impl Central {
    pub(super) fn new(with_button: bool) -> Self {
        let (say, told) = mpsc::unbounded_channel();
        let (pieces, airs) = (0..2).map(|_| mpsc::unbounded_channel()).unzip();
        let (diary, over) = (Diary::default(), CancellationToken::new());
        let (reached, button) = (Arc::new(AtomicBool::new(true)), Arc::default());
        let blinks: Arc<AtomicU32> = Arc::default();
        let device = tokio::spawn(offer(Offer {
            means: Means {
                bluetooth: Arc::new(Played {
                    airs: Mutex::new(airs),
                    told: say,
                }),
                window: Duration::from_mins(15),
                button: with_button
                    .then(|| Box::new(Button(Arc::clone(&button))) as Box<dyn Driver>),
                lamp: Some(Box::new(Lamp(blinks.clone()))),
            },
            radio: Arc::new(PlayedRadio(diary.clone())),
            site: Site(reached.clone()),
            patience: Duration::from_mins(1),
            info: Info {
                name: "Madang SN-1".to_owned(),
                ..Info::default()
            },
            url: Some("https://lab.example/claim#SN-1".to_owned()),
            over: over.clone(),
            shutdown: CancellationToken::new(),
        }));
        Self {
            pieces,
            told,
            diary,
            reached,
            button,
            blinks,
            over,
            device,
        }
    }

    pub(super) fn write(&self, bytes: &[u8]) {
        let bytes = Zeroizing::new(bytes.to_vec());
        let written = Written { bytes, offset: 0 };
        let _ = self.pieces.last().unwrap().send(Some(written));
    }

    pub(super) fn send(&self, ssid: &str, password: &str) {
        let network =
            WifiNetwork::new(ssid.to_owned(), Some(password.to_owned()), false, false).unwrap();
        for piece in Command::SendWifi(network).packet().chunks(20) {
            self.write(piece);
        }
    }

    pub(super) async fn told(&mut self) -> Told {
        self.told.recv().await.expect("the device is there")
    }

    pub(super) async fn hears<const N: usize>(&mut self, expected: [Told; N]) {
        for told in expected {
            assert_eq!(self.told().await, told);
        }
    }

    pub(super) async fn ended(self) -> (Ended, Vec<String>) {
        let ended = self.device.await.unwrap();
        let diary = self.diary.lock().unwrap().clone();
        (ended, diary)
    }
}
