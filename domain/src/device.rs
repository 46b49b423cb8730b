//! Devices: what a list row and a device's page say about one.

use std::{collections::BTreeMap, ops::RangeInclusive};

use protocol::{DeviceId, Email, Scalar, TimestampMs};
use serde::{Deserialize, Serialize};

use crate::{component::Component, role::DeviceRole};

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $(
                $(#[$vdoc])*
                #[serde(rename = $text)]
                #[cfg_attr(feature = "openapi", schema(rename = $text))]
                $variant,
            )+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the database, in REST and in the address bar.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of that name.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text)
            }
        }
    };
}
pub(crate) use text_enum;

text_enum! {
    /// What kind of thing a device is.
    DeviceKind {
        /// A Raspberry Pi and the like.
        Board = "board",
        /// A PC.
        Computer = "computer",
    }
}

text_enum! {
    /// Where a device stands between box and bin.
    Lifecycle {
        /// Pre-registered, without an owner.
        Unclaimed = "unclaimed",
        /// Has an owner.
        Active = "active",
        /// Stolen or deleted: its certificates are refused.
        Revoked = "revoked",
    }
}

text_enum! {
    /// Whether a device is there.
    Presence {
        /// Connected and reporting.
        Online = "ONLINE",
        /// Connected but silent past its deadline.
        Timeout = "TIMEOUT",
        /// The connection is gone.
        Offline = "OFFLINE",
    }
}

text_enum! {
    /// Why presence is what it is.
    PresenceCause {
        /// It connected, or spoke again.
        Connected = "connected",
        /// No report until the deadline.
        Silent = "silent",
        /// The connection broke without a goodbye.
        ConnectionLost = "connection_lost",
        /// The keep-alive ran out.
        KeepAlive = "keep_alive",
        /// The device said goodbye.
        Disconnected = "disconnected",
        /// Another connection of the same device took over.
        TakenOver = "taken_over",
        /// The server refused or ended the connection: revoked.
        Revoked = "revoked",
        /// The server started; nothing has connected yet.
        ServerRestarted = "server_restarted",
        /// It has never connected.
        NeverConnected = "never_connected",
    }
}

/// Presence with its reason and its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresenceInfo {
    /// What it is.
    pub presence: Presence,
    /// Why.
    pub cause: PresenceCause,
    /// Since when.
    pub since: TimestampMs,
}

/// How often a device may be told to report, in milliseconds: ten times a second to once a day.
pub const REPORT_INTERVAL_MS: RangeInclusive<i64> = 100..=86_400_000;

/// The flat merged state: `led` → `ON`, `dht22_temp` → 25.5.
pub type StateMap = BTreeMap<String, Scalar>;

/// One row of the device list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceSummary {
    /// Its UUID.
    pub id: DeviceId,
    /// This person's nickname for it, or else its name.
    pub name: String,
    /// Its processor's serial number.
    pub cpu_serial: String,
    /// Board or computer.
    pub kind: DeviceKind,
    /// `4B`, `5`, `pc`, …
    pub hardware_version: String,
    /// `Standard`, `Pro`, …
    pub hardware_variant: String,
    /// Unclaimed, active or revoked.
    pub lifecycle: Lifecycle,
    /// Whether it is there, why, since when.
    pub presence: PresenceInfo,
    /// The owner's address.
    pub owner: Option<Email>,
    /// The agent's or firmware's version.
    pub agent_version: Option<String>,
    /// When the last report was received.
    pub last_report_at: Option<TimestampMs>,
    /// The reading worth a column: the first of its state's numbers that its kind leads with.
    pub headline: Option<Headline>,
    /// Reports refused since the last accepted one; 0 when all is well. Only administrators are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_recently: Option<u32>,
    /// Counts up with every change of state or presence.
    pub revision: u64,
}

/// One value in a list row, with the last hour of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Headline {
    /// The state key, such as `cpu_average`.
    pub key: String,
    /// The latest value.
    pub value: Scalar,
    /// Whether somebody has set it by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// `%`, `°C`, …; empty where there is none.
    pub unit: String,
    /// Means of the last hour in parts of three minutes, oldest first; `None` where nothing was reported.
    pub last_hour: Vec<Option<f32>>,
}

/// Everything the head and the state tiles of a device's page show.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each says whether this person may do one thing"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceDetail {
    /// What the list row says.
    pub summary: DeviceSummary,
    /// The device's own name, without this person's nickname.
    pub site_name: String,
    /// This person's role on it; administrators and developers may have none.
    pub my_role: Option<DeviceRole>,
    /// Whether this person may command it: not one that nobody has claimed, or that is revoked.
    pub may_command: bool,
    /// Whether this person may administer it: components, tags, sharing; not where it is revoked.
    pub may_manage: bool,
    /// Whether this person may give it up: who claimed it, and administrators. Others with a role on it may leave.
    #[serde(default)]
    pub may_give_up: bool,
    /// Whether this person may delete it for good: administrators, where it was never claimed and never connected.
    #[serde(default)]
    pub may_delete: bool,
    /// Its attached components.
    pub components: Vec<Component>,
    /// Its merged state.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Scalar>))]
    pub state: StateMap,
    /// When each state key was last reported.
    pub state_at: BTreeMap<String, TimestampMs>,
    /// Which values of the state somebody has set by hand, to debug.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forced: BTreeMap<String, crate::forced::Forced>,
    /// What is desired of its components.
    #[serde(default)]
    pub desired: Vec<crate::twin::Desired>,
    /// How often it should report, in milliseconds.
    pub report_interval_ms: i64,
    /// Days that its reports are kept; `None` where the site's own apply.
    pub keep_reports_days: Option<u32>,
    /// How far its clock is ahead (positive) or behind, in milliseconds, at the last report.
    pub clock_skew_ms: Option<i64>,
    /// Its operating system.
    pub os: Option<String>,
    /// The network that it was on when it last said who it is; not one from before it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<SaidNetwork>,
    /// When it was pre-registered.
    pub created_at: TimestampMs,
    /// When it was claimed.
    pub claimed_at: Option<TimestampMs>,
    /// When its certificate ends.
    pub certificate_expires_at: Option<TimestampMs>,
    /// How often each reason refused a message of it, most frequent first. Only administrators are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusals: Option<Vec<crate::event::RefusalCount>>,
    /// Messages that came twice and were stored once.
    pub duplicates: u64,
}

/// A network that a device said it is on. Both names are its own words: short, and otherwise anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SaidNetwork {
    /// The interface over which it reached the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The name of the Wi-Fi network that its radio had joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssid: Option<String>,
    /// When it said so.
    pub said_at: TimestampMs,
}

text_enum! {
    /// By what a device list is sorted.
    DeviceSort {
        /// The worst first, then by name.
        Severity = "severity",
        /// By name.
        Name = "name",
        /// By the last report, newest first.
        LastReport = "last_report",
        /// By version of agent or firmware.
        Version = "version",
        /// By when it was registered, newest first.
        Created = "created",
    }
}

/// A filtered, sorted page of the device list, as its address spells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceQuery {
    /// Words to find in name, nickname and serial; any two Korean syllables suffice.
    pub search: String,
    /// Only these presences; empty means all.
    pub presence: Vec<Presence>,
    /// Only these lifecycles; empty means all but revoked.
    pub lifecycle: Vec<Lifecycle>,
    /// Only these kinds; empty means all.
    pub kind: Vec<DeviceKind>,
    /// By what to sort.
    pub sort: DeviceSort,
    /// Whether to turn the sort's natural direction around.
    pub reverse: bool,
    /// From 1.
    pub page: u32,
    /// 10 to 200.
    pub page_size: u32,
}

impl Default for DeviceQuery {
    fn default() -> Self {
        Self {
            search: String::new(),
            presence: Vec::new(),
            lifecycle: Vec::new(),
            kind: Vec::new(),
            sort: DeviceSort::Severity,
            reverse: false,
            page: 1,
            page_size: 50,
        }
    }
}

/// How many devices there are of each status, for the overview and the list's tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PresenceCounts {
    /// Active and `ONLINE`.
    pub online: u64,
    /// Active and `TIMEOUT`.
    pub timeout: u64,
    /// Active and `OFFLINE`.
    pub offline: u64,
    /// Without an owner.
    pub unclaimed: u64,
    /// Revoked.
    pub revoked: u64,
}

impl PresenceCounts {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.online + self.timeout + self.offline + self.unclaimed + self.revoked
    }
}
