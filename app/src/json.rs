//! How server functions that only read travel: JSON both ways.
//!
//! The answer is read as text, as a page reads what the server put into it: one decoder for each type in the
//! browser, not two.

use leptos::server_fn::{ContentType, Decodes, Encodes, Format, FormatType, codec::Post};
use serde::{Serialize, de::DeserializeOwned};

/// The input and output of a server function that reads.
pub type Json = Post<JsonText>;

/// JSON as UTF-8 text.
#[derive(Debug, Clone, Copy)]
pub struct JsonText;

impl ContentType for JsonText {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonText {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<bytes::Bytes, Self::Error> {
        serde_json::to_string(value).map(bytes::Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonText {
    type Error = serde_json::Error;

    fn decode(bytes: bytes::Bytes) -> Result<T, Self::Error> {
        let text = std::str::from_utf8(&bytes).map_err(serde::de::Error::custom)?;
        serde_json::from_str(text)
    }
}
