//! Identity: what each device says it is, compared with what is known; what is found, kept apart, decided, undone.
//!
//! Invariants: what a doubtful speaker reports is durable before it is acknowledged and reaches neither state nor
//! history until somebody, or a policy, lets it; and every act keeps what was before, so that it can be undone.
//! `docs/identity.md` has the rules.

mod act;
mod finding;
mod hear;
mod policy;
mod quarantine;
mod sightings;

pub(crate) use act::begin_anew;
pub use act::{new_code, resolve, undo};
pub(crate) use finding::settled_before;
pub use finding::{KEY, REUSED, list, open_count, read};
pub(crate) use hear::is_blocked;
pub use hear::{Standing, heard, suspected};
pub use policy::{policies, set_policy};
pub use quarantine::{Hold, Waiting, forget, hold, lets_through, purge, waiting};
pub(crate) use quarantine::{is_held, is_in_doubt, ownership_ended};
pub use sightings::Sightings;
