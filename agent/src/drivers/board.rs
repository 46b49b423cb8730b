//! What is wired to a board, by its type and mode: through the kernel's own drivers wherever it has one.

use std::path::PathBuf;

use protocol::identity::ComponentSpec;
use serde::Deserialize;

use super::{Loaded, NoDriver, background::Background, pwm, sysfs};

/// Where the kernel shows what is wired to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Board {
    /// `/sys`, or the folder that stands for it.
    pub sysfs: PathBuf,
    /// The bus of the I²C sensors.
    pub i2c: PathBuf,
    /// The chip whose lines are the pins, by number; none finds them by name (`GPIO17`), as a Raspberry Pi has them.
    pub gpio_chip: Option<PathBuf>,
    /// The chip under `class/pwm` that drives the header.
    pub pwm_chip: String,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            sysfs: PathBuf::from("/sys"),
            i2c: PathBuf::from("/dev/i2c-1"),
            gpio_chip: None,
            pwm_chip: "pwmchip0".to_owned(),
        }
    }
}

impl Board {
    /// The driver of a component that is wired to this board.
    pub fn driver(&self, component: &ComponentSpec) -> Loaded {
        let key = &component.component_key;
        match component.component_type.as_str() {
            "dht22" => {
                let sensor = sysfs::Climate::find(&self.sysfs, component.pin_number)?;
                Ok(Box::new(Background::start(key, sensor)?))
            }
            "ds18b20" => {
                let sensor = sysfs::OneWire::find(&self.sysfs, component.address.as_deref())?;
                Ok(Box::new(Background::start(key, sensor)?))
            }
            #[cfg(target_os = "linux")]
            "bme280" | "bh1750" => super::i2c::driver(&self.i2c, component),
            _ => self.on_a_pin(component),
        }
    }

    fn on_a_pin(&self, component: &ComponentSpec) -> Loaded {
        let (Some(pin), Some(mode)) = (component.pin_number, component.pin_mode.as_deref()) else {
            return Err(NoDriver::for_type(component));
        };
        match mode {
            "PWM" => Ok(Box::new(pwm::Output::open(
                &self.sysfs.join("class/pwm").join(&self.pwm_chip),
                pin,
                component.default_state.as_deref(),
            )?)),
            #[cfg(target_os = "linux")]
            "OUT" | "IN" => super::gpio::driver(self.gpio_chip.as_deref(), pin, mode, component),
            _ => Err(NoDriver(format!(
                "this machine has no driver for `{}` in mode {mode}",
                component.component_type
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: &str, pin: Option<i32>, mode: Option<&str>) -> ComponentSpec {
        ComponentSpec {
            component_key: kind.parse().unwrap(),
            component_type: kind.parse().unwrap(),
            pin_number: pin,
            pin_mode: mode.map(str::to_owned),
            default_state: None,
            address: None,
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_words() {
        let empty = tempfile::tempdir().unwrap();
        let board = Board {
            sysfs: empty.path().to_owned(),
            i2c: empty.path().join("i2c-1"),
            gpio_chip: Some(empty.path().join("gpiochip0")),
            ..Board::default()
        };
        let refused = |spec: ComponentSpec| board.driver(&spec).err().unwrap().0;
        assert!(refused(spec("dht22", Some(4), Some("IN"))).contains("dtoverlay=dht11,gpiopin=4"));
        assert!(refused(spec("ds18b20", Some(4), Some("ONEWIRE"))).contains("dtoverlay=w1-gpio"));
        assert!(refused(spec("led", Some(18), Some("PWM"))).contains("dtoverlay=pwm"));
        assert!(refused(spec("soil", Some(2), Some("I2C"))).contains("`soil` in mode I2C"));
        assert!(refused(spec("radar", None, None)).contains("no driver for `radar`"));
        #[cfg(target_os = "linux")]
        {
            assert!(refused(spec("led", Some(17), Some("OUT"))).contains("gpiochip0"));
            let mut light = spec("bh1750", Some(2), Some("I2C"));
            assert!(refused(light.clone()).contains("address"));
            light.address = Some("0x23".to_owned());
            assert!(refused(light).contains("i2c-1"));
        }
    }
}
