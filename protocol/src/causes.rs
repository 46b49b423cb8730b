//! An error and its causes in one line, for somebody at a terminal or who reads a log.
//!
//! Many errors end with the words of their cause and hand it out as well, ours and those of libraries; each cause is
//! said once nevertheless.

use std::error::Error;

/// What happened, and after it each cause that the words before it do not end with already.
pub fn told(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !words.ends_with(&part) {
            words.push_str(": ");
            words.push_str(&part);
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{words}")]
    struct Link {
        words: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(all: &[&'static str]) -> Link {
        let (first, rest) = all.split_first().expect("an error");
        Link {
            words: first,
            source: (!rest.is_empty()).then(|| Box::new(chain(rest))),
        }
    }

    #[test]
    fn each_cause_is_said_once() {
        for (all, expected) in [
            (&["a"][..], "a"),
            // None says its cause, all do, and some do.
            (&["a", "b", "c"], "a: b: c"),
            (&["a: b: c", "b: c", "c"], "a: b: c"),
            (&["a: b", "b", "c"], "a: b: c"),
            (&["a", "b: c", "c"], "a: b: c"),
            // Only the end counts: this cause is another one.
            (&["b: a", "b"], "b: a: b"),
        ] {
            assert_eq!(told(&chain(all)), expected, "{all:?}");
        }
    }

    #[test]
    fn what_an_error_of_the_system_says_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("state folder: {0}")]
        struct Folder(#[from] std::io::Error);

        let missing = std::io::Error::from_raw_os_error(2);
        let expected = format!("state folder: {missing}");
        assert_eq!(told(&Folder(missing)), expected);
    }
}
