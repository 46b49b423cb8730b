//! Outputs that are dimmed: pulses by the kernel's PWM, through its folder under `class/pwm`.
//!
//! The header's four PWM pins are channels of one chip: two of them on boards up to the Raspberry Pi 4, four on the 5.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{ActError, Driver, Job, NoDriver, Reading, switch};

/// One pulse, in nanoseconds: 1 kHz, which no eye sees.
const PERIOD_NS: u64 = 1_000_000;

/// A lamp or a fan that runs at a level from 0 to 100 percent.
#[derive(Debug)]
pub(super) struct Output {
    channel: PathBuf,
    level: u8,
}

impl Output {
    /// Takes the channel of this pin and starts it.
    pub(super) fn open(
        chip: &Path,
        pin: i32,
        default_state: Option<&str>,
    ) -> Result<Self, NoDriver> {
        let count = fs::read_to_string(chip.join("npwm")).map_err(|_| {
            NoDriver(format!(
                "{} is not there: load the kernel's driver (dtoverlay=pwm-2chan)",
                chip.display()
            ))
        })?;
        let number = channel_of(pin, count.trim().parse().unwrap_or(0))
            .ok_or_else(|| NoDriver(format!("GPIO{pin} is no channel of {}", chip.display())))?;
        let channel = chip.join(format!("pwm{number}"));
        if !channel.is_dir() {
            write(&chip.join("export"), number).map_err(NoDriver)?;
        }
        let level = if switch::starts_on(default_state) {
            100
        } else {
            0
        };
        let mut output = Self { channel, level };
        output.start().map_err(NoDriver)?;
        Ok(output)
    }

    fn start(&mut self) -> Result<(), String> {
        // The kernel refuses a period below the pulse that is set.
        write(&self.channel.join("duty_cycle"), 0)?;
        write(&self.channel.join("period"), PERIOD_NS)?;
        self.set(self.level)?;
        write(&self.channel.join("enable"), 1)
    }

    fn set(&mut self, level: u8) -> Result<(), String> {
        let pulse = PERIOD_NS * u64::from(level.min(100)) / 100;
        write(&self.channel.join("duty_cycle"), pulse)?;
        self.level = level;
        Ok(())
    }
}

impl Driver for Output {
    fn read(&mut self) -> Option<Reading> {
        Some(switch::dimmed(self.level))
    }

    fn begin(&mut self, arguments: &Map<String, Value>) -> Result<Job, ActError> {
        switch::begin_dimmed(arguments)
    }

    fn finish(&mut self, job: &Job) -> Result<Value, ActError> {
        let level = switch::level_wanted(job);
        self.set(level).map_err(ActError::Failed)?;
        Ok(switch::done_dimmed(level))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = write(&self.channel.join("duty_cycle"), 0);
        let _ = write(&self.channel.join("enable"), 0);
    }
}

/// The channel behind a pin, on a chip with so many.
fn channel_of(pin: i32, channels: u32) -> Option<u64> {
    match (channels, pin) {
        (2, 12 | 18) | (4, 12) => Some(0),
        (2, 13 | 19) | (4, 13) => Some(1),
        (4, 18) => Some(2),
        (4, 19) => Some(3),
        _ => None,
    }
}

fn write(file: &Path, number: u64) -> Result<(), String> {
    fs::write(file, number.to_string()).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A chip whose channels are exported already, as a folder cannot export them itself.
    fn chip(channels: u32) -> tempfile::TempDir {
        let chip = tempfile::tempdir().unwrap();
        fs::write(chip.path().join("npwm"), format!("{channels}\n")).unwrap();
        for channel in 0..channels {
            fs::create_dir(chip.path().join(format!("pwm{channel}"))).unwrap();
        }
        chip
    }

    fn set(chip: &tempfile::TempDir, channel: u32) -> (String, String) {
        let file = |name: &str| {
            let path = chip.path().join(format!("pwm{channel}")).join(name);
            fs::read_to_string(path).unwrap()
        };
        (file("duty_cycle"), file("enable"))
    }

    fn command(output: &mut Output, arguments: &Value) -> Result<Value, ActError> {
        let job = output.begin(arguments.as_object().unwrap())?;
        output.finish(&job)
    }

    #[test]
    fn a_fan_is_switched_and_dimmed_and_left_off() {
        let chip = chip(2);
        let mut fan = Output::open(chip.path(), 19, Some("ON")).unwrap();
        assert_eq!(set(&chip, 1), ("1000000".to_owned(), "1".to_owned()));
        command(&mut fan, &json!({ "level": 40 })).unwrap();
        assert_eq!(set(&chip, 1).0, "400000");
        let told = fan.read().unwrap();
        assert_eq!(told.status.as_deref(), Some("ON"));
        assert_eq!(told.values, Reading::numbers([("level", 40.0)]).values);
        let answer = command(&mut fan, &json!({ "status": "OFF" })).unwrap();
        assert_eq!(answer, json!({ "state": "OFF", "level": 0 }));
        for wrong in [
            json!({ "level": 101 }),
            json!({ "level": -1 }),
            json!({ "status": "MAYBE" }),
        ] {
            let refused = command(&mut fan, &wrong).unwrap_err();
            assert!(matches!(refused, ActError::Rejected(_)), "{wrong}");
        }
        command(&mut fan, &json!({ "status": "ON" })).unwrap();
        drop(fan);
        assert_eq!(set(&chip, 1), ("0".to_owned(), "0".to_owned()));
    }

    #[test]
    fn each_pin_has_the_channel_of_its_board() {
        assert_eq!(
            [12, 13, 18, 19].map(|pin| channel_of(pin, 2)),
            [0, 1, 0, 1].map(Some)
        );
        assert_eq!(
            [12, 13, 18, 19].map(|pin| channel_of(pin, 4)),
            [0, 1, 2, 3].map(Some)
        );
        assert!(
            Output::open(chip(2).path(), 17, None)
                .unwrap_err()
                .0
                .contains("GPIO17")
        );
    }
}
