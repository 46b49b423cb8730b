//! The site's certificate authority: made on first start, kept in the data folder.

/// The authority and the server's own certificate.
#[derive(Debug)]
pub struct Pki {}
