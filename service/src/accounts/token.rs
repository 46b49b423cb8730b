//! Access tokens (JWT, 10 minutes) and rotating refresh tokens of the REST interface.

/// The key that signs access tokens.
#[derive(Debug, Default)]
pub struct TokenKeys {}
