//! Reading a filter: every part is a type afterwards, and what is not understood is pointed at.

use std::{cmp::Ordering, str::FromStr};

use super::{
    Clause, Filter, FilterError, FilterFault as Fault, MOST_CHARS, MOST_DEPTH, MOST_TESTS, Moment,
    Order, OwnerIs, Pattern, Reading, TagIs, Test, TextField,
};
use crate::{device::Presence, tag::UNTAGGED};

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader {
            letters: text.chars().collect(),
            at: 0,
            tests: 0,
        };
        if reader.letters.len() > MOST_CHARS {
            return Err(FilterError {
                fault: Fault::TooLong,
                at: MOST_CHARS,
                len: reader.letters.len() - MOST_CHARS,
            });
        }
        // PostgreSQL takes no U+0000 in a text, and nobody types the others.
        let unseen = |letter: &char| letter.is_control() && !letter.is_whitespace();
        if let Some(at) = reader.letters.iter().position(unseen) {
            return Err(reader.fault(Fault::Unexpected, at, 1));
        }
        reader.space();
        if reader.peek().is_none() {
            return Ok(Self(Clause::All(Vec::new())));
        }
        let clause = reader.alternatives(0)?;
        match reader.peek() {
            None => Ok(Self(clause)),
            Some(_) => Err(reader.fault(Fault::Unexpected, reader.at, 1)),
        }
    }
}

/// How a field is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Compares(Order),
}

/// A value as it is written, and where.
#[derive(Debug)]
struct Value {
    text: String,
    at: usize,
    len: usize,
}

impl Value {
    fn refused(&self, fault: Fault) -> FilterError {
        FilterError {
            fault,
            at: self.at,
            len: self.len.max(1),
        }
    }
}

struct Reader {
    letters: Vec<char>,
    at: usize,
    tests: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    #[expect(clippy::unused_self, reason = "reads as what the reader says")]
    fn fault(&self, fault: Fault, at: usize, len: usize) -> FilterError {
        FilterError { fault, at, len }
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Whether `OR` stands here as a word of its own.
    fn at_or(&self) -> bool {
        let after = self.letters.get(self.at + 2);
        self.letters[self.at..].starts_with(&['O', 'R'])
            && after.is_none_or(|letter| letter.is_whitespace() || "()".contains(*letter))
    }

    fn alternatives(&mut self, depth: usize) -> Result<Clause, FilterError> {
        let mut any = vec![self.together(depth)?];
        while self.peek().is_some() && self.at_or() {
            self.at += 2;
            self.space();
            any.push(self.together(depth)?);
        }
        Ok(single(any, Clause::Any))
    }

    fn together(&mut self, depth: usize) -> Result<Clause, FilterError> {
        let mut all = Vec::new();
        while let Some(letter) = self.peek() {
            if letter == ')' || self.at_or() {
                break;
            }
            all.push(self.one(depth)?);
            self.space();
        }
        match all.is_empty() {
            true => Err(self.fault(Fault::Unexpected, self.at, 1)),
            false => Ok(single(all, Clause::All)),
        }
    }

    fn one(&mut self, depth: usize) -> Result<Clause, FilterError> {
        let turned = self.peek() == Some('-')
            && self
                .letters
                .get(self.at + 1)
                .is_some_and(|letter| !letter.is_whitespace() && !"-)".contains(*letter));
        self.at += usize::from(turned);
        let clause = match self.peek() {
            Some('(') => self.group(depth)?,
            _ => self.test()?,
        };
        Ok(match turned {
            true => not(clause),
            false => clause,
        })
    }

    fn group(&mut self, depth: usize) -> Result<Clause, FilterError> {
        let began = self.at;
        if depth >= MOST_DEPTH {
            return Err(self.fault(Fault::TooLong, began, 1));
        }
        self.at += 1;
        self.space();
        let clause = self.alternatives(depth + 1)?;
        match self.peek() {
            Some(')') => {
                self.at += 1;
                Ok(clause)
            }
            _ => Err(self.fault(Fault::UnclosedGroup, began, 1)),
        }
    }

    fn test(&mut self) -> Result<Clause, FilterError> {
        let began = self.at;
        self.tests += 1;
        if self.tests > MOST_TESTS {
            return Err(self.fault(Fault::TooLong, began, 1));
        }
        if self.peek() == Some('"') {
            let text = self.quoted()?;
            return match text.trim().is_empty() {
                true => Err(self.fault(Fault::MissingValue, began, self.at - began)),
                false => Ok(Clause::Test(Test::Text(text))),
            };
        }
        let ends = |letter: char| letter.is_whitespace() || "()".contains(letter);
        while let Some(letter) = self.peek() {
            if ends(letter) {
                break;
            }
            if let Some((operator, long)) = self.operator() {
                let name: String = self.letters[began..self.at].iter().collect();
                self.at += long;
                return self.field(&name.to_lowercase(), began, operator);
            }
            self.at += 1;
        }
        let text = self.letters[began..self.at].iter().collect();
        Ok(Clause::Test(Test::Text(text)))
    }

    fn operator(&self) -> Option<(Operator, usize)> {
        let next = self.letters.get(self.at + 1);
        let or_equal = next == Some(&'=');
        Some(match self.peek()? {
            ':' | '=' => (Operator::Is, 1),
            '!' if or_equal => (Operator::IsNot, 2),
            '<' if or_equal => (Operator::Compares(Order::AtMost), 2),
            '>' if or_equal => (Operator::Compares(Order::AtLeast), 2),
            '<' => (Operator::Compares(Order::Less), 1),
            '>' => (Operator::Compares(Order::More), 1),
            _ => return None,
        })
    }

    fn field(&mut self, name: &str, at: usize, by: Operator) -> Result<Clause, FilterError> {
        let long = name.chars().count();
        if long == 0 {
            return Err(self.fault(Fault::Unexpected, at, 1));
        }
        let values = self.values(at)?;
        let unknown = || FilterError {
            fault: Fault::UnknownField,
            at,
            len: long,
        };
        let test = match by {
            Operator::Is | Operator::IsNot => is(name, &values).ok_or_else(unknown)??,
            Operator::Compares(order) => {
                let [value] = values.as_slice() else {
                    return Err(values[1].refused(Fault::Unexpected));
                };
                compares(name, order, value).ok_or_else(|| match is(name, &values) {
                    Some(_) => FilterError {
                        fault: Fault::NotComparable,
                        at,
                        len: self.at - at,
                    },
                    None => unknown(),
                })??
            }
        };
        let test = Clause::Test(test);
        Ok(match by {
            Operator::IsNot => not(test),
            _ => test,
        })
    }

    /// One value or several with commas; `at` is where their field begins.
    fn values(&mut self, at: usize) -> Result<Vec<Value>, FilterError> {
        let mut values = Vec::new();
        loop {
            let began = self.at;
            let text = match self.peek() {
                Some('"') => self.quoted()?,
                _ => {
                    while self
                        .peek()
                        .is_some_and(|letter| !letter.is_whitespace() && !"(),".contains(letter))
                    {
                        self.at += 1;
                    }
                    self.letters[began..self.at].iter().collect()
                }
            };
            if text.trim().is_empty() {
                return Err(self.fault(Fault::MissingValue, at, (self.at - at).max(1)));
            }
            values.push(Value {
                text,
                at: began,
                len: self.at - began,
            });
            if self.peek() != Some(',') {
                return Ok(values);
            }
            self.at += 1;
        }
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let began = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            match letter {
                '"' => return Ok(text),
                '\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                letter => text.push(letter),
            }
        }
        Err(self.fault(Fault::UnclosedQuote, began, 1))
    }
}

fn single(mut some: Vec<Clause>, of: fn(Vec<Clause>) -> Clause) -> Clause {
    match (some.len(), some.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            some.extend(last);
            of(some)
        }
    }
}

fn not(clause: Clause) -> Clause {
    match clause {
        Clause::Not(inner) => *inner,
        clause => Clause::Not(Box::new(clause)),
    }
}

type Asked = Option<Result<Test, FilterError>>;

/// The test that `name:value,value` stands for; `None` where there is no such field.
fn is(name: &str, values: &[Value]) -> Asked {
    if let Some(key) = name.strip_prefix("state.") {
        return state_key(key).map(|key| {
            let any = values.iter().any(|value| value.text == "*");
            Ok(Test::State(
                key,
                match any {
                    true => Reading::Any,
                    false => Reading::Equals(values.iter().map(|v| v.text.clone()).collect()),
                },
            ))
        });
    }
    if let Some(of) = TextField::parse(name) {
        let any = values.iter().map(|value| pattern(&value.text)).collect();
        return Some(Ok(Test::Words { of, any }));
    }
    Some(match name {
        "id" => each(values, |text| text.parse().ok()).map(Test::Id),
        "presence" => each(values, presence).map(Test::Presence),
        "cause" => each(values, |text| {
            lower(text, crate::device::PresenceCause::parse)
        })
        .map(Test::Cause),
        "lifecycle" => {
            each(values, |text| lower(text, crate::device::Lifecycle::parse)).map(Test::Lifecycle)
        }
        "kind" => {
            each(values, |text| lower(text, crate::device::DeviceKind::parse)).map(Test::Kind)
        }
        "category" => each(values, |text| {
            lower(text, crate::component::ComponentCategory::parse)
        })
        .map(Test::Category),
        "is" => each(values, |text| lower(text, super::TroubleKind::parse)).map(Test::Trouble),
        "tag" => each(values, tag).map(Test::Tag),
        "owner" => each(values, owner).map(Test::Owner),
        "seen" => match values {
            [value] if value.text == "never" => Ok(Test::NeverSeen),
            _ => Err(values[0].refused(Fault::NeedsComparison)),
        },
        "since" | "created" => Err(values[0].refused(Fault::NeedsComparison)),
        _ => return None,
    })
}

/// The test that `name>value` stands for; `None` where the field is none or not comparable.
fn compares(name: &str, order: Order, value: &Value) -> Asked {
    if let Some(key) = name.strip_prefix("state.") {
        return state_key(key).map(|key| match value.text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                Ok(Test::State(key, Reading::Compares(order, number)))
            }
            _ => Err(value.refused(Fault::NotANumber)),
        });
    }
    if let Some(moment) = Moment::parse(name) {
        return Some(match duration(&value.text) {
            Some(ms) => Ok(Test::Age(moment, order, ms)),
            None => Err(value.refused(Fault::NotADuration)),
        });
    }
    matches!(name, "version" | "agent").then(|| Ok(Test::Version(order, value.text.clone())))
}

fn each<T>(values: &[Value], read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, FilterError> {
    let read = |value: &Value| read(&value.text).ok_or_else(|| value.refused(Fault::UnknownValue));
    values.iter().map(read).collect()
}

fn lower<T>(text: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
    parse(&text.to_lowercase())
}

fn presence(text: &str) -> Option<Presence> {
    match text.to_uppercase().as_str() {
        "SILENT" => Some(Presence::Timeout),
        text => Presence::parse(text),
    }
}

fn tag(text: &str) -> Option<TagIs> {
    match text.to_lowercase().as_str() {
        "*" => Some(TagIs::Any),
        UNTAGGED => Some(TagIs::Untagged),
        text => text.parse().ok().map(TagIs::Named),
    }
}

fn owner(text: &str) -> Option<OwnerIs> {
    match text.to_lowercase().as_str() {
        "me" => Some(OwnerIs::Me),
        "none" => Some(OwnerIs::Nobody),
        _ => text.parse().ok().map(OwnerIs::Address),
    }
}

fn pattern(text: &str) -> Pattern {
    match text.strip_suffix('*') {
        Some(beginning) => Pattern {
            text: beginning.to_owned(),
            begins: true,
        },
        None => Pattern {
            text: text.to_owned(),
            begins: false,
        },
    }
}

/// A key of the flat state, such as `cpu_average` or `led-2`.
fn state_key(key: &str) -> Option<String> {
    let fits = (1..=100).contains(&key.len())
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    fits.then(|| key.to_owned())
}

/// `90s`, `5m`, `2h`, `7d`, `4w` in milliseconds.
fn duration(text: &str) -> Option<i64> {
    let unit = match text.chars().next_back()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 7 * 86_400_000,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    i64::from(number).checked_mul(unit).filter(|ms| *ms > 0)
}

/// How two versions are ordered: their numbers as numbers, `1.10` after `1.9`, `2.0` after `2.0-rc1`.
pub fn version_order(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    for at in 0..a.len().max(b.len()) {
        let order = match (a.get(at), b.get(at)) {
            (Some(a), Some(b)) => a.cmp(b),
            // A release comes after what was released before it; `1.0` is `1`.
            (Some(Part::Word(_)), None) => Ordering::Less,
            (None, Some(Part::Word(_))) => Ordering::Greater,
            (Some(Part::Number(number)), None) => number.cmp(&0),
            (None, Some(Part::Number(number))) => 0.cmp(number),
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A word stands before every number: `2.0-rc1` before `2.0.1`.
    Word(String),
    Number(u64),
}

fn parts(version: &str) -> Vec<Part> {
    let letters: Vec<char> = version.trim_start_matches(['v', 'V']).chars().collect();
    letters
        .chunk_by(|a, b| kind(*a) == kind(*b))
        .filter(|run| run[0].is_alphanumeric())
        .map(|run| {
            let text: String = run.iter().collect();
            match run[0].is_ascii_digit() {
                // What is too long for a number is the largest, and still none of the words.
                true => Part::Number(text.parse().unwrap_or(u64::MAX)),
                false => Part::Word(text.to_lowercase()),
            }
        })
        .collect()
}

fn kind(letter: char) -> u8 {
    match letter {
        letter if letter.is_ascii_digit() => 0,
        letter if letter.is_alphanumeric() => 1,
        _ => 2,
    }
}
