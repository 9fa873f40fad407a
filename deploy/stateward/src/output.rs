//! Results on standard output, everything else on standard error.

use std::io::Write as _;

use serde_json::{Value, json};

/// A reader that has gone away, as `head` does, is no error of ours.
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// One result: as an object, or as the text that says the same.
    pub fn result(&self, value: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { value.to_string() } else { text() };
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    pub fn progress(&self, line: &str) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    pub fn error(&self, message: &str) {
        let line = if self.json { json!({"error": message}).to_string() } else { format!("stateward: {message}") };
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Milliseconds since the epoch as a UTC time that people read.
pub fn time(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000 / 1000);
    // Days since 1970 to a date, by eras of 400 years that begin in March.
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", in_day / 3600, in_day % 3600 / 60, in_day % 60)
}

/// Columns as wide as what stands in them.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let head = line(head.to_vec());
    rows.iter().fold(head, |text, row| text + "\n" + &line(row.iter().map(String::as_str).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(951_782_399_999), "2000-02-28T23:59:59Z");
        assert_eq!(time(951_868_800_000), "2000-03-01T00:00:00Z");
        assert_eq!(time(1_767_225_599_000), "2025-12-31T23:59:59Z");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), "c".to_owned()]];
        assert_eq!(table(&["id", "x"], &rows), "id    x\na     b\nlong  c");
    }
}
