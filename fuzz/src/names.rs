//! Ids and addresses: what is taken is spelled in one way and fits where it is used.

use std::{fmt::Display, str::FromStr};

use protocol::{
    CommandId, ComponentKey, ComponentType, DeviceId, Email, UserId, ValueName,
    enroll::{CaHash, EnrollmentCode},
};

use crate::text;

/// Ids, component names and codes.
pub(crate) fn names(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    stable::<DeviceId>(text);
    stable::<UserId>(text);
    stable::<CommandId>(text);
    stable::<ComponentType>(text);
    stable::<ComponentKey>(text);
    stable::<ValueName>(text);
    stable::<CaHash>(text);
    stable::<EnrollmentCode>(text);
    if let Ok(key) = text.parse::<ComponentKey>() {
        assert!(text.starts_with(key.kind().as_str()), "{text}");
        assert!(!text.contains(['/', '+', '#']), "{text} is one topic level");
    }
}

/// Addresses, as they are typed and as a topic's level.
pub(crate) fn email(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    stable::<Email>(text);
    if let Ok(email) = text.parse::<Email>() {
        let level = email.to_topic_level();
        assert!(
            !level.contains(['/', '+', '#']),
            "{level} is one topic level"
        );
        assert_eq!(
            Email::from_topic_level(&level).as_ref(),
            Ok(&email),
            "{level}"
        );
    }
    if let Ok(email) = Email::from_topic_level(text) {
        assert_eq!(email.to_topic_level(), text, "one spelling");
    }
}

/// What is taken is taken as it is written, and is the same.
fn stable<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        let again = written.parse::<T>().ok();
        assert!(again == Some(value), "{text:?} was written as {written:?}");
    }
}
