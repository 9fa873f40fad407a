//! How tests failed, read from what the runners print, so that it can be said again at the end of a long run.

use super::count::plain;

/// Of each failure so many lines: what went wrong and why, before the logs of the services.
const LINES: usize = 12;

#[derive(Default)]
pub(super) struct Failures {
    lines: Vec<String>,
    left: usize,
}

impl Failures {
    pub(super) fn read(&mut self, line: &str) {
        let line = plain(line);
        if begins(&line) {
            self.left = LINES;
        }
        if self.left > 0 && !line.trim().is_empty() {
            self.left -= 1;
            self.lines.push(line);
        }
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

/// cargo's `---- a::test stdout ----`, vitest's ` FAIL  file > test`.
fn begins(line: &str) -> bool {
    (line.starts_with("---- ") && line.ends_with(" stdout ----")) || line.starts_with(" FAIL ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_of_each_failure_are_kept() {
        let mut failures = Failures::default();
        let logs = (0..40).map(|number| format!("log {number}"));
        let printed = ["test a ... FAILED", "failures:", "---- a::b stdout ----", "Error: late", ""].map(str::to_owned);
        for line in printed.into_iter().chain(logs).chain(["\u{1b}[31m FAIL \u{1b}[39m page > it opens".to_owned()]) {
            failures.read(&line);
        }
        let lines = failures.into_lines();
        assert_eq!(lines[..2], ["---- a::b stdout ----", "Error: late"]);
        assert_eq!((lines.len(), lines[LINES].as_str()), (LINES + 1, " FAIL  page > it opens"));
    }

    #[test]
    fn what_passes_leaves_nothing() {
        let mut failures = Failures::default();
        ["running 1 test", "test a ... ok", "test result: ok. 1 passed; 0 failed"].iter().for_each(|line| failures.read(line));
        assert!(failures.into_lines().is_empty());
    }
}
