//! How many tests passed and failed, read from what the runners print.

use std::{fmt, ops::AddAssign};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// The first lines of each failure.
    pub(super) failures: Vec<String>,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The result in a line of cargo's or vitest's output, if it is one.
pub(super) fn in_line(line: &str) -> Option<Count> {
    let line = plain(line);
    let results = line.trim().strip_prefix("test result: ").or_else(|| {
        // `Tests  1 failed | 11 passed (12)`; the line before it counts files.
        line.trim().strip_prefix("Tests  ")
    })?;
    let mut count = Count::default();
    let words: Vec<&str> = results.split([' ', ';', '.', '|', '(']).filter(|word| !word.is_empty()).collect();
    for pair in words.windows(2) {
        match (pair[0].parse::<u64>(), pair[1]) {
            (Ok(number), "passed") => count.passed += number,
            (Ok(number), "failed") => count.failed += number,
            _ => {}
        }
    }
    Some(count)
}

/// Without the escapes that colour a terminal.
pub(super) fn plain(line: &str) -> String {
    let mut rest = line;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_both_runners_are_read() {
        let cargo = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(in_line(cargo), Some(Count { passed: 3, failed: 1, ..Count::default() }));
        assert_eq!(in_line("      Tests  1 failed | 11 passed (12)"), Some(Count { passed: 11, failed: 1, ..Count::default() }));
        assert_eq!(
            in_line("\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m7 passed\u{1b}[39m\u{1b}[22m (7)"),
            Some(Count { passed: 7, ..Count::default() })
        );
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in [" Test Files  2 passed (2)", "running 3 tests", "test a ... ok", "5 passed"] {
            assert_eq!(in_line(line), None, "{line}");
        }
    }
}
