//! Who may: site roles and device roles.

use serde::{Deserialize, Serialize};

/// A person's role on the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteRole {
    /// Everything, and granting administrators' roles.
    PrimeAdmin,
    /// Everything else an administrator does.
    GeneralAdmin,
    /// Sees every device and debugs; every command is audited.
    Developer,
    /// Sees their own devices.
    Member,
}

impl SiteRole {
    /// Every role, from the most to the least powerful.
    pub const ALL: [Self; 4] = [
        Self::PrimeAdmin,
        Self::GeneralAdmin,
        Self::Developer,
        Self::Member,
    ];

    /// Whether it administers the site.
    pub fn is_admin(self) -> bool {
        matches!(self, Self::PrimeAdmin | Self::GeneralAdmin)
    }

    /// Whether it sees devices that are not shared with it.
    pub fn sees_all_devices(self) -> bool {
        !matches!(self, Self::Member)
    }

    /// The name in the database and in REST.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrimeAdmin => "prime_admin",
            Self::GeneralAdmin => "general_admin",
            Self::Developer => "developer",
            Self::Member => "member",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// A person's role on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceRole {
    /// Claimed it: commands it, shares it, gives it up.
    Owner,
    /// May look.
    Viewer,
}

impl DeviceRole {
    /// The name in the database and in REST.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Owner, Self::Viewer]
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}
