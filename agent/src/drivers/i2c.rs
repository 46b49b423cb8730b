//! Sensors on the I²C bus, by published drivers on the kernel's bus device.
//!
//! A sensor is set up anew for each measurement: one that lost power or was replaced meanwhile is not read with
//! another's calibration.

use std::path::{Path, PathBuf};

use bh1750::{BH1750, Resolution};
use bme280::i2c::BME280;
use embedded_hal::{delay::DelayNs, i2c::I2c};
use linux_embedded_hal::{Delay, I2cdev};
use protocol::identity::ComponentSpec;

use super::{
    Loaded, NoDriver, Reading,
    background::{Background, Sensor},
    system::tenth,
};

/// Where a BME280 and its kin tell what they are, and what one without a hygrometer says there.
const CHIP_ID: u8 = 0xd0;
const BMP280: u8 = 0x58;

/// The driver of a sensor on this bus.
pub(super) fn driver(bus: &Path, component: &ComponentSpec) -> Loaded {
    let address = address(component.address.as_deref())?;
    let kind = match component.component_type.as_str() {
        "bme280" => Kind::Climate,
        "bh1750" => Kind::Light,
        _ => return Err(NoDriver::for_type(component)),
    };
    let sensor = OnBus {
        bus: bus.to_owned(),
        address,
        kind,
    };
    sensor
        .open()
        .map_err(|error| NoDriver(format!("{error}: is I²C switched on?")))?;
    let driver = Background::start(&component.component_key, sensor)?;
    Ok(Box::new(driver))
}

fn address(text: Option<&str>) -> Result<u8, NoDriver> {
    text.and_then(|text| u8::from_str_radix(text.strip_prefix("0x")?, 16).ok())
        .filter(|address| (0x08..=0x77).contains(address))
        .ok_or_else(|| NoDriver("it has no I²C address such as 0x76".to_owned()))
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Climate,
    Light,
}

struct OnBus {
    bus: PathBuf,
    address: u8,
    kind: Kind,
}

impl OnBus {
    fn open(&self) -> Result<I2cdev, String> {
        I2cdev::new(&self.bus).map_err(|error| format!("{}: {error}", self.bus.display()))
    }
}

impl Sensor for OnBus {
    fn measure(&mut self) -> Result<Reading, String> {
        let bus = self.open()?;
        match self.kind {
            Kind::Climate => climate(bus, self.address, &mut Delay),
            Kind::Light => light(bus, self.address, Delay),
        }
    }
}

/// Temperature, pressure, and humidity where the chip measures it.
fn climate<B: I2c>(mut bus: B, address: u8, delay: &mut impl DelayNs) -> Result<Reading, String> {
    let mut chip = [0];
    bus.write_read(address, &[CHIP_ID], &mut chip)
        .map_err(|error| format!("{address:#04x}: {error:?}"))?;
    let failed = |error: bme280::Error<B::Error>| format!("{address:#04x}: {error:?}");
    let mut sensor = BME280::new(bus, address);
    sensor.init(delay).map_err(failed)?;
    let measured = sensor.measure(delay).map_err(failed)?;
    let temperature = tenth(f64::from(measured.temperature));
    let pressure = tenth(f64::from(measured.pressure) / 100.0);
    let mut reading = Reading::numbers([("temp", temperature), ("pressure", pressure)]);
    if chip[0] != BMP280 {
        let humidity = tenth(f64::from(measured.humidity));
        let more = Reading::numbers([("humidity", humidity)]);
        reading.values.extend(more.values);
    }
    Ok(reading)
}

/// Illuminance.
fn light<B: I2c>(bus: B, address: u8, delay: impl DelayNs) -> Result<Reading, String> {
    let mut sensor = BH1750::new_custom_address(bus, delay, address);
    let lux = sensor
        .get_one_time_measurement(Resolution::High)
        .map_err(|error| format!("{address:#04x}: {error:?}"))?;
    Ok(Reading::numbers([("lux", tenth(f64::from(lux)))]))
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{ErrorKind, ErrorType, NoAcknowledgeSource, Operation};

    use super::*;

    /// A chip with 256 registers at one address.
    struct Chip {
        address: u8,
        registers: [u8; 256],
        at: usize,
    }

    impl ErrorType for Chip {
        type Error = ErrorKind;
    }

    impl I2c for Chip {
        fn transaction(
            &mut self,
            address: u8,
            operations: &mut [Operation<'_>],
        ) -> Result<(), ErrorKind> {
            if address != self.address {
                return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
            }
            for operation in operations {
                match operation {
                    Operation::Write(bytes) => {
                        self.at = usize::from(bytes[0]);
                        self.registers[self.at..][..bytes.len() - 1].copy_from_slice(&bytes[1..]);
                    }
                    Operation::Read(bytes) => {
                        let length = bytes.len();
                        bytes.copy_from_slice(&self.registers[self.at..][..length]);
                    }
                }
            }
            Ok(())
        }
    }

    struct NoDelay;

    impl DelayNs for NoDelay {
        fn delay_ns(&mut self, _: u32) {}
    }

    /// The calibration and the raw values of the example in the maker's data sheet (BMP280, 3.12): 25.08 °C,
    /// 1006.53 hPa.
    fn data_sheet(id: u8) -> Chip {
        let mut registers = [0; 256];
        registers[usize::from(CHIP_ID)] = id;
        let calibration: [u16; 12] = [
            27_504,
            26_435,
            (-1_000_i16).cast_unsigned(),
            36_477,
            (-10_685_i16).cast_unsigned(),
            3_024,
            2_855,
            140,
            (-7_i16).cast_unsigned(),
            15_500,
            (-14_600_i16).cast_unsigned(),
            6_000,
        ];
        for (at, word) in calibration.iter().enumerate() {
            registers[0x88 + 2 * at..][..2].copy_from_slice(&word.to_le_bytes());
        }
        let raw = |value: u32| {
            let bytes = (value << 4).to_be_bytes();
            [bytes[1], bytes[2], bytes[3]]
        };
        registers[0xf7..0xfa].copy_from_slice(&raw(415_148));
        registers[0xfa..0xfd].copy_from_slice(&raw(519_888));
        Chip {
            address: 0x76,
            registers,
            at: 0,
        }
    }

    #[test]
    fn a_climate_sensor_gives_what_its_data_sheet_says() {
        let reading = climate(data_sheet(BMP280), 0x76, &mut NoDelay).unwrap();
        let expected = Reading::numbers([("temp", 25.1), ("pressure", 1_006.5)]);
        assert_eq!(
            reading, expected,
            "a chip without a hygrometer has no humidity"
        );
        let reading = climate(data_sheet(0x60), 0x76, &mut NoDelay).unwrap();
        assert!(reading.values.contains_key(&"humidity".parse().unwrap()));
    }

    #[test]
    fn a_light_sensor_gives_its_count_in_lux() {
        let mut chip = data_sheet(0);
        chip.address = 0x23;
        // The count that it answers to the instruction of one measurement: 33,400 / 1.2.
        chip.registers[0x20..0x22].copy_from_slice(&33_400_u16.to_be_bytes());
        let reading = light(chip, 0x23, NoDelay).unwrap();
        assert_eq!(reading, Reading::numbers([("lux", 27_833.3)]));
    }

    #[test]
    fn a_chip_that_is_not_there_or_another_is_an_error() {
        assert!(climate(data_sheet(0x60), 0x77, &mut NoDelay).is_err());
        assert!(climate(data_sheet(0x11), 0x76, &mut NoDelay).is_err());
        assert!(light(data_sheet(0), 0x5c, NoDelay).is_err());
        for wrong in [None, Some("76"), Some("0x00"), Some("0x78"), Some("0xzz")] {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(address(Some("0x5c")), Ok(0x5c));
    }
}
