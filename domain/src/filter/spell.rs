//! Writing a filter so that it is read as the same one.

use std::fmt;

use super::{Clause, Filter, OwnerIs, Reading, TagIs, Test};
use crate::tag::UNTAGGED;

const OR: &str = " OR ";

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        clause(f, &self.0, false)
    }
}

fn clause(f: &mut fmt::Formatter<'_>, of: &Clause, inner: bool) -> fmt::Result {
    match of {
        Clause::All(some) => several(f, some, " ", inner),
        Clause::Any(some) => several(f, some, OR, inner),
        Clause::Not(one) => {
            f.write_str("-")?;
            clause(f, one, true)
        }
        Clause::Test(one) => test(f, one),
    }
}

fn several(f: &mut fmt::Formatter<'_>, some: &[Clause], between: &str, inner: bool) -> fmt::Result {
    f.write_str(if inner { "(" } else { "" })?;
    for (at, one) in some.iter().enumerate() {
        f.write_str(if at > 0 { between } else { "" })?;
        // `a OR b c` needs no group, and one more might be too deep to be read.
        let grouped = !(between == OR && matches!(one, Clause::All(_)));
        clause(f, one, grouped)?;
    }
    f.write_str(if inner { ")" } else { "" })
}

fn test(f: &mut fmt::Formatter<'_>, of: &Test) -> fmt::Result {
    match of {
        Test::Text(text) => f.write_str(&word(text)),
        Test::Words { of, any } => {
            let any = any.iter().map(|pattern| {
                let end = if pattern.begins { "*" } else { "" };
                value(&format!("{}{end}", pattern.text))
            });
            list(f, of.as_str(), any)
        }
        Test::Version(order, than) => write!(f, "version{}{}", order.as_str(), value(than)),
        Test::Id(ids) => list(f, "id", ids.iter().map(ToString::to_string)),
        Test::Presence(any) => list(f, "presence", any.iter().map(|p| p.as_str().to_lowercase())),
        Test::Cause(any) => list(f, "cause", any.iter().map(|c| c.as_str().to_owned())),
        Test::Lifecycle(any) => list(f, "lifecycle", any.iter().map(|l| l.as_str().to_owned())),
        Test::Kind(any) => list(f, "kind", any.iter().map(|k| k.as_str().to_owned())),
        Test::Category(any) => list(f, "category", any.iter().map(|c| c.as_str().to_owned())),
        Test::Trouble(any) => list(f, "is", any.iter().map(|t| t.as_str().to_owned())),
        Test::Tag(any) => list(
            f,
            "tag",
            any.iter().map(|tag| match tag {
                TagIs::Any => "*".to_owned(),
                TagIs::Untagged => UNTAGGED.to_owned(),
                TagIs::Named(tag) => tag.to_string(),
            }),
        ),
        Test::Owner(any) => list(
            f,
            "owner",
            any.iter().map(|owner| match owner {
                OwnerIs::Me => "me".to_owned(),
                OwnerIs::Nobody => "none".to_owned(),
                OwnerIs::Address(email) => value(email.as_str()),
            }),
        ),
        Test::State(key, Reading::Any) => write!(f, "state.{key}:*"),
        Test::State(key, Reading::Equals(any)) => list(
            f,
            &format!("state.{key}"),
            any.iter().map(|text| value(text)),
        ),
        Test::State(key, Reading::Compares(order, number)) => {
            write!(f, "state.{key}{}{number}", order.as_str())
        }
        Test::Age(moment, order, ms) => {
            write!(f, "{}{}{}", moment.as_str(), order.as_str(), duration(*ms))
        }
        Test::NeverSeen => f.write_str("seen:never"),
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    values: impl Iterator<Item = String>,
) -> fmt::Result {
    let values: Vec<String> = values.collect();
    write!(f, "{name}:{}", values.join(","))
}

fn duration(ms: i64) -> String {
    let seconds = ms / 1_000;
    let (unit, name) = [(604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm')]
        .into_iter()
        .find(|(unit, _)| seconds % unit == 0)
        .unwrap_or((1, 's'));
    format!("{}{name}", seconds / unit)
}

/// A word of a search, in quotes where it would be read as something else.
fn word(text: &str) -> String {
    let special = |letter: char| letter.is_whitespace() || "()\":=<>!\\".contains(letter);
    match text.starts_with('-') || text == "OR" || text.contains(special) {
        true => quoted(text),
        false => text.to_owned(),
    }
}

/// A value of a field, in quotes where it would be read as something else.
fn value(text: &str) -> String {
    let special = |letter: char| letter.is_whitespace() || "(),\"\\".contains(letter);
    match text.is_empty() || text.contains(special) {
        true => quoted(text),
        false => text.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
