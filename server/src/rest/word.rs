//! Words of closed lists, such as states and kinds, in what is asked for.
//!
//! Invariant: a word that is not in its list is refused, and the refusal names its field.

use domain::AppError;

/// A word that must be there.
pub(super) fn word<T>(
    field: &str,
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, AppError> {
    parse(text.trim()).ok_or_else(|| AppError::invalid(field, "unknown_value"))
}

/// A word that may be left out, or empty.
pub(super) fn optional<T>(
    field: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, AppError> {
    text.filter(|text| !text.trim().is_empty())
        .map(|text| word(field, text, parse))
        .transpose()
}

/// Any number of words; empty ones are none.
pub(super) fn several<'a, T>(
    field: &str,
    words: impl IntoIterator<Item = &'a str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, AppError> {
    let words = words.into_iter().filter(|text| !text.trim().is_empty());
    words.map(|text| word(field, text, &parse)).collect()
}
