//! Topics as the broker gives them, and links as QR codes hold them: each has one spelling.

use protocol::{DeviceId, Email, Principal, Topic, UserId, enroll::ClaimLink};

use crate::text;

/// A topic that is taken is spelled as it was, and nobody may publish for a device that is not their own.
pub(crate) fn topic(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let somebody: Email = match "kim@example.org".parse() {
        Ok(email) => email,
        Err(_) => return,
    };
    let other = Principal::Device {
        id: DeviceId::random(),
        claimed: true,
    };
    let app = Principal::App {
        user: UserId::random(),
        email: somebody.clone(),
    };
    if let Ok(topic) = text.parse::<Topic>() {
        assert_eq!(topic.to_string(), text, "one spelling");
        for retain in [false, true] {
            assert!(
                !other.may_publish(&topic, retain),
                "another device's {text}"
            );
            let own = matches!(&topic, Topic::RequestState { user, .. } if *user == somebody);
            assert_eq!(app.may_publish(&topic, retain), own && !retain, "{text}");
        }
    }
    // A filter is compared, never read: no bytes but the exact ones are let in.
    let state = format!("client/state/{}/#", somebody.to_topic_level());
    assert_eq!(app.may_subscribe(text), text == state);
    assert!(!other.may_subscribe(text), "another device's {text}");
}

/// A link that is taken is read from what it is written as.
pub(crate) fn claim_link(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(link) = text.parse::<ClaimLink>() {
        let again = link.to_string().parse::<ClaimLink>();
        assert_eq!(again.as_ref(), Ok(&link), "{text}");
    }
}
