//! Simulated components: any machine can show control, and a demo site has a weather of its own.
//!
//! Signals are functions of the time and a seed, smooth and bounded, so that a chart looks like the
//! thing it stands for and a value can be told for any moment.

use std::time::Duration;

use protocol::identity::ComponentSpec;
use serde_json::{Map, Value};

use super::{ActError, Driver, Job, Reading, switch, system::tenth};
use crate::now;

/// The simulated driver of a component; `stuck` actuators take commands and fail. One that is wired to be dimmed has
/// levels, as it would on a board.
pub fn driver(component: &ComponentSpec, seed: u64, stuck: bool) -> Option<Box<dyn Driver>> {
    let kind = component.component_type.as_str();
    let steps = match kind {
        "led" | "relay" => vec![(Duration::from_millis(150), 100)],
        "pump" | "fan" => (1..=4)
            .map(|n| (Duration::from_millis(400), n * 25))
            .collect(),
        _ => return Signal::of(kind, seed).map(|signal| Box::new(signal) as Box<dyn Driver>),
    };
    Some(Box::new(Switch {
        level: 0,
        dimmed: component.pin_mode.as_deref() == Some("PWM"),
        steps,
        stuck,
    }))
}

/// Something that is `ON` or `OFF`, or anything between where it is dimmed.
struct Switch {
    /// In percent.
    level: u8,
    dimmed: bool,
    steps: Vec<(Duration, u8)>,
    stuck: bool,
}

impl Driver for Switch {
    fn read(&mut self) -> Option<Reading> {
        Some(match self.dimmed {
            true => switch::dimmed(self.level),
            false => Reading::status(switch::word(self.level > 0)),
        })
    }

    fn begin(&mut self, arguments: &Map<String, Value>) -> Result<Job, ActError> {
        let job = match self.dimmed {
            true => switch::begin_dimmed(arguments)?,
            false => switch::begin(arguments)?,
        };
        Ok(Job {
            steps: self.steps.clone(),
            ..job
        })
    }

    fn finish(&mut self, job: &Job) -> Result<Value, ActError> {
        if self.stuck {
            return Err(ActError::Failed("the relay did not answer".to_owned()));
        }
        self.level = switch::level_wanted(job);
        Ok(match self.dimmed {
            true => switch::done_dimmed(self.level),
            false => switch::done(self.level > 0),
        })
    }
}

/// What a simulated component measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Climate,
    Air,
    Probe,
    Light,
    Soil,
    Contact,
    Cpu,
    Memory,
    Disk,
    Network,
    Temperature,
    Uptime,
}

struct Signal {
    kind: Kind,
    seed: u64,
    started_ms: i64,
}

impl Signal {
    fn of(kind: &str, seed: u64) -> Option<Self> {
        let kind = match kind {
            "dht22" => Kind::Climate,
            "bme280" => Kind::Air,
            "ds18b20" => Kind::Probe,
            "bh1750" => Kind::Light,
            "soil" => Kind::Soil,
            "button" | "door" | "motion" => Kind::Contact,
            "cpu" => Kind::Cpu,
            "memory" => Kind::Memory,
            "disk" => Kind::Disk,
            "network" => Kind::Network,
            "temperature" => Kind::Temperature,
            "uptime" => Kind::Uptime,
            _ => return None,
        };
        Some(Self {
            kind,
            seed,
            started_ms: now().0,
        })
    }
}

impl Driver for Signal {
    fn read(&mut self) -> Option<Reading> {
        let at = now().0;
        let wave = Wave {
            at,
            seed: self.seed,
        };
        let gib = 1024.0 * 1024.0 * 1024.0;
        Some(match self.kind {
            Kind::Climate => Reading::numbers([
                (
                    "temp",
                    tenth(21.0 + 4.0 * wave.day() + 0.8 * wave.noise(600_000)),
                ),
                (
                    "humidity",
                    tenth(58.0 - 12.0 * wave.day() + 3.0 * wave.noise(900_000)),
                ),
            ]),
            Kind::Air => Reading::numbers([
                (
                    "temp",
                    tenth(21.0 + 4.0 * wave.day() + 0.8 * wave.noise(600_000)),
                ),
                (
                    "humidity",
                    tenth(58.0 - 12.0 * wave.day() + 3.0 * wave.noise(900_000)),
                ),
                ("pressure", tenth(1_013.0 + 9.0 * wave.noise(43_200_000))),
            ]),
            Kind::Probe => Reading::numbers([(
                "temp",
                tenth(17.0 + 2.0 * wave.day() + 0.3 * wave.noise(900_000)),
            )]),
            Kind::Light => {
                let sun = (wave.day() + 0.2).max(0.0);
                let clouds = 0.75 + 0.25 * wave.noise(700_000);
                Reading::numbers([("lux", (12.0 + 9_000.0 * sun * clouds).round())])
            }
            Kind::Soil => {
                let moisture = 42.0 - 6.0 * wave.day() + 4.0 * wave.noise(21_600_000);
                Reading::numbers([("moisture", tenth(moisture))])
            }
            Kind::Contact => Reading::status(switch::word(wave.noise(90_000) > 0.6)),
            Kind::Cpu => {
                let load = load(wave);
                let peak = (load + 12.0 + 20.0 * wave.noise(15_000).abs()).min(100.0);
                Reading::numbers([("average", tenth(load)), ("peak", tenth(peak))])
            }
            Kind::Memory => {
                let total = 16.0 * gib;
                let percent = 38.0 + 14.0 * wave.noise(1_800_000) + 4.0 * wave.noise(120_000);
                Reading::numbers([
                    ("percent", tenth(percent)),
                    ("used_bytes", (total * percent / 100.0).round()),
                    ("total_bytes", total),
                ])
            }
            Kind::Disk => {
                let total = 476.0 * gib;
                let percent = 35.0 + wave.phase() * 45.0 + 0.4 * wave.noise(7_200_000);
                Reading::numbers([
                    ("percent", tenth(percent)),
                    ("free_bytes", (total * (100.0 - percent) / 100.0).round()),
                    ("total_bytes", total),
                ])
            }
            Kind::Network => {
                let burst = wave.noise(45_000).max(0.0).powi(3);
                Reading::numbers([
                    ("received_rate", (4_000.0 + 2_500_000.0 * burst).round()),
                    ("sent_rate", (1_500.0 + 300_000.0 * burst).round()),
                ])
            }
            Kind::Temperature => Reading::numbers([(
                "celsius",
                tenth(38.0 + 0.35 * load(wave) + 1.5 * wave.noise(300_000)),
            )]),
            Kind::Uptime => {
                let offset = (wave.phase() * 40.0 * 86_400.0).round();
                let running = f64::from(i32::try_from((at - self.started_ms) / 1_000).unwrap_or(0));
                Reading::numbers([("seconds", offset + running)])
            }
        })
    }
}

/// A processor's load in percent: quiet, with lessons and builds now and then.
fn load(wave: Wave) -> f64 {
    let busy = wave.noise(1_200_000).max(0.0) * 55.0;
    (6.0 + busy + 9.0 * wave.noise(40_000).abs() + 4.0 * wave.noise(11_000)).clamp(0.5, 100.0)
}

#[derive(Clone, Copy)]
struct Wave {
    at: i64,
    seed: u64,
}

impl Wave {
    /// 0 to 1, the device's own.
    fn phase(self) -> f64 {
        fraction(self.seed, 0)
    }

    /// -1 at the coldest hour of the night, 1 in the afternoon.
    fn day(self) -> f64 {
        let day = 86_400_000;
        // 14:00 in Korea is 05:00 UTC.
        let since = (self.at - 5 * 3_600_000).rem_euclid(day);
        (float(since) / float(day) * std::f64::consts::TAU).cos()
    }

    /// -1 to 1, smooth, with features about `period_ms` long.
    fn noise(self, period_ms: i64) -> f64 {
        let cell = self.at.div_euclid(period_ms);
        let within = float(self.at.rem_euclid(period_ms)) / float(period_ms);
        let eased = within * within * (3.0 - 2.0 * within);
        let salt = period_ms.unsigned_abs();
        let value = |cell: i64| fraction(self.seed ^ salt, cell) * 2.0 - 1.0;
        value(cell) * (1.0 - eased) + value(cell + 1) * eased
    }
}

/// A fraction from 0 to 1 that looks random (`SplitMix64`'s finaliser).
fn fraction(seed: u64, cell: i64) -> f64 {
    let mut z = seed.wrapping_add(cell.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// Exact below 2^53, as every time here is.
#[allow(clippy::cast_precision_loss)]
fn float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fan(mode: &str) -> Box<dyn Driver> {
        let spec = ComponentSpec {
            component_key: "fan".parse().unwrap(),
            component_type: "fan".parse().unwrap(),
            pin_number: Some(18),
            pin_mode: Some(mode.to_owned()),
            default_state: None,
            address: None,
        };
        driver(&spec, 1, false).unwrap()
    }

    fn command(driver: &mut dyn Driver, arguments: &Value) -> Result<Value, ActError> {
        let job = driver.begin(arguments.as_object().unwrap())?;
        assert_eq!(job.steps.len(), 4, "it takes its time");
        driver.finish(&job)
    }

    #[test]
    fn what_is_wired_to_be_dimmed_has_levels_and_nothing_else_has() {
        let mut dimmed = fan("PWM");
        let answer = command(dimmed.as_mut(), &json!({ "level": 40 })).unwrap();
        assert_eq!(answer, json!({ "state": "ON", "level": 40 }));
        let told = dimmed.read().unwrap();
        assert_eq!(told.status.as_deref(), Some("ON"));
        assert_eq!(told.values, Reading::numbers([("level", 40.0)]).values);
        command(dimmed.as_mut(), &json!({ "level": 0 })).unwrap();
        assert_eq!(dimmed.read().unwrap().status.as_deref(), Some("OFF"));
        command(dimmed.as_mut(), &json!({ "status": "ON" })).unwrap();
        let told = dimmed.read().unwrap();
        assert_eq!(told.values, Reading::numbers([("level", 100.0)]).values);
        let over = command(dimmed.as_mut(), &json!({ "level": 101 })).unwrap_err();
        assert!(matches!(over, ActError::Rejected(_)));

        let mut switched = fan("OUT");
        let refused = command(switched.as_mut(), &json!({ "level": 40 })).unwrap_err();
        assert!(matches!(refused, ActError::Rejected(_)));
        let answer = command(switched.as_mut(), &json!({ "status": "ON" })).unwrap();
        assert_eq!(answer, json!({ "state": "ON" }));
        assert_eq!(switched.read(), Some(Reading::status("ON")));
    }
}
