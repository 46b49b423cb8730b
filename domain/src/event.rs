//! What happened to a device, for its page and for the security log.

use protocol::TimestampMs;
use serde::{Deserialize, Serialize};

use crate::device::text_enum;

text_enum! {
    /// Why a message of a device was refused.
    RefusalReason {
        /// More than 64 KiB, a text of more than 4 KiB, or more than the device's state may hold.
        PayloadTooLarge = "payload_too_large",
        /// Not strict JSON, or a member is missing.
        Malformed = "malformed",
        /// The signature is not that of this device's secret.
        WrongSignature = "wrong_signature",
        /// More than 1,024 below the highest sequence.
        SequenceTooOld = "sequence_too_old",
        /// A sequence seen before, with another valid signature.
        SequenceReused = "sequence_reused",
        /// Measured more than five minutes ahead.
        ClockAhead = "clock_ahead",
        /// Measured before the claim.
        TooOld = "too_old",
        /// The component is not attached to the device.
        UnknownComponent = "unknown_component",
        /// The pin rules of the device's hardware do not allow the component.
        ComponentNotAllowed = "component_not_allowed",
        /// The hardware variant is not the one on record.
        WrongVariant = "wrong_variant",
        /// The topic names another owner.
        WrongOwner = "wrong_owner",
        /// A topic that it may not publish to.
        ForbiddenPublish = "forbidden_publish",
        /// A filter that it may not subscribe to.
        ForbiddenSubscribe = "forbidden_subscribe",
        /// RETAIN or QoS 2 where the contract has none.
        ForbiddenOption = "forbidden_option",
        /// A certificate or client id that is not its own.
        ForbiddenConnect = "forbidden_connect",
        /// Its sender's identity is in doubt, and what is kept apart of it is full or not of this sort.
        Quarantined = "quarantined",
    }
}

/// How often one reason refused messages of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusalCount {
    /// Why.
    pub reason: RefusalReason,
    /// How often.
    pub count: u64,
    /// The last time.
    pub last_at: TimestampMs,
}

text_enum! {
    /// How grave an event is.
    Severity {
        /// Good to know.
        Info = "info",
        /// Look at it.
        Warning = "warning",
        /// Somebody must act.
        Alarm = "alarm",
    }
}

text_enum! {
    /// What kind of thing happened.
    EventKind {
        /// Presence changed; the detail holds `presence` and `cause`.
        Presence = "presence",
        /// A message was refused; the detail holds `reason`, `topic`, `count`.
        Refused = "refused",
        /// Pre-registered.
        Preregistered = "preregistered",
        /// Credentials were issued.
        CredentialsIssued = "credentials_issued",
        /// Somebody used the enrolment code with another key.
        EnrollmentConflict = "enrollment_conflict",
        /// A person became the owner.
        Claimed = "claimed",
        /// The owner gave it up.
        Unlinked = "unlinked",
        /// Its certificates were revoked.
        Revoked = "revoked",
        /// It said who it is.
        Identified = "identified",
        /// History came late; the detail holds `reports`, `from`, `to`.
        LateData = "late_data",
        /// Another report interval was set; the detail holds `from` and `to` in milliseconds, and `by`.
        ReportInterval = "report_interval",
        /// A component was attached, changed or detached; the detail holds `action`, `component`, `by`.
        Components = "components",
        /// Its identity is in doubt; the detail holds `finding`, `kind`, `cpu_serial`.
        IdentityFound = "identity_found",
        /// Somebody decided about its identity, or took that back; the detail holds `finding`, `act`, `by`.
        IdentityResolved = "identity_resolved",
        /// Somebody was given a role on it, or lost it; the detail holds `by`, `with`, `role`.
        Access = "access",
        /// It comes and goes; the detail holds `connections` within ten minutes.
        Flapping = "flapping",
        /// It stays connected again.
        Steady = "steady",
        /// Its clock is wrong; the detail holds `ahead_ms`.
        ClockWrong = "clock_wrong",
        /// Its clock is right again.
        ClockRight = "clock_right",
        /// A component fell silent while its device speaks; the detail holds `component`.
        ComponentSilent = "component_silent",
        /// A component that was silent reports again; the detail holds `component`.
        ComponentSpeaks = "component_speaks",
        /// Somebody set a value by hand; the detail holds `key`, `value`, `by`.
        StateForced = "state_forced",
        /// A value that was set by hand is the reported one again; the detail holds `key`, and `by` where a person
        /// put it back.
        StateReleased = "state_released",
        /// A command that waited was not sent: who sent it may not command the device any more. The detail holds
        /// `command`, `name`, `component`, `by`.
        CommandHeldBack = "command_held_back",
    }
}

/// One thing that happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceEvent {
    /// Counts up.
    pub id: i64,
    /// When (the last time, where `count` is more than 1).
    pub at: TimestampMs,
    /// What.
    pub kind: EventKind,
    /// How grave.
    pub severity: Severity,
    /// The particulars, by kind.
    pub detail: serde_json::Value,
    /// How often in a row.
    pub count: u32,
}
