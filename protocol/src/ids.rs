//! Typed identifiers and names, parsed once at the border.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not of the form `[a-z][a-z0-9_]{0,31}` (component keys may end in `-2`, `-3`, …).
    #[error("`{0}` is not a name: a lower-case letter, then up to 31 of a-z, 0-9 and _")]
    Name(String),
    /// Not an e-mail address that fits a topic.
    #[error("`{0}` is not an e-mail address")]
    Email(String),
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random identifier (UUID version 4).
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

uuid_id! {
    /// A device: the Common Name of its certificate and its MQTT user name.
    DeviceId
}
uuid_id! {
    /// A person's account.
    UserId
}
uuid_id! {
    /// Many devices pre-registered, or given new codes, at once.
    ImportId
}
uuid_id! {
    /// One command to one device.
    CommandId
}
uuid_id! {
    /// One instruction to many devices.
    JobId
}

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct TimestampMs(pub i64);

impl TimestampMs {
    /// Milliseconds from `earlier` to `self`; negative when `self` is before it.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `delta_ms` later.
    #[must_use]
    pub fn plus_ms(self, delta_ms: i64) -> Self {
        Self(self.0.saturating_add(delta_ms))
    }
}

/// Position of a signed message in its sender's order; below 2^53.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.first(), Some(b'a'..=b'z'))
        && bytes.len() <= 32
        && bytes
            .iter()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        #[serde(try_from = "SmolStr", into = "SmolStr")]
        pub struct $name(SmolStr);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(SmolStr::new(text))
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = NameError;

            fn try_from(text: SmolStr) -> Result<Self, NameError> {
                if $check(&text) { Ok(Self(text)) } else { Err(NameError::Name(text.into())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::try_from(SmolStr::from(text))
            }
        }

        impl From<$name> for SmolStr {
            fn from(name: $name) -> SmolStr {
                name.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }
    };
}

name! {
    /// A type in the catalog, such as `dht22`, `pump` or `cpu`: `[a-z][a-z0-9_]{0,31}`.
    ComponentType, is_name
}
name! {
    /// The name of one reading of a component, such as `temp`: `[a-z][a-z0-9_]{0,31}`.
    ValueName, is_name
}
name! {
    /// One component of a device: its type, or the type and `-2`, `-3`, … for further ones.
    ///
    /// ```
    /// use protocol::ComponentKey;
    /// assert!("led".parse::<ComponentKey>().is_ok());
    /// assert!("led-2".parse::<ComponentKey>().is_ok());
    /// assert!("led-1".parse::<ComponentKey>().is_err());
    /// assert!("led-+2".parse::<ComponentKey>().is_err());
    /// assert!("LED".parse::<ComponentKey>().is_err());
    /// ```
    ComponentKey, is_component_key
}

fn is_component_key(text: &str) -> bool {
    match text.split_once('-') {
        None => is_name(text),
        Some((kind, number)) => {
            is_name(kind)
                && number.len() <= 5
                && !number.starts_with(['0', '+'])
                && number.parse::<u32>().is_ok_and(|n| n >= 2)
        }
    }
}

impl ComponentKey {
    /// The key of the `number`th component of a type on a device; the first has no suffix.
    pub fn numbered(kind: &ComponentType, number: u32) -> Self {
        if number <= 1 {
            Self(kind.0.clone())
        } else {
            Self(smol_str::format_smolstr!("{kind}-{number}"))
        }
    }

    /// The component type this key names.
    pub fn kind(&self) -> ComponentType {
        ComponentType(self.0.split('-').next().unwrap_or_default().into())
    }
}

/// An e-mail address in NFC with ASCII letters in lower case: one spelling per person.
///
/// ```
/// use protocol::Email;
/// let email: Email = "Kim+Lab@Example.org".parse().unwrap();
/// assert_eq!(email.as_str(), "kim+lab@example.org");
/// assert_eq!(email.to_topic_level(), "kim%2Blab@example.org");
/// assert_eq!(Email::from_topic_level("kim%2Blab@example.org").unwrap(), email);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// The address as it is stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as one MQTT topic level: `%`, `+`, `#` and `/` as upper-case `%XX`.
    pub fn to_topic_level(&self) -> Cow<'_, str> {
        if !self.0.contains(['%', '+', '#', '/']) {
            return Cow::Borrowed(&self.0);
        }
        let mut level = String::with_capacity(self.0.len() + 2);
        for c in self.0.chars() {
            match c {
                '%' => level.push_str("%25"),
                '+' => level.push_str("%2B"),
                '#' => level.push_str("%23"),
                '/' => level.push_str("%2F"),
                _ => level.push(c),
            }
        }
        Cow::Owned(level)
    }

    /// Reads a topic level; refuses any spelling other than the one that [`Email::to_topic_level`] gives.
    pub fn from_topic_level(level: &str) -> Result<Self, NameError> {
        let email: Self = match level.contains('%') {
            false => level.parse()?,
            true => level
                .replace("%2B", "+")
                .replace("%23", "#")
                .replace("%2F", "/")
                .replace("%25", "%")
                .parse()?,
        };
        if email.to_topic_level() == level {
            Ok(email)
        } else {
            Err(NameError::Email(level.to_owned()))
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Email {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // Composed before, where a sign stands for a letter, and after: some small letters have a composed form
        // that their capitals lack.
        let address = match text.is_ascii() {
            true => text.trim().to_ascii_lowercase(),
            false => composed(&composed(text.trim()).to_ascii_lowercase()),
        };
        let valid = address.len() <= 254
            && !address.chars().any(|c| c.is_control() || c.is_whitespace())
            && address.rsplit_once('@').is_some_and(|(local, host)| {
                !local.is_empty()
                    && local.len() <= 64
                    && !local.contains('@')
                    && !host.is_empty()
                    && !host.starts_with(['.', '-'])
                    && !host.ends_with(['.', '-'])
                    && !host.contains("..")
                    && !host.contains(['/', '#', '+', '%'])
            });
        if valid {
            Ok(Self(address))
        } else {
            Err(NameError::Email(text.to_owned()))
        }
    }
}

/// One spelling for what looks the same: normalisation form C.
#[cfg(not(target_family = "wasm"))]
fn composed(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfc().collect()
}

/// A browser reads addresses only from the server, which has composed them; its tables are a fifth of
/// what a first visit may load.
#[cfg(target_family = "wasm")]
fn composed(text: &str) -> String {
    text.to_owned()
}

impl TryFrom<String> for Email {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}
