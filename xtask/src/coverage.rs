//! `docs/coverage.md`: every line names tests that exist, or says *later*.

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use crate::place;

    /// What a cell names: texts between backticks with `::` in them.
    fn named(cell: &str) -> impl Iterator<Item = (&str, &str)> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.filter_map(|text| text.split_once("::"))
    }

    fn exists(root: &Path, file: &str, test: &str) -> bool {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        let spelled = match Path::new(file).extension().is_some_and(|end| end == "rs") {
            true => format!("fn {test}("),
            false => format!("test('{test}'"),
        };
        text.contains(&spelled)
    }

    #[test]
    fn every_line_names_tests_that_exist_or_says_later() {
        let root = place::root();
        let text = fs::read_to_string(root.join("docs/coverage.md")).expect("the table");
        let mut wrong = Vec::new();
        let mut lines = 0;
        for line in text.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let last = cells.last().copied().unwrap_or_default();
            if last.starts_with("---") || last.trim() == "shown by" {
                continue;
            }
            lines += 1;
            let mut tests = named(last).peekable();
            if tests.peek().is_none() && last.trim() != "later" {
                wrong.push(format!("neither a test nor `later`: {line}"));
            }
            for (file, test) in tests {
                if !exists(root, file, test) {
                    wrong.push(format!("{file} has no test `{test}`"));
                }
            }
        }
        assert!(lines > 60, "{lines} lines were read");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_test_that_is_not_there_is_found_out() {
        let root = place::root();
        let own = "xtask/src/coverage.rs";
        assert!(exists(root, own, "a_test_that_is_not_there_is_found_out"));
        assert!(!exists(root, own, concat!("a_test_of_", "nobody")));
        assert!(!exists(root, "xtask/src/nothing.rs", "x"));
        let cells: Vec<_> = named("`a.rs::b`, `c` and `d.ts::e f`").collect();
        assert_eq!(cells, [("a.rs", "b"), ("d.ts", "e f")]);
    }
}
