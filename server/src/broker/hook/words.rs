//! What is refused and why a connection ended, in the broker's words and in ours.

use domain::{device::PresenceCause, event::RefusalReason};
use rmqtt::{
    codec::v5::PublishAckReason,
    types::{PublishAclResult, PublishResult, Reason},
};

/// Acknowledged with a reason where the protocol has room for one.
pub(super) fn refused(reason: RefusalReason) -> PublishAclResult {
    let code = match reason {
        RefusalReason::Malformed | RefusalReason::PayloadTooLarge => {
            PublishAckReason::PayloadFormatInvalid
        }
        RefusalReason::ForbiddenPublish
        | RefusalReason::ForbiddenOption
        | RefusalReason::WrongSignature
        | RefusalReason::ComponentNotAllowed
        | RefusalReason::WrongOwner => PublishAckReason::NotAuthorized,
        _ => PublishAckReason::ImplementationSpecificError,
    };
    let text = Some(reason.as_str().into());
    PublishAclResult(PublishResult::reason_code(code, text, false))
}

/// Sessions of one client are told apart by when they began.
pub(super) fn number(created_ms: i64) -> u64 {
    u64::try_from(created_ms).unwrap_or_default()
}

/// Why a connection ended.
pub(super) fn cause(reason: &Reason) -> PresenceCause {
    match reason {
        Reason::ConnectDisconnect(_) => PresenceCause::Disconnected,
        Reason::ConnectKeepaliveTimeout => PresenceCause::KeepAlive,
        Reason::ConnectKicked(true) => PresenceCause::Revoked,
        Reason::ConnectKicked(false) => PresenceCause::TakenOver,
        Reason::Reasons(reasons) => reasons
            .iter()
            .map(cause)
            .find(|cause| *cause != PresenceCause::ConnectionLost)
            .unwrap_or(PresenceCause::ConnectionLost),
        _ => PresenceCause::ConnectionLost,
    }
}
