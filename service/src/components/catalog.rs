//! The component types that every site knows from its first start.

use domain::{
    AppError,
    component::{ComponentCategory, ValueInfo},
};
use entity::component_type::{ActiveModel, Column, Entity};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use serde_json::json;

use crate::{Services, internal};

/// A value's name, Korean and English label, and unit; an actuator's state has no name.
type Value = (&'static str, &'static str, &'static str, &'static str);

struct Built {
    kind: &'static str,
    ko: &'static str,
    en: &'static str,
    category: ComponentCategory,
    telemetry: &'static str,
    icon: &'static str,
    values: &'static [Value],
}

const SENSOR: ComponentCategory = ComponentCategory::Sensor;
const ACTUATOR: ComponentCategory = ComponentCategory::Actuator;
const INTERNAL: ComponentCategory = ComponentCategory::InternalModule;
const STATE: &[Value] = &[("", "상태", "State", "")];

#[rustfmt::skip]
const BUILT_IN: &[Built] = &[
    Built { kind: "cpu", ko: "CPU", en: "CPU", category: INTERNAL, telemetry: "usage", icon: "cpu",
        values: &[("average", "CPU 평균", "CPU average", "%"), ("peak", "CPU 최고", "CPU peak", "%")] },
    Built { kind: "memory", ko: "메모리", en: "Memory", category: INTERNAL, telemetry: "usage", icon: "memory",
        values: &[("percent", "메모리 사용률", "Memory used", "%"), ("used_bytes", "사용 메모리", "Memory in use", "B"), ("total_bytes", "전체 메모리", "Memory total", "B")] },
    Built { kind: "disk", ko: "디스크", en: "Disk", category: INTERNAL, telemetry: "usage", icon: "disk",
        values: &[("percent", "디스크 사용률", "Disk used", "%"), ("free_bytes", "남은 공간", "Disk free", "B"), ("total_bytes", "전체 공간", "Disk total", "B")] },
    Built { kind: "network", ko: "네트워크", en: "Network", category: INTERNAL, telemetry: "usage", icon: "network",
        values: &[("received_rate", "수신", "Received", "B/s"), ("sent_rate", "송신", "Sent", "B/s")] },
    Built { kind: "temperature", ko: "온도", en: "Temperature", category: INTERNAL, telemetry: "temperature", icon: "thermometer",
        values: &[("celsius", "온도", "Temperature", "°C")] },
    Built { kind: "uptime", ko: "가동 시간", en: "Uptime", category: INTERNAL, telemetry: "status", icon: "clock",
        values: &[("seconds", "가동 시간", "Uptime", "s")] },
    Built { kind: "dht22", ko: "온습도 센서 (DHT22)", en: "Temperature and humidity (DHT22)", category: SENSOR, telemetry: "temperature", icon: "thermometer",
        values: &[("temp", "온도", "Temperature", "°C"), ("humidity", "습도", "Humidity", "%")] },
    Built { kind: "ds18b20", ko: "온도 센서 (DS18B20)", en: "Temperature (DS18B20)", category: SENSOR, telemetry: "temperature", icon: "thermometer",
        values: &[("temp", "온도", "Temperature", "°C")] },
    Built { kind: "light", ko: "조도 센서", en: "Light sensor", category: SENSOR, telemetry: "light", icon: "sun",
        values: &[("lux", "조도", "Illuminance", "lx")] },
    Built { kind: "soil", ko: "토양 수분 센서", en: "Soil moisture", category: SENSOR, telemetry: "humidity", icon: "droplet",
        values: &[("moisture", "토양 수분", "Soil moisture", "%")] },
    Built { kind: "led", ko: "LED", en: "LED", category: ACTUATOR, telemetry: "status", icon: "lightbulb", values: STATE },
    Built { kind: "pump", ko: "펌프", en: "Pump", category: ACTUATOR, telemetry: "status", icon: "droplet", values: STATE },
    Built { kind: "fan", ko: "환풍기", en: "Fan", category: ACTUATOR, telemetry: "status", icon: "fan", values: STATE },
    Built { kind: "relay", ko: "릴레이", en: "Relay", category: ACTUATOR, telemetry: "status", icon: "power", values: STATE },
];

/// Adds the built-in types that are missing; what an administrator changed stays.
pub async fn seed(services: &Services) -> Result<(), AppError> {
    let rows = BUILT_IN.iter().map(|built| {
        let values: Vec<ValueInfo> = built
            .values
            .iter()
            .map(|(name, ko, en, unit)| ValueInfo {
                name: (*name).to_owned(),
                label_ko: (*ko).to_owned(),
                label_en: (*en).to_owned(),
                unit: (*unit).to_owned(),
                icon: built.icon.to_owned(),
            })
            .collect();
        ActiveModel {
            component_type: Set(built.kind.to_owned()),
            display_name_ko: Set(built.ko.to_owned()),
            display_name_en: Set(built.en.to_owned()),
            category: Set(built.category.as_str().to_owned()),
            telemetry_category: Set(Some(built.telemetry.to_owned())),
            description: Set(None),
            metadata: Set(json!({ "icon": built.icon, "values": values })),
        }
    });
    Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(Column::ComponentType)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&services.db.write)
        .await
        .map_err(internal)?;
    Ok(())
}
