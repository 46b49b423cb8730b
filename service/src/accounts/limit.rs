//! Slows down and limits tries: wrong passwords, enrolment codes, invitations.

/// The limiters of this process.
#[derive(Debug, Default)]
pub struct Limits {}
