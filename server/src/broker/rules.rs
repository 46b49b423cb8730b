//! The wire's rules on one packet, without I/O.

use domain::event::RefusalReason;
use protocol::{
    Principal, Topic,
    identity::{PresenceMessage, PresenceStatus},
};

/// The longest suffix of an app's client id.
const MAX_SUFFIX_BYTES: usize = 64;

/// A publish, as far as the rules look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub topic: &'a str,
    pub retain: bool,
    pub exactly_once: bool,
}

/// The topic that a principal may publish this packet to.
pub(super) fn publish(principal: &Principal, packet: Packet<'_>) -> Result<Topic, RefusalReason> {
    if packet.exactly_once {
        return Err(RefusalReason::ForbiddenOption);
    }
    let topic: Topic = packet
        .topic
        .parse()
        .map_err(|_| RefusalReason::ForbiddenPublish)?;
    if principal.may_publish(&topic, packet.retain) {
        Ok(topic)
    } else if packet.retain && principal.may_publish(&topic, false) {
        Err(RefusalReason::ForbiddenOption)
    } else {
        Err(RefusalReason::ForbiddenPublish)
    }
}

/// A will, as far as the rules look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Will<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub exactly_once: bool,
}

/// Whether a client id and a will are ones that this principal may have.
pub(super) fn connect(
    principal: &Principal,
    common_name: &str,
    client_id: &str,
    will: Option<Will<'_>>,
) -> Result<(), RefusalReason> {
    let own_id = match principal {
        Principal::Device { .. } => client_id == common_name,
        Principal::App { .. } => client_id
            .strip_prefix(common_name)
            .is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_suffix)),
    };
    let own_will = match (principal, will) {
        (_, None) => true,
        // The broker will say it in the device's name: only that it is gone.
        (Principal::Device { id, .. }, Some(will)) => {
            let said = serde_json::from_slice::<PresenceMessage>(will.payload);
            will.topic.parse() == Ok(Topic::Presence(*id))
                && !will.exactly_once
                && said.is_ok_and(|said| said.status == PresenceStatus::Offline)
        }
        (Principal::App { .. }, Some(_)) => false,
    };
    match own_id && own_will {
        true => Ok(()),
        false => Err(RefusalReason::ForbiddenConnect),
    }
}

/// Whether an app may tell its sessions apart by this.
fn is_suffix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=MAX_SUFFIX_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use domain::DeviceId;

    use super::*;

    #[test]
    fn options_are_told_apart_from_topics() {
        let id = DeviceId::random();
        let device = Principal::Device { id, claimed: true };
        let check = |topic: &str, retain, exactly_once| {
            publish(
                &device,
                Packet {
                    topic,
                    retain,
                    exactly_once,
                },
            )
        };
        let identity = format!("system/{id}/identity");
        assert!(check(&identity, false, false).is_ok());
        let option = Err(RefusalReason::ForbiddenOption);
        assert_eq!(check(&identity, true, false), option);
        assert_eq!(check(&identity, false, true), option);
        assert!(check(&format!("presence/{id}"), true, false).is_ok());
        let topic = Err(RefusalReason::ForbiddenPublish);
        assert_eq!(check("$SYS/x", false, false), topic);
        assert_eq!(check(&format!("commands/{id}/set"), false, false), topic);
    }

    fn gone_on(topic: &str) -> Will<'_> {
        Will {
            topic,
            payload: br#"{"status":"OFFLINE"}"#,
            exactly_once: false,
        }
    }

    #[test]
    fn a_client_has_its_own_id_and_its_own_will() {
        let id = DeviceId::random();
        let name = id.to_string();
        let device = Principal::Device { id, claimed: false };
        let presence = format!("presence/{id}");
        let other = format!("presence/{}", DeviceId::random());
        assert!(connect(&device, &name, &name, Some(gone_on(&presence))).is_ok());
        assert!(connect(&device, &name, &name, Some(gone_on(&other))).is_err());
        assert!(connect(&device, &name, "another", None).is_err());
        assert!(connect(&device, &name, &format!("{name}:1"), None).is_err());
        let will = |payload: &'static str, exactly_once| Will {
            topic: &presence,
            payload: payload.as_bytes(),
            exactly_once,
        };
        let gone = r#"{"status":"OFFLINE"}"#;
        for wrong in [
            will(gone, true),
            will(r#"{"status":"ONLINE"}"#, false),
            will("", false),
            will("OFFLINE", false),
        ] {
            assert!(connect(&device, &name, &name, Some(wrong)).is_err());
        }
        let app = Principal::App {
            user: domain::UserId::random(),
            email: "kim@example.org".parse().unwrap(),
        };
        assert!(connect(&app, "u", "u:phone", None).is_ok());
        assert!(connect(&app, "u", &format!("u:{}", "x".repeat(64)), None).is_ok());
        for wrong in ["", "#/+", "a\u{1}", "집", &"x".repeat(65)] {
            assert!(connect(&app, "u", &format!("u:{wrong}"), None).is_err());
        }
        assert!(connect(&app, "u", "u2", None).is_err());
        assert!(connect(&app, "u", "u", Some(gone_on(&presence))).is_err());
    }
}
