//! Telemetry: one report of one component.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use serde_json::{Map, Value};

use crate::{
    envelope::EnvelopeError,
    ids::{ComponentKey, Sequence, TimestampMs, ValueName},
};

/// One reading: a number, a text or a truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`
    Bool(bool),
    /// A finite double.
    Number(f64),
    /// At most a payload long.
    Text(String),
}

// By hand: the derived one tries each variant on a copy, and this is read for every value of every report.
impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl Visitor<'_> for Reading {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a text or a truth")
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(truth))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "JSON's numbers are doubles")]
            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "JSON's numbers are doubles")]
            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number as f64))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
                Ok(Scalar::Text(text))
            }
        }

        deserializer.deserialize_any(Reading)
    }
}

/// What a device measured or did, without the envelope around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it was measured.
    pub timestamp: TimestampMs,
    /// When it was handed to MQTT.
    pub sent_at: Option<TimestampMs>,
    /// Its place in the device's order.
    pub sequence: Sequence,
    /// The device's hardware variant; must be the one on record.
    pub hardware_variant: String,
    /// As in the identity.
    pub cpu_serial: Option<String>,
    /// An actuator's state → state key `{component_key}`.
    pub status: Option<String>,
    /// Readings → state keys `{component_key}_{name}`.
    pub values: BTreeMap<ValueName, Scalar>,
}

impl Report {
    /// Reads a report out of a verified body.
    pub fn from_body(body: &Map<String, Value>) -> Result<Self, EnvelopeError> {
        let raw: Raw = Raw::deserialize(body)
            .map_err(|_| EnvelopeError::Member("status, values or hardware_variant"))?;
        Ok(Self {
            timestamp: raw.timestamp,
            sent_at: raw.sent_at,
            sequence: raw.sequence,
            hardware_variant: raw.hardware_variant,
            cpu_serial: raw.cpu_serial,
            status: raw.status,
            values: raw.values,
        })
    }

    /// The body to sign and publish.
    pub fn to_body(&self) -> Map<String, Value> {
        let raw = Raw {
            timestamp: self.timestamp,
            sent_at: self.sent_at,
            sequence: self.sequence,
            hardware_variant: self.hardware_variant.clone(),
            cpu_serial: self.cpu_serial.clone(),
            status: self.status.clone(),
            values: self.values.clone(),
        };
        match serde_json::to_value(raw) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        }
    }

    /// The entries this report puts into the device's flat state.
    pub fn state_entries(&self, component: &ComponentKey) -> Vec<(String, Scalar)> {
        let status = self
            .status
            .iter()
            .map(|s| (component.to_string(), Scalar::Text(s.clone())));
        let values = self
            .values
            .iter()
            .map(|(name, v)| (format!("{component}_{name}"), v.clone()));
        status.chain(values).collect()
    }
}

#[derive(Serialize, Deserialize)]
struct Raw {
    timestamp: TimestampMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<TimestampMs>,
    sequence: Sequence,
    hardware_variant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_serial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<ValueName, Scalar>,
}
