//! The component types, hardware and wiring that every site knows from its first start.

use domain::{
    catalog::{ComponentMetadata, PinHeader, PinMode},
    component::{ComponentCategory, ValueInfo},
    device::DeviceKind,
};

/// A value's name, Korean and English label, and unit; an actuator's state has no name.
type Value = (&'static str, &'static str, &'static str, &'static str);

/// A type that is built in.
pub(super) struct Built {
    pub kind: &'static str,
    pub ko: &'static str,
    pub en: &'static str,
    pub category: ComponentCategory,
    pub telemetry: &'static str,
    icon: &'static str,
    values: &'static [Value],
    i2c: &'static [u8],
    /// How it is wired on the 40 pins of a Raspberry Pi: the best pin first.
    pub wiring: &'static [(PinMode, &'static [i32])],
}

impl Built {
    /// Units, icon and addresses.
    pub(super) fn metadata(&self) -> ComponentMetadata {
        let values = self.values.iter().map(|(name, ko, en, unit)| ValueInfo {
            name: (*name).to_owned(),
            label_ko: (*ko).to_owned(),
            label_en: (*en).to_owned(),
            unit: (*unit).to_owned(),
            icon: self.icon.to_owned(),
        });
        ComponentMetadata {
            icon: self.icon.to_owned(),
            values: values.collect(),
            i2c_addresses: self.i2c.to_vec(),
            ..ComponentMetadata::default()
        }
    }
}

const SENSOR: ComponentCategory = ComponentCategory::Sensor;
const ACTUATOR: ComponentCategory = ComponentCategory::Actuator;
const INTERNAL: ComponentCategory = ComponentCategory::InternalModule;
const STATE: &[Value] = &[("", "상태", "State", "")];

const SWITCHED: &[(PinMode, &[i32])] = &[(PinMode::Out, &[17, 27, 22, 23, 24, 25, 5, 6, 16, 26])];
const DIMMED: &[(PinMode, &[i32])] = &[
    (PinMode::Out, &[17, 27, 22, 23, 24, 25, 5, 6, 16, 26]),
    (PinMode::Pwm, &[18, 12, 13, 19]),
];
const FAN: &[(PinMode, &[i32])] = &[
    (PinMode::Pwm, &[18, 12, 13, 19]),
    (PinMode::Out, &[17, 27, 22, 23, 24, 25, 5, 6, 16, 26]),
];
const READ: &[(PinMode, &[i32])] = &[(PinMode::In, &[23, 24, 25, 22, 27, 17, 5, 6, 16, 26])];
const DHT: &[(PinMode, &[i32])] = &[(PinMode::In, &[4, 22, 24, 25, 5, 6])];
const ONE_WIRE: &[(PinMode, &[i32])] = &[(PinMode::OneWire, &[4])];
const I2C: &[(PinMode, &[i32])] = &[(PinMode::I2c, &[2])];

#[rustfmt::skip]
pub(super) const TYPES: &[Built] = &[
    Built { kind: "cpu", ko: "CPU", en: "CPU", category: INTERNAL, telemetry: "usage", icon: "cpu", i2c: &[], wiring: &[],
        values: &[("average", "CPU 평균", "CPU average", "%"), ("peak", "CPU 최고", "CPU peak", "%")] },
    Built { kind: "memory", ko: "메모리", en: "Memory", category: INTERNAL, telemetry: "usage", icon: "memory", i2c: &[], wiring: &[],
        values: &[("percent", "메모리 사용률", "Memory used", "%"), ("used_bytes", "사용 메모리", "Memory in use", "B"), ("total_bytes", "전체 메모리", "Memory total", "B")] },
    Built { kind: "disk", ko: "디스크", en: "Disk", category: INTERNAL, telemetry: "usage", icon: "disk", i2c: &[], wiring: &[],
        values: &[("percent", "디스크 사용률", "Disk used", "%"), ("free_bytes", "남은 공간", "Disk free", "B"), ("total_bytes", "전체 공간", "Disk total", "B")] },
    Built { kind: "network", ko: "네트워크", en: "Network", category: INTERNAL, telemetry: "usage", icon: "network", i2c: &[], wiring: &[],
        values: &[("received_rate", "수신", "Received", "B/s"), ("sent_rate", "송신", "Sent", "B/s")] },
    Built { kind: "temperature", ko: "온도", en: "Temperature", category: INTERNAL, telemetry: "temperature", icon: "thermometer", i2c: &[], wiring: &[],
        values: &[("celsius", "온도", "Temperature", "°C")] },
    Built { kind: "uptime", ko: "가동 시간", en: "Uptime", category: INTERNAL, telemetry: "status", icon: "clock", i2c: &[], wiring: &[],
        values: &[("seconds", "가동 시간", "Uptime", "s")] },
    Built { kind: "dht22", ko: "온습도 센서 (DHT22)", en: "Temperature and humidity (DHT22)", category: SENSOR, telemetry: "temperature", icon: "thermometer", i2c: &[], wiring: DHT,
        values: &[("temp", "온도", "Temperature", "°C"), ("humidity", "습도", "Humidity", "%")] },
    Built { kind: "ds18b20", ko: "온도 센서 (DS18B20)", en: "Temperature (DS18B20)", category: SENSOR, telemetry: "temperature", icon: "thermometer", i2c: &[], wiring: ONE_WIRE,
        values: &[("temp", "온도", "Temperature", "°C")] },
    Built { kind: "bme280", ko: "온습도·기압 센서 (BME280)", en: "Climate and pressure (BME280)", category: SENSOR, telemetry: "temperature", icon: "thermometer", i2c: &[0x76, 0x77], wiring: I2C,
        values: &[("temp", "온도", "Temperature", "°C"), ("humidity", "습도", "Humidity", "%"), ("pressure", "기압", "Pressure", "hPa")] },
    Built { kind: "bh1750", ko: "조도 센서 (BH1750)", en: "Light sensor (BH1750)", category: SENSOR, telemetry: "light", icon: "sun", i2c: &[0x23, 0x5c], wiring: I2C,
        values: &[("lux", "조도", "Illuminance", "lx")] },
    Built { kind: "soil", ko: "토양 수분 센서", en: "Soil moisture", category: SENSOR, telemetry: "humidity", icon: "droplet", i2c: &[0x36, 0x37, 0x38, 0x39], wiring: I2C,
        values: &[("moisture", "토양 수분", "Soil moisture", "%")] },
    Built { kind: "button", ko: "버튼", en: "Button", category: SENSOR, telemetry: "status", icon: "power", i2c: &[], wiring: READ, values: STATE },
    Built { kind: "door", ko: "문 열림 센서", en: "Door contact", category: SENSOR, telemetry: "status", icon: "power", i2c: &[], wiring: READ, values: STATE },
    Built { kind: "motion", ko: "움직임 센서", en: "Motion sensor", category: SENSOR, telemetry: "status", icon: "power", i2c: &[], wiring: READ, values: STATE },
    Built { kind: "led", ko: "LED", en: "LED", category: ACTUATOR, telemetry: "status", icon: "lightbulb", i2c: &[], wiring: DIMMED, values: STATE },
    Built { kind: "pump", ko: "펌프", en: "Pump", category: ACTUATOR, telemetry: "status", icon: "droplet", i2c: &[], wiring: SWITCHED, values: STATE },
    Built { kind: "fan", ko: "환풍기", en: "Fan", category: ACTUATOR, telemetry: "status", icon: "fan", i2c: &[], wiring: FAN, values: STATE },
    Built { kind: "relay", ko: "릴레이", en: "Relay", category: ACTUATOR, telemetry: "status", icon: "power", i2c: &[], wiring: SWITCHED, values: STATE },
];

const BOARD: DeviceKind = DeviceKind::Board;

/// Name in reports, what it is called, what it is, and its pins.
pub(super) const VERSIONS: [(&str, &str, DeviceKind, PinHeader); 5] = [
    ("3B", "Raspberry Pi 3 Model B", BOARD, PinHeader::J8),
    ("4B", "Raspberry Pi 4 Model B", BOARD, PinHeader::J8),
    ("5", "Raspberry Pi 5", BOARD, PinHeader::J8),
    ("Zero2W", "Raspberry Pi Zero 2 W", BOARD, PinHeader::J8),
    ("pc", "PC", DeviceKind::Computer, PinHeader::None),
];

/// By name; what they are is said by the interface, in the language of whoever reads it.
pub(super) const VARIANTS: [&str; 2] = ["Standard", "Pro"];

/// What stands in sites of the first edition in place of that, in two languages at once.
pub(super) const SAID_AT_FIRST: [&str; 2] = [
    "기본 구성 · As it is sold",
    "확장 구성 · With additional equipment",
];
