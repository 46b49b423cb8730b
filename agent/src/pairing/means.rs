//! With what a machine pairs: its Bluetooth, a button that allows it, a lamp that shows which machine it is.

use std::{sync::Arc, time::Duration};

use protocol::{ComponentKey, identity::ComponentSpec};
use serde::Deserialize;
use serde_json::{Map, json};

use super::Bluetooth;
use crate::drivers::{Driver, NoDriver, board::Board};

/// How long pairing is open where nothing else is said.
const WINDOW_MINUTES: u16 = 15;

/// With what a machine pairs.
pub struct Means {
    /// Its Bluetooth.
    pub bluetooth: Arc<dyn Bluetooth>,
    /// How long it may be paired.
    pub window: Duration,
    /// A press allows it for a minute; without a button it is allowed while the window is open.
    pub button: Option<Box<dyn Driver>>,
    /// Blinks to show which machine it is.
    pub lamp: Option<Box<dyn Driver>>,
}

/// What is set of pairing: `[bluetooth]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this machine may be paired at all.
    pub pairing: bool,
    /// For how many minutes from the start, or from the reset.
    pub window_min: u16,
    /// The pin of a button that closes to ground: pairing waits for a press.
    pub button: Option<i32>,
    /// The pin of a lamp.
    pub lamp: Option<i32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            pairing: false,
            window_min: WINDOW_MINUTES,
            button: None,
            lamp: None,
        }
    }
}

impl Config {
    /// The same, and allowed where that is asked for.
    #[must_use]
    pub fn or_asked(self, asked: bool) -> Self {
        Self {
            pairing: self.pairing || asked,
            ..self
        }
    }

    /// The means, with what is wired to this board. A button that cannot be read is an error: without it anybody in
    /// reach could pair.
    pub fn means(&self, bluetooth: Arc<dyn Bluetooth>, board: &Board) -> Result<Means, NoDriver> {
        let pin = |kind: &str, mode: &str, pin: i32| {
            let kind = kind.parse().map_err(|_| NoDriver(kind.to_owned()))?;
            board.driver(&ComponentSpec {
                component_key: ComponentKey::numbered(&kind, 1),
                component_type: kind,
                pin_number: Some(pin),
                pin_mode: Some(mode.to_owned()),
                default_state: None,
                address: None,
            })
        };
        Ok(Means {
            bluetooth,
            window: Duration::from_mins(u64::from(self.window_min.max(1))),
            button: self
                .button
                .map(|number| pin("button", "IN", number))
                .transpose()?,
            lamp: self
                .lamp
                .map(|number| pin("led", "OUT", number))
                .transpose()?,
        })
    }
}

impl Means {
    /// Whether the button is or was pressed since the last look.
    pub(super) fn is_pressed(&mut self) -> bool {
        let Some(button) = &mut self.button else {
            return false;
        };
        button.sample();
        let reading = button.read();
        reading.is_some_and(|reading| reading.status.as_deref() == Some("ON"))
    }

    /// Switches the lamp.
    pub(super) fn light(&mut self, on: bool) {
        let Some(lamp) = &mut self.lamp else {
            return;
        };
        let status = if on { "ON" } else { "OFF" };
        let wanted = Map::from_iter([("status".to_owned(), json!(status))]);
        let done = lamp.begin(&wanted).and_then(|job| lamp.finish(&job));
        if let Err(error) = done {
            tracing::warn!("the lamp was not switched: {error}");
        }
    }
}
