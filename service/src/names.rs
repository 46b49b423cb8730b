//! Names that people give: to devices, people, views, components, keys.
//!
//! Invariant: a name that is kept shows something, and shows it in the order in which it was written.

use domain::{
    AppError,
    text::{is_misleading, is_unseen},
};
use unicode_normalization::UnicodeNormalization;

/// A name in NFC of 1 to `most` characters, without what has no width and no meaning. The joiners that some scripts and
/// emoji need stay within it. An error where it has other characters than a name can have, or shows nothing.
pub(crate) fn checked(field: &str, name: &str, most: usize) -> Result<String, AppError> {
    if name.trim().is_empty() {
        return Err(AppError::invalid(field, "name"));
    }
    let letters = name.chars().filter(|letter| !is_nothing(*letter));
    let name: String = letters.nfc().collect();
    let is_joiner = |letter: char| matches!(letter, '\u{200c}' | '\u{200d}');
    let shown = name.trim_matches(|letter: char| letter.is_whitespace() || is_joiner(letter));
    if shown.chars().any(is_misleading) {
        return Err(AppError::invalid(field, "name_characters"));
    }
    if shown.chars().count() > most {
        return Err(AppError::invalid(field, "name"));
    }
    if shown.chars().all(is_unseen) {
        return Err(AppError::invalid(field, "name_characters"));
    }
    Ok(shown.to_owned())
}

/// Whether two names that differ by this character alone are the same to whoever reads them.
fn is_nothing(letter: char) -> bool {
    matches!(letter, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(name: &str) -> String {
        match checked("name", name, 5) {
            Err(AppError::Invalid { field, message }) if field == "name" => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_shows_something_in_the_order_in_which_it_was_written() {
        for (name, kept) in [
            (" 온실 ", "온실"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("a\u{200b}b\u{feff}", "ab"),
            ("می\u{200c}خ", "می\u{200c}خ"),
            ("👩\u{200d}🌾", "👩\u{200d}🌾"),
            ("\u{200d}a\u{200c}", "a"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
        ] {
            assert_eq!(checked("name", name, 5).as_deref(), Ok(kept), "{name:?}");
        }
        for name in ["", "  ", "abcdef"] {
            assert_eq!(reason(name), "name", "{name:?}");
        }
        for name in [
            "\u{200b}",
            "\u{2060}\u{feff}",
            "\u{200d}",
            "\u{3164}",
            "\u{2800} \u{2800}",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\nb",
            "a\0",
            "\u{1b}",
        ] {
            assert_eq!(reason(name), "name_characters", "{name:?}");
        }
    }
}
