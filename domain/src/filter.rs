//! What somebody looks for among devices: `presence:offline tag:lab-1 state.cpu_average>80 -tag:spare words`.
//!
//! Tests stand beside each other and all must hold; `OR` lies between alternatives, `-` before a test turns it
//! around, parentheses group, quotes hold words together, and a comma lies between values of which any will do.
//! What is written in one is the same list, export, view and target of a job.

mod parse;
mod spell;

use protocol::{DeviceId, Email};
use serde::{Deserialize, Serialize};

use crate::{
    component::ComponentCategory,
    device::{DeviceKind, Lifecycle, Presence, PresenceCause, text_enum},
    tag::Tag,
};

pub use parse::version_order;

/// The longest filter, in characters.
pub const MOST_CHARS: usize = 1_000;
/// The most tests in one filter.
pub const MOST_TESTS: usize = 64;
/// How deep groups may stand in each other.
pub const MOST_DEPTH: usize = 8;

/// A filter that was understood. Its [`Display`](std::fmt::Display) is understood as the same filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Clause);

impl Filter {
    /// What must hold; nothing must where it is an empty [`Clause::All`].
    pub fn clause(&self) -> &Clause {
        &self.0
    }

    /// Whether every device passes.
    pub fn is_empty(&self) -> bool {
        self.0 == Clause::All(Vec::new())
    }

    /// This filter, and a test besides.
    #[must_use]
    pub fn and(self, test: Test) -> Self {
        let test = Clause::Test(test);
        Self(match self.0 {
            Clause::All(all) if all.is_empty() => test,
            Clause::All(mut all) => {
                all.push(test);
                Clause::All(all)
            }
            one => Clause::All(vec![one, test]),
        })
    }

    /// What must hold at once: each condition as it is written, and the filter that is left without it.
    pub fn parts(&self) -> Vec<(String, String)> {
        let all = match &self.0 {
            Clause::All(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        (0..all.len())
            .map(|at| {
                let mut rest = all.to_vec();
                let part = Self(rest.remove(at));
                let rest = match rest.len() {
                    1 => rest.remove(0),
                    _ => Clause::All(rest),
                };
                (part.to_string(), Self(rest).to_string())
            })
            .collect()
    }

    /// Whether any of its tests is such.
    pub fn has(&self, such: impl Fn(&Test) -> bool + Copy) -> bool {
        fn within(clause: &Clause, such: impl Fn(&Test) -> bool + Copy) -> bool {
            match clause {
                Clause::All(some) | Clause::Any(some) => some.iter().any(|one| within(one, such)),
                Clause::Not(one) => within(one, such),
                Clause::Test(test) => such(test),
            }
        }
        within(&self.0, such)
    }
}

/// Tests put together.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// All of these hold.
    All(Vec<Clause>),
    /// One of these holds.
    Any(Vec<Clause>),
    /// This does not hold.
    Not(Box<Clause>),
    /// This test holds.
    Test(Test),
}

/// One thing that is true of a device or not. Where it has several values, any of them will do.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Name, nickname or serial number contain these words.
    Text(String),
    /// A text is one of these.
    Words {
        /// Which text.
        of: TextField,
        /// What it may be.
        any: Vec<Pattern>,
    },
    /// The version of its agent or firmware is so ordered to this one: `version<2.4.1`.
    Version(Order, String),
    /// It is one of these.
    Id(Vec<DeviceId>),
    /// Its presence is one of these.
    Presence(Vec<Presence>),
    /// Its presence is what it is for one of these causes.
    Cause(Vec<PresenceCause>),
    /// Its lifecycle is one of these. Without such a test revoked devices are not found.
    Lifecycle(Vec<Lifecycle>),
    /// It is one of these kinds.
    Kind(Vec<DeviceKind>),
    /// It has a component of one of these categories.
    Category(Vec<ComponentCategory>),
    /// One of these is wrong with it.
    Trouble(Vec<TroubleKind>),
    /// It is tagged so.
    Tag(Vec<TagIs>),
    /// It is owned so.
    Owner(Vec<OwnerIs>),
    /// The latest value under this key of its state.
    State(String, Reading),
    /// A moment lies so long ago, in milliseconds: `seen<5m`. What never happened was not so long ago.
    Age(Moment, Order, i64),
    /// It has never reported.
    NeverSeen,
}

text_enum! {
    /// A text of a device that a test reads.
    TextField {
        /// Its name, or this person's nickname for it; a part of it suffices.
        Name = "name",
        /// Its serial number; a part of it suffices.
        Serial = "serial",
        /// The version of its hardware, such as `4B`.
        Hardware = "hardware",
        /// The variant of its hardware, such as `Standard`.
        Variant = "variant",
        /// The version of its agent or firmware.
        Agent = "agent",
        /// The version of its hardware, or of its agent or firmware.
        Version = "version",
        /// The type or the key of a component that it has.
        Component = "component",
    }
}

text_enum! {
    /// What is wrong with a device's connection, clock or identity.
    TroubleKind {
        /// It comes and goes.
        Flapping = "flapping",
        /// Its clock is wrong.
        Clock = "clock",
        /// It is not known whether it is what it says that it is.
        Identity = "identity",
    }
}

text_enum! {
    /// A moment in a device's life.
    Moment {
        /// When its last report was received.
        Seen = "seen",
        /// Since when its presence is what it is.
        Since = "since",
        /// When it was registered.
        Created = "created",
    }
}

text_enum! {
    /// How two values compare.
    Order {
        /// Less.
        Less = "<",
        /// At most.
        AtMost = "<=",
        /// More.
        More = ">",
        /// At least.
        AtLeast = ">=",
    }
}

/// What a text may be: the same in capitals and small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The text, or its beginning.
    pub text: String,
    /// Whether anything may follow: it was written with a `*` at its end.
    pub begins: bool,
}

/// How a device is tagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagIs {
    /// With this tag.
    Named(Tag),
    /// With any tag: `tag:*`.
    Any,
    /// With none: `tag:none`.
    Untagged,
}

/// Whose a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerIs {
    /// This person's.
    Address(Email),
    /// Theirs who ask: `owner:me`.
    Me,
    /// Nobody's: `owner:none`.
    Nobody,
}

/// What a value of a state may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Anything: `state.led:*`.
    Any,
    /// One of these, as number, text or truth.
    Equals(Vec<String>),
    /// A number that is so ordered to this one.
    Compares(Order, f64),
}

text_enum! {
    /// Why a filter was not understood.
    FilterFault {
        /// There is no such field.
        UnknownField = "unknown_field",
        /// The field has no such value.
        UnknownValue = "unknown_value",
        /// A value is missing after the field.
        MissingValue = "missing_value",
        /// It is no number.
        NotANumber = "not_a_number",
        /// It is no length of time such as `5m`.
        NotADuration = "not_a_duration",
        /// Values of this field are not less or more than others.
        NotComparable = "not_comparable",
        /// This field is compared by `<` or `>`.
        NeedsComparison = "needs_comparison",
        /// A quote has no end.
        UnclosedQuote = "unclosed_quote",
        /// A group has no end.
        UnclosedGroup = "unclosed_group",
        /// Something else must stand here.
        Unexpected = "unexpected",
        /// More than [`MOST_CHARS`], [`MOST_TESTS`] or [`MOST_DEPTH`].
        TooLong = "too_long",
    }
}

/// What in a filter was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("filter: {} at character {at}, {len} long", fault.as_str())]
pub struct FilterError {
    /// Why.
    pub fault: FilterFault,
    /// From which character on, counted from 0.
    pub at: usize,
    /// How many characters.
    pub len: usize,
}

impl From<FilterError> for crate::AppError {
    fn from(error: FilterError) -> Self {
        Self::invalid("search", error.to_string())
    }
}

#[cfg(test)]
mod tests;
