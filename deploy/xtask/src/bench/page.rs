//! The pages that show the newest tables: a marked block in each, written from what the last run of each group left behind.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use testkit::service::workspace;

const BEGIN: &str = "<!-- Written by `cargo xtask bench --write`: begin -->";
const END: &str = "<!-- end -->";
/// All tables of all groups, and the first of some.
const WHOLE: &str = "tests/bench/README.md";
const FRONT: &str = "README.md";
const ON_THE_FRONT: [&str; 4] = ["state", "update", "throughput", "fanout"];

/// Where the tables of a run are.
pub(super) fn kept(file: &str) -> PathBuf {
    workspace().join("target/bench").join(file)
}

pub(super) fn write(root: &Path, groups: &[&str]) -> anyhow::Result<()> {
    let tables = |name: &&str| fs::read_to_string(kept(&format!("{name}.md"))).ok().map(|tables| ((*name).to_owned(), tables));
    let found: Vec<(String, String)> = groups.iter().filter_map(tables).collect();
    let whole: String = found.iter().map(|(name, tables)| format!("### {name}\n\n{}\n\n", tables.trim())).collect();
    replace(&root.join(WHOLE), &whole)?;
    let front = found.iter().filter(|(name, _)| ON_THE_FRONT.contains(&name.as_str()));
    let front: String = front.map(|(name, tables)| format!("`cargo xtask bench {name}`\n\n{}\n\n", first(tables))).collect();
    replace(&root.join(FRONT), &front)
}

/// The first table, with the sentence above it where it has one.
fn first(tables: &str) -> String {
    let mut parts = tables.trim().split("\n\n");
    let sentence_or_table = parts.next().unwrap_or_default();
    if sentence_or_table.starts_with('|') {
        return sentence_or_table.to_owned();
    }
    format!("{sentence_or_table}\n\n{}", parts.next().unwrap_or_default())
}

fn replace(page: &Path, block: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let text = replaced(&text, block).with_context(|| format!("{} has no block between {BEGIN} and {END}", page.display()))?;
    fs::write(page, text).with_context(|| page.display().to_string())
}

fn replaced(text: &str, block: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", block.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_nothing_else() {
        let page = format!("# Page\n\n{BEGIN}\nold\n{END}\n\nMore.\n");
        let once = replaced(&page, "| a |\n").unwrap();
        assert_eq!(once, format!("# Page\n\n{BEGIN}\n\n| a |\n\n{END}\n\nMore.\n"));
        assert_eq!(replaced(&once, "| a |").unwrap(), once);
        assert_eq!(replaced("no block", "x"), None);
    }

    #[test]
    fn the_first_table_comes_with_its_sentence() {
        assert_eq!(first("Said:\n\n| a |\n|---|\n\nMore:\n\n| b |\n"), "Said:\n\n| a |\n|---|");
        assert_eq!(first("| a |\n|---|\n| 1 |\n"), "| a |\n|---|\n| 1 |");
    }
}
