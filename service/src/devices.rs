//! Devices: pre-registration, claim, credentials, lists and pages, unlinking, revocation.

pub mod admission;
mod claim;
pub mod client_state;
mod credentials;
mod delete;
mod detail;
pub mod directory;
mod enrol;
pub mod export;
mod extras;
mod found;
mod identify;
pub mod imports;
mod list;
pub mod matching;
mod naming;
mod pace;
mod preregister;
mod relabel;
mod revoke;
mod rows;
mod search;
mod set_uuid;
pub mod sharing;
mod snapshot;
mod sparkline;
pub mod tags;
mod unlink;
pub mod views;

use domain::{DeviceId, device::DeviceKind};
use protocol::enroll::Credentials;

pub use claim::claim;
pub(crate) use claim::{new_secret, tell_owner};
pub(crate) use credentials::issue_certificate;
pub use credentials::{credentials, renew_certificate};
pub use delete::delete;
pub use detail::{detail, events, latest_events, name};
pub use domain::filter::Filter;
pub use extras::{MOST_KEYS, extras};
pub use found::Found;
pub use identify::{awaits_reset, identified, reset_acknowledged, tell_what_is_retained};
pub use list::{counts, list, list_within, revisions, visible};
pub use matching::matching;
pub use naming::{Amendment, amend, rename, set_nickname};
pub(crate) use preregister::new_code;
pub use preregister::{preregister, renew_code};
pub(crate) use revoke::certificates as revoke_certificates;
pub use revoke::revoke;
pub(crate) use rows::state;
pub(crate) use search::{index, named};
pub use set_uuid::set_uuid;
pub use snapshot::snapshots;
pub use sparkline::Sparklines;
pub use unlink::unlink;

/// A wish to pre-register a device.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Its processor's serial number.
    pub cpu_serial: String,
    /// Its UUID, where it already has one.
    pub uuid: Option<DeviceId>,
    /// Board or computer.
    pub kind: DeviceKind,
    /// `4B`, `5`, `pc`, …
    pub hardware_version: String,
    /// `Standard`, `Pro`, …
    pub hardware_variant: String,
    /// Its name; the serial number where it has none.
    pub name: Option<String>,
    /// Component types to attach from the start, such as `cpu` or `led`.
    pub components: Vec<protocol::ComponentType>,
}

/// What pre-registration shows once.
#[derive(Debug, Clone)]
pub struct Preregistered {
    /// The device.
    pub id: DeviceId,
    /// The enrolment code.
    pub code: protocol::enroll::EnrollmentCode,
    /// What the QR code holds.
    pub link: protocol::enroll::ClaimLink,
    /// The QR code, an SVG without a fixed size.
    pub qr_svg: String,
    /// The same code as its modules, row by row of a square; true is dark. Without a quiet zone.
    pub qr_modules: Vec<bool>,
}

/// The answer to a device that asks for its credentials.
#[derive(Debug)]
pub enum CredentialsOutcome {
    /// Claimed: 200.
    Complete(Credentials),
    /// Not claimed yet: 202 with `Retry-After`.
    Waiting(Credentials),
}
