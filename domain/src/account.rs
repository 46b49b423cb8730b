//! People: who is signed in, and who else there is.

use protocol::{Email, TimestampMs, UserId};
use serde::{Deserialize, Serialize};

use crate::{device::text_enum, role::SiteRole};

text_enum! {
    /// The interface's languages.
    Language {
        /// 한국어
        Korean = "ko",
        /// English
        English = "en",
    }
}

text_enum! {
    /// The interface's themes.
    Theme {
        /// As the system has it.
        System = "system",
        /// Warm paper.
        Light = "light",
        /// Deep blue-black.
        Dark = "dark",
    }
}

text_enum! {
    /// Who may make an account.
    Registration {
        /// Nobody.
        Closed = "closed",
        /// Whoever holds an invitation.
        Invite = "invite",
        /// Everybody.
        Open = "open",
    }
}

/// The person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// Their id.
    pub id: UserId,
    /// Their address.
    pub email: Email,
    /// What to call them.
    pub name: String,
    /// Their role on the site.
    pub role: SiteRole,
}

/// A browser in which a person is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Names it; the cookie's value cannot be found from it.
    pub id: String,
    /// When they signed in.
    pub created_at: TimestampMs,
    /// When it was last used, to within five minutes.
    pub last_seen_at: TimestampMs,
    /// The browser's own `User-Agent`, shortened.
    pub user_agent: Option<String>,
    /// The address from which it was last used.
    pub address: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// An installation of an app that may connect to the broker for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppInfo {
    /// Its id: the serial number of its first certificate.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// When it was admitted.
    pub created_at: TimestampMs,
    /// When its newest certificate ends.
    pub expires_at: TimestampMs,
}

/// One row of the list of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSummary {
    /// Their id.
    pub id: UserId,
    /// Their address.
    pub email: Email,
    /// What to call them.
    pub name: String,
    /// Their role on the site.
    pub role: SiteRole,
    /// When they joined.
    pub created_at: TimestampMs,
    /// When they last signed in.
    pub last_sign_in_at: Option<TimestampMs>,
    /// Whether they may sign in.
    pub active: bool,
    /// How many devices they own.
    pub devices: u64,
}

/// An invitation that has not been used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Its id, not the code.
    pub id: String,
    /// Who it is for, where it is for one person.
    pub email: Option<Email>,
    /// The role it gives.
    pub role: SiteRole,
    /// Who made it.
    pub created_by: String,
    /// Until when it works.
    pub expires_at: TimestampMs,
}
