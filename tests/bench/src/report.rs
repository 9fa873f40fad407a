//! Tables for people, figures for programs.

use std::{fs, io::Write};

use serde_json::{Map, Value};

use crate::role::say;

/// A word to whoever waits: not part of the results.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// One group's table.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    figures: Vec<Value>,
}

impl Table {
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), figures: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>, figures: Value) {
        note(&format!("  {}", cells.join(" | ")));
        self.rows.push(cells);
        self.figures.push(figures);
    }

    pub(crate) fn print(&self) {
        say(self.markdown());
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<String> = self.columns.iter().map(|column| (*column).to_owned()).collect();
        let rule = format!("|{}\n", "---|".repeat(head.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}{rows}", line(&head))
    }
}

/// What a group has to show: tables, each under its sentence.
pub(crate) struct Report {
    group: &'static str,
    text: String,
    figures: Map<String, Value>,
}

impl Report {
    pub(crate) fn of(group: &'static str) -> Self {
        Self { group, text: String::new(), figures: Map::new() }
    }

    pub(crate) fn add(&mut self, name: &str, sentence: &str, table: Table) {
        self.text.push_str(&format!("\n{sentence}\n\n{}", table.markdown()));
        self.figures.insert(name.to_owned(), Value::Array(table.figures));
    }

    /// Prints the tables, and keeps the figures under `target/bench`.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let directory = testkit::service::workspace().join("target/bench");
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(format!("{}.json", self.group)), serde_json::to_vec_pretty(&self.figures)?)?;
        say(self.text.trim());
        Ok(())
    }
}
