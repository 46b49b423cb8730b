//! Tags: words that devices are grouped by.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::text::is_unseen;

/// The longest tag, in characters.
const MOST_CHARS: usize = 32;
/// What a search calls being without a tag.
pub const UNTAGGED: &str = "none";

/// A word that devices are grouped by: 1 to 32 letters, digits, `-`, `_` or `.`, lower case, beginning with a
/// letter or digit. `none` is no tag: it finds what has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(into = "String")]
// A browser reads what the server has checked: the tables of all letters are no part of its code.
#[cfg_attr(not(target_family = "wasm"), serde(try_from = "String"))]
pub struct Tag(String);

/// It is no [`Tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tag has 1 to 32 letters, digits, `-`, `_` or `.`")]
pub struct NoTag;

impl Tag {
    /// The tag as it is stored and searched.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = NoTag;

    fn from_str(text: &str) -> Result<Self, NoTag> {
        let tag = text.trim().to_lowercase();
        let fits = (1..=MOST_CHARS).contains(&tag.chars().count())
            && tag.starts_with(char::is_alphanumeric)
            && tag
                .chars()
                .all(|letter| letter.is_alphanumeric() || "-_.".contains(letter))
            // The fillers of Hangul are letters.
            && !tag.chars().any(is_unseen)
            && tag != UNTAGGED;
        fits.then_some(Self(tag)).ok_or(NoTag)
    }
}

impl TryFrom<String> for Tag {
    type Error = NoTag;

    fn try_from(text: String) -> Result<Self, NoTag> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many devices each tag has, and how many have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagCounts {
    /// The tags by name.
    pub tags: Vec<(Tag, u64)>,
    /// Devices without a tag.
    pub untagged: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_word_in_lower_case() {
        for (text, tag) in [(" Lab-1 ", "lab-1"), ("온실_A.2", "온실_a.2"), ("7", "7")] {
            assert_eq!(text.parse::<Tag>().expect(text).as_str(), tag);
        }
        for text in [
            "",
            "none",
            "a b",
            "a,b",
            "-spare",
            "\"x\"",
            "a:b",
            "\u{3164}",
            "a\u{200b}",
            &"x".repeat(33),
        ] {
            assert_eq!(text.parse::<Tag>(), Err(NoTag), "{text}");
        }
    }
}
