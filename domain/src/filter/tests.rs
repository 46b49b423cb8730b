use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Filter {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_is_written_is_understood() {
    use Clause::{All, Any, Not, Test as Is};
    let tag = |name: &str| Is(Test::Tag(vec![TagIs::Named(name.parse().expect("a tag"))]));
    let text = |words: &str| Is(Test::Text(words.to_owned()));
    let offline = Is(Test::Presence(vec![Presence::Offline]));
    for (written, meant) in [
        ("", All(vec![])),
        ("  온실  ", text("온실")),
        ("presence:offline", offline.clone()),
        (
            "presence:offline tag:Lab-1 state.cpu_average>80 -tag:spare text",
            All(vec![
                offline.clone(),
                tag("lab-1"),
                Is(Test::State(
                    "cpu_average".to_owned(),
                    Reading::Compares(Order::More, 80.0),
                )),
                Not(Box::new(tag("spare"))),
                text("text"),
            ]),
        ),
        ("tag!=a", Not(Box::new(tag("a")))),
        ("-tag!=a", tag("a")),
        (
            "(tag:a OR tag:b) \"two words\"",
            All(vec![Any(vec![tag("a"), tag("b")]), text("two words")]),
        ),
        (
            "a OR b c",
            Any(vec![text("a"), All(vec![text("b"), text("c")])]),
        ),
        ("ORchid", text("ORchid")),
        ("10-Q", text("10-Q")),
        (
            "tag:none,*",
            Is(Test::Tag(vec![TagIs::Untagged, TagIs::Any])),
        ),
        (
            "presence:SILENT,online",
            Is(Test::Presence(vec![Presence::Timeout, Presence::Online])),
        ),
        ("seen<5m", Is(Test::Age(Moment::Seen, Order::Less, 300_000))),
        ("seen:never", Is(Test::NeverSeen)),
        (
            "version:4B",
            Is(Test::Words {
                of: TextField::Version,
                any: vec![Pattern {
                    text: "4B".to_owned(),
                    begins: false,
                }],
            }),
        ),
        (
            "agent<=2.4.1",
            Is(Test::Version(Order::AtMost, "2.4.1".to_owned())),
        ),
    ] {
        assert_eq!(*read(written).clause(), meant, "{written}");
    }
}

#[test]
fn each_condition_can_be_taken_off() {
    for (written, parts) in [
        ("", vec![]),
        ("tag:Lab-1", vec![("tag:lab-1", "")]),
        (
            "tag:a -tag:b (c OR d e) \"two words\"",
            vec![
                ("tag:a", "-tag:b (c OR d e) \"two words\""),
                ("-tag:b", "tag:a (c OR d e) \"two words\""),
                ("c OR d e", "tag:a -tag:b \"two words\""),
                ("\"two words\"", "tag:a -tag:b (c OR d e)"),
            ],
        ),
        (
            "tag:a (b OR c)",
            vec![("tag:a", "b OR c"), ("b OR c", "tag:a")],
        ),
        ("a OR b", vec![("a OR b", "")]),
    ] {
        let told = read(written).parts();
        let told: Vec<(&str, &str)> = told.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(told, parts, "{written}");
    }
}

#[test]
fn what_is_not_understood_is_pointed_at() {
    use FilterFault::*;
    for (written, fault, at, len) in [
        ("presence:offline colour:red", UnknownField, 17, 6),
        ("presence:offlin", UnknownValue, 9, 6),
        ("tag:a,b!", UnknownValue, 6, 2),
        ("온실 tag:", MissingValue, 3, 4),
        ("tag:a,", MissingValue, 0, 6),
        ("state.cpu_average>hot", NotANumber, 18, 3),
        ("state.cpu_average>inf", NotANumber, 18, 3),
        ("state.Ü:1", UnknownField, 0, 7),
        ("seen<5", NotADuration, 5, 1),
        ("since:5m", NeedsComparison, 6, 2),
        ("tag>5", NotComparable, 0, 5),
        ("colour>5", UnknownField, 0, 6),
        ("name:\"온실", UnclosedQuote, 5, 1),
        ("a (b", UnclosedGroup, 2, 1),
        ("a)", Unexpected, 1, 1),
        ("()", Unexpected, 1, 1),
        ("OR a", Unexpected, 0, 1),
        ("a OR", Unexpected, 4, 1),
        (":a", Unexpected, 0, 1),
        ("name:a\0b", Unexpected, 6, 1),
        ("((((((((((a))))))))))", TooLong, 8, 1),
    ] {
        let error = FilterError { fault, at, len };
        assert_eq!(written.parse::<Filter>(), Err(error), "{written}");
    }
    let long = "a".repeat(MOST_CHARS + 1);
    assert_eq!(long.parse::<Filter>().expect_err("long").fault, TooLong);
    let many = "a ".repeat(MOST_TESTS + 1);
    assert_eq!(many.parse::<Filter>().expect_err("many").fault, TooLong);
}

#[test]
fn versions_are_ordered_as_people_order_them() {
    let ordered = [
        "0.9", "1.0-rc1", "1.0-rc2", "1.0", "1.9", "1.10", "v2", "2.0.1",
    ];
    for pair in ordered.windows(2) {
        assert_eq!(version_order(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        assert_eq!(
            version_order(pair[1], pair[0]),
            Ordering::Greater,
            "{pair:?}"
        );
    }
    assert_eq!(version_order("1.0", "1.0.0"), Ordering::Equal);
}

#[test]
fn a_part_that_is_too_long_for_a_number_comes_after_the_others() {
    let long = "18446744073709551616.1";
    for less in ["0", "1.0-rc1", "99.9", "18446744073709551614"] {
        assert_eq!(version_order(less, long), Ordering::Less, "{less}");
        assert_eq!(version_order(long, less), Ordering::Greater, "{less}");
    }
    assert_eq!(version_order(long, long), Ordering::Equal);
    let word = version_order("1.rc1", "1.18446744073709551616");
    assert_eq!(word, Ordering::Less);
}

/// Pieces that filters are made of, right and wrong.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z가-힣0-9]{1,6}",
        "(tag|presence|state\\.led|version|seen|owner|is|id|name)(:|=|!=|<|>=)[a-z0-9.*]{0,5}(,[a-z]{0,3})?",
        Just("presence:offline".to_owned()),
        Just("state.cpu_average>=80.5".to_owned()),
        Just("seen<90s".to_owned()),
        Just("tag:none".to_owned()),
        Just("name:\"a, \\\"b\\\"\"".to_owned()),
        prop::sample::select(vec!["(", ")", " OR ", "-", "\"", "\\", " ", ","])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_or_pointed_at(text in any::<String>()) {
        if let Err(error) = text.parse::<Filter>() {
            prop_assert!(error.len > 0 && error.at <= text.chars().count());
        }
    }

    #[test]
    fn what_was_understood_is_spelled_so_that_it_is_again(
        pieces in prop::collection::vec(piece(), 0..12), between in prop::sample::select(vec!["", " "]),
    ) {
        let text = pieces.join(between);
        if let Ok(filter) = text.parse::<Filter>() {
            let spelled = filter.to_string();
            let again = spelled.parse::<Filter>();
            prop_assert_eq!(again.as_ref(), Ok(&filter), "{} was spelled {}", text, spelled);
        }
    }
}
