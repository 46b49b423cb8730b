//! What presence, lifecycle and events are called.

use domain::{
    device::{DeviceKind, DeviceSummary, Lifecycle, Presence, PresenceCause},
    event::{EventKind, RefusalReason},
    role::DeviceRole,
};
use leptos_i18n::td_string;

use crate::{i18n::Locale, parts::Mark};

/// The shape of a device's status: its lifecycle where that matters, else its presence.
pub(crate) fn mark(device: &DeviceSummary) -> Mark {
    match (device.lifecycle, device.presence.presence) {
        (Lifecycle::Unclaimed, _) => Mark::Unclaimed,
        (Lifecycle::Revoked, _) => Mark::Alarm,
        (_, Presence::Online) => Mark::Online,
        (_, Presence::Timeout) => Mark::Timeout,
        (_, Presence::Offline) => Mark::Offline,
    }
}

/// The word for it.
pub(crate) fn status(locale: Locale, device: &DeviceSummary) -> &'static str {
    match mark(device) {
        Mark::Unclaimed => td_string!(locale, devices.unclaimed),
        Mark::Alarm => td_string!(locale, devices.revoked),
        Mark::Online => td_string!(locale, devices.online),
        Mark::Timeout => td_string!(locale, devices.timeout),
        _ => td_string!(locale, devices.offline),
    }
}

/// The word for a presence alone.
pub(crate) fn presence(locale: Locale, presence: Presence) -> &'static str {
    match presence {
        Presence::Online => td_string!(locale, devices.online),
        Presence::Timeout => td_string!(locale, devices.timeout),
        Presence::Offline => td_string!(locale, devices.offline),
    }
}

/// The word for a lifecycle alone.
pub(crate) fn lifecycle(locale: Locale, lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Unclaimed => td_string!(locale, devices.unclaimed),
        Lifecycle::Active => td_string!(locale, devices.active),
        Lifecycle::Revoked => td_string!(locale, devices.revoked),
    }
}

/// The word for a kind of device.
pub(crate) fn kind(locale: Locale, kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Board => td_string!(locale, devices.board),
        DeviceKind::Computer => td_string!(locale, devices.computer),
    }
}

/// Why presence is what it is.
pub(crate) fn cause(locale: Locale, cause: PresenceCause) -> &'static str {
    match cause {
        PresenceCause::Connected => td_string!(locale, devices.because_connected),
        PresenceCause::Silent => td_string!(locale, devices.because_silent),
        PresenceCause::ConnectionLost => td_string!(locale, devices.because_connection_lost),
        PresenceCause::KeepAlive => td_string!(locale, devices.because_keep_alive),
        PresenceCause::Disconnected => td_string!(locale, devices.because_disconnected),
        PresenceCause::TakenOver => td_string!(locale, devices.because_taken_over),
        PresenceCause::Revoked => td_string!(locale, devices.because_revoked),
        PresenceCause::ServerRestarted => td_string!(locale, devices.because_server_restarted),
        PresenceCause::NeverConnected => td_string!(locale, devices.because_never_connected),
    }
}

/// Why a device's status is what it is; nothing where that is no matter of its connection.
pub(crate) fn why(locale: Locale, device: &DeviceSummary) -> &'static str {
    match device.lifecycle {
        Lifecycle::Active => cause(locale, device.presence.cause),
        _ => "",
    }
}

/// What happened.
pub(crate) fn event(locale: Locale, kind: EventKind) -> &'static str {
    match kind {
        EventKind::Presence => td_string!(locale, devices.event_presence),
        EventKind::Refused => td_string!(locale, devices.event_refused),
        EventKind::Preregistered => td_string!(locale, devices.event_preregistered),
        EventKind::CredentialsIssued => td_string!(locale, devices.event_credentials_issued),
        EventKind::EnrollmentConflict => td_string!(locale, devices.event_enrollment_conflict),
        EventKind::Claimed => td_string!(locale, devices.event_claimed),
        EventKind::Unlinked => td_string!(locale, devices.event_unlinked),
        EventKind::Revoked => td_string!(locale, devices.event_revoked),
        EventKind::Identified => td_string!(locale, devices.event_identified),
        EventKind::LateData => td_string!(locale, devices.event_late_data),
        EventKind::ReportInterval => td_string!(locale, devices.event_report_interval),
        EventKind::Components => td_string!(locale, devices.event_components),
        EventKind::IdentityFound => td_string!(locale, devices.event_identity_found),
        EventKind::IdentityResolved => td_string!(locale, devices.event_identity_resolved),
        EventKind::Access => td_string!(locale, finding.event_access),
        EventKind::Flapping => td_string!(locale, finding.event_flapping),
        EventKind::Steady => td_string!(locale, finding.event_steady),
        EventKind::ClockWrong => td_string!(locale, finding.event_clock_wrong),
        EventKind::ClockRight => td_string!(locale, finding.event_clock_right),
        EventKind::ComponentSilent => td_string!(locale, devices.event_component_silent),
        EventKind::ComponentSpeaks => td_string!(locale, devices.event_component_speaks),
        EventKind::StateForced => td_string!(locale, traffic.event_forced),
        EventKind::StateReleased => td_string!(locale, traffic.event_released),
        EventKind::CommandHeldBack => td_string!(locale, commands.event_held_back),
    }
}

/// How often a device reports.
pub(super) fn interval(ms: i64) -> String {
    match ms % 1_000 {
        0 => format!("{} s", ms / 1_000),
        _ => format!("{ms} ms"),
    }
}

/// Why a message was refused.
pub(crate) fn refusal(locale: Locale, reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::PayloadTooLarge => td_string!(locale, devices.refused_payload_too_large),
        RefusalReason::Malformed => td_string!(locale, devices.refused_malformed),
        RefusalReason::WrongSignature => td_string!(locale, devices.refused_wrong_signature),
        RefusalReason::SequenceTooOld => td_string!(locale, devices.refused_sequence_too_old),
        RefusalReason::SequenceReused => td_string!(locale, devices.refused_sequence_reused),
        RefusalReason::ClockAhead => td_string!(locale, devices.refused_clock_ahead),
        RefusalReason::TooOld => td_string!(locale, devices.refused_too_old),
        RefusalReason::UnknownComponent => td_string!(locale, devices.refused_unknown_component),
        RefusalReason::ComponentNotAllowed => {
            td_string!(locale, devices.refused_component_not_allowed)
        }
        RefusalReason::WrongVariant => td_string!(locale, devices.refused_wrong_variant),
        RefusalReason::WrongOwner => td_string!(locale, devices.refused_wrong_owner),
        RefusalReason::ForbiddenPublish => td_string!(locale, devices.refused_forbidden_publish),
        RefusalReason::ForbiddenSubscribe => {
            td_string!(locale, devices.refused_forbidden_subscribe)
        }
        RefusalReason::ForbiddenOption => td_string!(locale, devices.refused_forbidden_option),
        RefusalReason::ForbiddenConnect => td_string!(locale, devices.refused_forbidden_connect),
        RefusalReason::Quarantined => td_string!(locale, devices.refused_quarantined),
    }
}

/// The particulars of an event, in words.
pub(crate) fn particulars(locale: Locale, event: &domain::event::DeviceEvent) -> String {
    let text = |key: &str| event.detail.get(key).and_then(|value| value.as_str());
    match event.kind {
        EventKind::Presence => {
            let presence = match text("presence").and_then(Presence::parse) {
                Some(Presence::Online) => td_string!(locale, devices.online),
                Some(Presence::Timeout) => td_string!(locale, devices.timeout),
                Some(Presence::Offline) => td_string!(locale, devices.offline),
                None => "",
            };
            let because = text("cause")
                .and_then(PresenceCause::parse)
                .map(|known| cause(locale, known))
                .unwrap_or_default();
            format!("{presence} · {because}")
        }
        EventKind::Refused => text("reason")
            .and_then(RefusalReason::parse)
            .map(|reason| refusal(locale, reason))
            .unwrap_or_default()
            .to_owned(),
        EventKind::LateData => event
            .detail
            .get("reports")
            .and_then(serde_json::Value::as_i64)
            .map(|reports| reports.to_string())
            .unwrap_or_default(),
        EventKind::ReportInterval => {
            let length = |key: &str| {
                let ms = event.detail.get(key).and_then(serde_json::Value::as_i64);
                ms.map(interval).unwrap_or_default()
            };
            let by = text("by").unwrap_or_default();
            format!("{} → {} · {by}", length("from"), length("to"))
        }
        EventKind::Identified => text("os").unwrap_or_default().to_owned(),
        EventKind::Access => {
            let role = match text("role").and_then(DeviceRole::parse) {
                Some(DeviceRole::Owner) => td_string!(locale, finding.role_owner),
                Some(DeviceRole::Viewer) => td_string!(locale, finding.role_viewer),
                None => td_string!(locale, finding.role_none),
            };
            format!("{} · {role}", text("with").unwrap_or_default())
        }
        EventKind::Flapping | EventKind::ClockWrong => super::trouble::of_event(locale, event),
        EventKind::Preregistered
        | EventKind::Claimed
        | EventKind::Unlinked
        | EventKind::Revoked => text("by").unwrap_or_default().to_owned(),
        EventKind::Components | EventKind::ComponentSilent | EventKind::ComponentSpeaks => {
            text("component").unwrap_or_default().to_owned()
        }
        EventKind::StateForced | EventKind::StateReleased => {
            let value = event.detail.get("value").map(ToString::to_string);
            let value = value.map(|value| format!("= {}", value.trim_matches('"')));
            let by = text("by").map(|by| format!("· {by}"));
            let key = text("key").map(ToOwned::to_owned);
            let parts: Vec<String> = [key, value, by].into_iter().flatten().collect();
            parts.join(" ")
        }
        EventKind::CommandHeldBack => {
            let by = text("by").filter(|by| !by.is_empty());
            let by = by.map(|by| format!("· {by}"));
            let what = [text("name"), text("component"), by.as_deref()];
            let parts: Vec<&str> = what.into_iter().flatten().collect();
            parts.join(" ")
        }
        _ => String::new(),
    }
}
