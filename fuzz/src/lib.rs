//! What every parser that meets bytes from outside must keep, whatever the bytes are.
//!
//! A target takes bytes and panics where a rule is broken. `cargo xtask fuzz` searches for such bytes with
//! libFuzzer; what it found stays in `findings` and is tried by every test run, with the seeds in `corpus`.

#![allow(clippy::missing_panics_doc)]

mod air;
mod names;
mod payloads;
mod queries;
mod topics;

/// A parser under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Names its folders in `corpus` and `findings`.
    pub name: &'static str,
    /// Tries these bytes.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("topic", topics::topic),
    target("claim_link", topics::claim_link),
    target("envelope", payloads::envelope),
    target("signature", payloads::signature),
    target("messages", payloads::messages),
    target("bodies", payloads::bodies),
    target("names", names::names),
    target("email", names::email),
    target("filter", queries::filter),
    target("tag", queries::tag),
    target("improv", air::improv),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// The target of this name.
pub fn find(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// The bytes as text; most parsers are given text that somebody else has found to be UTF-8.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
