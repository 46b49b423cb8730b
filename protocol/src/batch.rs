//! Catching up: stored reports of one device under one signature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    MAX_BATCH_REPORTS,
    envelope::EnvelopeError,
    ids::{ComponentKey, TimestampMs, ValueName},
    report::Scalar,
};

/// The members of `telemetry/{user_email}/{device_uuid}/batch` next to the envelope's, whose
/// `timestamp` says when the batch was put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The device's hardware variant; must be the one on record.
    pub hardware_variant: String,
    /// At most [`MAX_BATCH_REPORTS`], oldest first.
    pub reports: Vec<BatchReport>,
}

/// One stored report of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchReport {
    /// The reporting component.
    pub component_key: ComponentKey,
    /// When it was measured.
    pub timestamp: TimestampMs,
    /// An actuator's state → state key `{component_key}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Readings → state keys `{component_key}_{name}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<ValueName, Scalar>,
}

impl Batch {
    /// Reads a batch out of a verified body.
    pub fn from_body(body: &Map<String, Value>) -> Result<Self, EnvelopeError> {
        let batch = Self::deserialize(body)
            .map_err(|_| EnvelopeError::Member("reports or hardware_variant"))?;
        if batch.reports.is_empty() || batch.reports.len() > MAX_BATCH_REPORTS {
            return Err(EnvelopeError::Member("reports"));
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(reports: usize) -> Map<String, Value> {
        let one = json!({ "component_key": "dht22", "timestamp": 1, "values": { "temp": 25.5 } });
        let Value::Object(body) =
            json!({ "hardware_variant": "Standard", "reports": vec![one; reports] })
        else {
            unreachable!()
        };
        body
    }

    #[test]
    fn takes_one_to_five_hundred_reports() {
        assert_eq!(Batch::from_body(&body(500)).unwrap().reports.len(), 500);
        assert!(Batch::from_body(&body(501)).is_err());
        assert!(Batch::from_body(&body(0)).is_err());
    }
}
