//! A verified message whose components are known: what the committer takes.

use domain::{ComponentKey, TimestampMs, device::StateMap, event::RefusalReason};
use protocol::{Batch, LATE_AFTER_MS, MAX_TEXT_BYTES, Report, Scalar, Topic, ValueName};
use serde::Deserialize;
use serde_json::Value;
use service::telemetry::{Incoming, ReportPart};

use crate::verified::Verified;

/// A message ready to be stored, and what of it was refused.
#[derive(Debug)]
pub(crate) struct Known {
    pub incoming: Incoming,
    /// Reports of a batch that were refused; the others are stored.
    pub refused: Vec<RefusalReason>,
}

impl Known {
    /// Finds the components that a message reports on.
    pub(crate) fn resolve(verified: &Verified<'_>) -> Result<Self, RefusalReason> {
        let mut known = Self {
            incoming: empty(verified),
            refused: Vec::new(),
        };
        match &verified.received.topic {
            Topic::Report { component, .. } => {
                let report =
                    Report::from_body(&verified.body).map_err(|_| RefusalReason::Malformed)?;
                check_variant(verified, &report.hardware_variant)?;
                let part = Part {
                    key: component,
                    at: report.timestamp,
                    status: report.status,
                    values: report.values.into_iter().collect(),
                };
                known.incoming.reports = vec![part.resolve(verified)?];
            }
            Topic::Batch { .. } => {
                let batch =
                    Batch::from_body(&verified.body).map_err(|_| RefusalReason::Malformed)?;
                check_variant(verified, &batch.hardware_variant)?;
                for report in batch.reports {
                    let part = Part {
                        key: &report.component_key,
                        at: report.timestamp,
                        status: report.status,
                        values: report.values.into_iter().collect(),
                    };
                    match part.resolve(verified) {
                        Ok(part) => known.incoming.reports.push(part),
                        Err(reason) => known.refused.push(reason),
                    }
                }
            }
            Topic::OtaStatus(_) => known.incoming.state = ota_state(verified)?,
            _ => {}
        }
        Ok(known)
    }
}

struct Part<'a> {
    key: &'a ComponentKey,
    at: TimestampMs,
    status: Option<String>,
    values: Vec<(ValueName, Scalar)>,
}

impl Part<'_> {
    fn resolve(self, verified: &Verified<'_>) -> Result<ReportPart, RefusalReason> {
        let received_at = verified.received.received_at;
        if self.at.since(received_at) > LATE_AFTER_MS {
            return Err(RefusalReason::ClockAhead);
        }
        if self.at.0 < verified.sender.claimed_ms {
            return Err(RefusalReason::TooOld);
        }
        let long = |value: &Scalar| matches!(value, Scalar::Text(text) if is_long(text));
        if self.status.as_deref().is_some_and(is_long) || self.values.iter().any(|(_, v)| long(v)) {
            return Err(RefusalReason::PayloadTooLarge);
        }
        let component = verified.sender.components.get(self.key);
        let component = component.ok_or(RefusalReason::UnknownComponent)?;
        if !component.allowed {
            return Err(RefusalReason::ComponentNotAllowed);
        }
        Ok(ReportPart {
            component_id: component.id,
            key: self.key.clone(),
            at: self.at,
            late: received_at.since(self.at) > LATE_AFTER_MS,
            status: self.status,
            values: self.values,
        })
    }
}

/// Whether a text is longer than one in the state may be.
fn is_long(text: &str) -> bool {
    text.len() > MAX_TEXT_BYTES
}

fn check_variant(verified: &Verified<'_>, variant: &str) -> Result<(), RefusalReason> {
    match variant == verified.sender.hardware_variant {
        true => Ok(()),
        false => Err(RefusalReason::WrongVariant),
    }
}

fn empty(verified: &Verified<'_>) -> Incoming {
    Incoming {
        device: verified.sender.device,
        ownership: verified.sender.ownership,
        sequence: verified.envelope.sequence,
        sent_at: verified.envelope.sent_at,
        received_at: verified.received.received_at,
        report_interval_ms: verified.sender.report_interval_ms,
        reports: Vec::new(),
        state: StateMap::new(),
    }
}

/// How far an update has come, in the server's own keys of the state.
fn ota_state(verified: &Verified<'_>) -> Result<StateMap, RefusalReason> {
    #[derive(Deserialize)]
    struct OtaStatus {
        status: String,
        #[serde(default)]
        progress: Option<f64>,
        #[serde(default)]
        version: Option<String>,
    }
    let (at, received_at) = (verified.envelope.timestamp, verified.received.received_at);
    let body = Value::Object(verified.body.clone().into_owned());
    let ota = OtaStatus::deserialize(body).map_err(|_| RefusalReason::Malformed)?;
    if is_long(&ota.status) || ota.version.as_deref().is_some_and(is_long) {
        return Err(RefusalReason::PayloadTooLarge);
    }
    if received_at.since(at) > LATE_AFTER_MS {
        // Late: the device is alive, and what it says now may be in the state already.
        return Ok(StateMap::new());
    }
    let mut state = StateMap::from([("ota_status".to_owned(), Scalar::Text(ota.status))]);
    if let Some(progress) = ota.progress {
        let percent = progress.clamp(0.0, 100.0);
        state.insert("ota_progress".to_owned(), Scalar::Number(percent));
    }
    if let Some(version) = ota.version {
        state.insert("ota_version".to_owned(), Scalar::Text(version));
    }
    Ok(state)
}
