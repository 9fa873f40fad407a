//! The tables of guards: a `GUARDS.md` in each package that has tests under faults says what each guard holds, and which test fails
//! without it. `cargo xtask guards` tries them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::service::workspace;

/// Names the guard that a process goes without, if its build can.
pub const WITHOUT: &str = "STATEWARD_WITHOUT_GUARD";

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The package's folder below the root of the repository.
    pub folder: PathBuf,
    pub guard: String,
    /// The test's path in the package's program of tests `it`.
    pub test: String,
}

/// Every line of every table.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for folder in packages()? {
        let table = workspace().join(&folder).join("GUARDS.md");
        if table.is_file() {
            rows.extend(read(&folder, &fs::read_to_string(&table).with_context(|| table.display().to_string())?));
        }
    }
    Ok(rows)
}

/// What a program that is started now goes without: what this process was told to.
pub fn inherited() -> Option<(String, String)> {
    std::env::var(WITHOUT).ok().map(|guard| (WITHOUT.to_owned(), guard))
}

/// The folders of all packages, in order.
pub fn packages() -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for room in ["libs", "services", "tests"] {
        for entry in fs::read_dir(workspace().join(room)).context(room)? {
            let path = entry?.path();
            if path.join("Cargo.toml").is_file() {
                folders.extend(path.strip_prefix(workspace()).map(Path::to_owned));
            }
        }
    }
    folders.sort();
    Ok(folders)
}

fn read(folder: &Path, table: &str) -> Vec<Row> {
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        Some(Row { folder: folder.to_owned(), guard: (*cells.first()?).to_owned(), test: (*cells.get(2)?).to_owned() })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_without_its_head() {
        let table = "# Guards\n\n| Guard | Holds that | Without it fails |\n|---|---|---|\n| `one` | it holds | `faults::a_test` |\n";
        let row = Row { folder: "services/x".into(), guard: "one".into(), test: "faults::a_test".into() };
        assert_eq!(read(Path::new("services/x"), table), [row]);
    }
}
