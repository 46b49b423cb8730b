//! What people type to find devices.

use domain::{filter::Filter, tag::Tag};

use crate::text;

/// A filter that is understood is written so that it is understood the same; a fault is inside of the text.
pub(crate) fn filter(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match text.parse::<Filter>() {
        Ok(filter) => {
            let written = filter.to_string();
            let again = written.parse::<Filter>();
            // What is written may be longer than what was typed, and too long to be read.
            if written.chars().count() <= text.chars().count() {
                assert_eq!(again.as_ref(), Ok(&filter), "{text:?} → {written:?}");
            }
            if let Ok(again) = again {
                assert_eq!(again, filter, "{text:?} → {written:?}");
            }
        }
        Err(error) => {
            let letters = text.chars().count();
            assert!(error.at <= letters, "{text:?}: {error:?}");
        }
    }
}

/// A tag that is taken is taken as it is kept.
pub(crate) fn tag(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(tag) = text.parse::<Tag>() {
        let again = tag.as_str().parse::<Tag>();
        assert_eq!(again.as_ref(), Ok(&tag), "{text:?}");
    }
}
