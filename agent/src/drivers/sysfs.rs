//! Sensors that the kernel reads: DHT22 by its IIO driver, DS18B20 by `w1_therm`.
//!
//! A sensor is looked for again at each reading: the kernel may name it anew.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{NoDriver, Reading, background::Sensor, system::tenth};

/// What the kernel calls its driver of DHT11, DHT21 and DHT22.
const DHT: &str = "dht11";
/// What a DS18B20 holds after power-on, before it has measured, in thousandths of a degree.
const POWER_ON: i32 = 85_000;

/// A temperature and humidity sensor by the IIO driver `dht11`, which reads a DHT22 as well.
#[derive(Debug)]
pub(super) struct Climate {
    devices: PathBuf,
    pin: Option<i32>,
}

impl Climate {
    /// The sensor on this pin, or the only one where the kernel does not tell its pin.
    pub(super) fn find(sysfs: &Path, pin: Option<i32>) -> Result<Self, NoDriver> {
        let sensor = Self {
            devices: sysfs.join("bus/iio/devices"),
            pin,
        };
        match sensor.device() {
            Ok(_) => Ok(sensor),
            Err(error) => {
                let pin = pin.map_or_else(|| "4".to_owned(), |pin| pin.to_string());
                Err(NoDriver(format!(
                    "{error}: load the kernel's driver (dtoverlay=dht11,gpiopin={pin})"
                )))
            }
        }
    }

    fn device(&self) -> Result<PathBuf, String> {
        let mut sensors: Vec<PathBuf> = entries(&self.devices)
            .into_iter()
            .filter(|entry| fs::read_to_string(entry.join("name")).is_ok_and(|n| n.trim() == DHT))
            .collect();
        if sensors.is_empty() {
            return Err("the kernel shows no DHT sensor".to_owned());
        }
        if let Some(pin) = self.pin {
            let own = sensors.iter().position(|s| pin_of(s) == Some(pin));
            if let Some(own) = own {
                return Ok(sensors.swap_remove(own));
            }
            sensors.retain(|sensor| pin_of(sensor).is_none());
        }
        match (sensors.pop(), sensors.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err("the kernel reads a DHT sensor on another pin".to_owned()),
            _ => Err("several DHT sensors, and the kernel does not tell their pins".to_owned()),
        }
    }
}

impl Sensor for Climate {
    fn measure(&mut self) -> Result<Reading, String> {
        let device = self.device()?;
        let temperature = thousandths(&device.join("in_temp_input"))?;
        let humidity = thousandths(&device.join("in_humidityrelative_input"))?;
        Ok(Reading::numbers([
            ("temp", tenth(f64::from(temperature) / 1_000.0)),
            ("humidity", tenth(f64::from(humidity) / 1_000.0)),
        ]))
    }
}

/// The pin of a device that the device tree describes: the second cell of `gpios`.
fn pin_of(device: &Path) -> Option<i32> {
    let cells = ["of_node/gpios", "device/of_node/gpios", "../of_node/gpios"]
        .iter()
        .find_map(|file| fs::read(device.join(file)).ok())?;
    let pin: [u8; 4] = cells.get(4..8)?.try_into().ok()?;
    i32::try_from(u32::from_be_bytes(pin)).ok()
}

/// A DS18B20 on the 1-Wire bus.
#[derive(Debug)]
pub(super) struct OneWire {
    devices: PathBuf,
    address: Option<String>,
}

impl OneWire {
    /// The sensor of this address, or else the only one.
    pub(super) fn find(sysfs: &Path, address: Option<&str>) -> Result<Self, NoDriver> {
        if let Some(address) = address.filter(|address| !is_address(address)) {
            return Err(NoDriver(format!(
                "`{address}` is no 1-Wire address such as 28-0316a2798bff"
            )));
        }
        let sensor = Self {
            devices: sysfs.join("bus/w1/devices"),
            address: address.map(ToOwned::to_owned),
        };
        match sensor.device() {
            Ok(_) => Ok(sensor),
            Err(error) => Err(NoDriver(error)),
        }
    }

    fn device(&self) -> Result<PathBuf, String> {
        if !self.devices.is_dir() {
            return Err(
                "the kernel has no 1-Wire bus: load its driver (dtoverlay=w1-gpio)".to_owned(),
            );
        }
        let mut sensors: Vec<PathBuf> = entries(&self.devices)
            .into_iter()
            .filter(|entry| {
                let name = entry.file_name().unwrap_or_default().to_string_lossy();
                match &self.address {
                    Some(address) => name.eq_ignore_ascii_case(address),
                    None => name.starts_with("28-"),
                }
            })
            .collect();
        match (sensors.pop(), sensors.is_empty(), &self.address) {
            (Some(only), true, _) => Ok(only),
            (None, _, Some(address)) => Err(format!("{address} does not answer on the 1-Wire bus")),
            (None, _, None) => Err("no DS18B20 answers on the 1-Wire bus".to_owned()),
            _ => Err("several sensors are on the 1-Wire bus: say which by its address".to_owned()),
        }
    }
}

impl Sensor for OneWire {
    fn measure(&mut self) -> Result<Reading, String> {
        match thousandths(&self.device()?.join("temperature"))? {
            POWER_ON => Err("the sensor has not measured since it has power".to_owned()),
            celsius => Ok(Reading::numbers([(
                "temp",
                tenth(f64::from(celsius) / 1_000.0),
            )])),
        }
    }
}

/// Whether this is a family and a serial number, and so no way to another folder.
fn is_address(text: &str) -> bool {
    let hexadecimal = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text.split_once('-')
        .is_some_and(|(family, serial)| hexadecimal(family, 2) && hexadecimal(serial, 12))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut entries: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// A whole number, as the kernel writes it.
fn thousandths(file: &Path) -> Result<i32, String> {
    let broken = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error: io::Error| broken(&error))?;
    text.trim().parse().map_err(|error| broken(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: impl AsRef<[u8]>) {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn dht(root: &Path, number: u32, pin: Option<u32>) {
        let at = |file: &str| format!("bus/iio/devices/iio:device{number}/{file}");
        write(root, &at("name"), "dht11\n");
        if let Some(pin) = pin {
            let cells = [[0, 0, 0, 15], pin.to_be_bytes(), [0; 4]].concat();
            write(root, &at("of_node/gpios"), cells);
        }
        write(root, &at("in_temp_input"), format!("{number}000\n"));
        write(root, &at("in_humidityrelative_input"), "45150\n");
    }

    #[test]
    fn a_dht22_is_found_among_other_sensors_and_a_broken_line_gives_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "bus/iio/devices/iio:device0/name", "bmp280\n");
        write(root, "bus/iio/devices/iio:device0/in_temp_input", "99000\n");
        assert!(Climate::find(root, Some(4)).is_err());
        dht(root, 1, None);
        let mut sensor = Climate::find(root, Some(4)).unwrap();
        let file = "bus/iio/devices/iio:device1/in_temp_input";
        write(root, file, "-5300\n");
        let expected = Reading::numbers([("temp", -5.3), ("humidity", 45.2)]);
        assert_eq!(sensor.measure().unwrap(), expected);
        write(root, file, "");
        assert!(sensor.measure().unwrap_err().contains("in_temp_input"));
        fs::remove_dir_all(root.join("bus/iio/devices/iio:device1")).unwrap();
        assert!(sensor.measure().is_err());
    }

    #[test]
    fn several_dht22_are_told_apart_by_the_pin_of_the_device_tree() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        dht(root, 0, Some(4));
        dht(root, 1, Some(22));
        let mut sensor = Climate::find(root, Some(22)).unwrap();
        let expected = Reading::numbers([("temp", 1.0), ("humidity", 45.2)]);
        assert_eq!(sensor.measure().unwrap(), expected);
        let other = Climate::find(root, Some(24)).unwrap_err();
        assert!(other.0.contains("another pin") && other.0.contains("gpiopin=24"));
    }

    #[test]
    fn a_ds18b20_is_read_by_its_address_or_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let at = |file: &str| format!("bus/w1/devices/{file}");
        assert!(OneWire::find(root, None).unwrap_err().0.contains("w1-gpio"));
        write(root, &at("w1_bus_master1/w1_master_slave_count"), "1\n");
        assert!(OneWire::find(root, None).unwrap_err().0.contains("answers"));
        write(root, &at("28-0316a2798bff/temperature"), "23437\n");
        let mut any = OneWire::find(root, None).unwrap();
        assert_eq!(any.measure().unwrap(), Reading::numbers([("temp", 23.4)]));
        write(root, &at("28-0000000000aa/temperature"), "85000\n");
        assert!(any.measure().is_err(), "two sensors and no address");
        let mut second = OneWire::find(root, Some("28-0000000000AA")).unwrap();
        assert!(second.measure().is_err(), "what it holds after power-on");
        write(root, &at("28-0000000000aa/temperature"), "-1250\n");
        assert_eq!(
            second.measure().unwrap(),
            Reading::numbers([("temp", -1.3)])
        );
    }

    #[test]
    fn an_address_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "bus/w1/devices/28-0316a2798bff/temperature",
            "1",
        );
        for wrong in [
            "../../etc",
            "28-0316a2798bff/..",
            "28",
            "",
            "28-0316a2798bfg",
        ] {
            assert!(
                OneWire::find(folder.path(), Some(wrong)).is_err(),
                "{wrong}"
            );
        }
    }
}
