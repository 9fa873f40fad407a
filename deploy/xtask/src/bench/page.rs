//! The pages that show the newest tables: a marked block in each, written from what the last run of each group left behind. A group
//! that left nothing here, such as on another machine, keeps the section that the page has of it.

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
    replace(&root.join(WHOLE), groups, |name| format!("### {name}"), &found)?;
    let front = found.into_iter().map(|(name, tables)| (name, first(&tables))).collect::<Vec<_>>();
    replace(&root.join(FRONT), &ON_THE_FRONT, |name| format!("`cargo xtask bench {name}`"), &front)
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

fn replace(page: &Path, groups: &[&str], heading: impl Fn(&str) -> String, found: &[(String, String)]) -> anyhow::Result<()> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let text =
        replaced(&text, groups, heading, found).with_context(|| format!("{} has no block between {BEGIN} and {END}", page.display()))?;
    fs::write(page, text).with_context(|| page.display().to_string())
}

/// The page with a section for each of the groups, in their order: of what was found, else as it stands there.
fn replaced(text: &str, groups: &[&str], heading: impl Fn(&str) -> String, found: &[(String, String)]) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (block, after) = rest.split_once(END)?;
    let nameless = heading("");
    let sections = groups.iter().filter_map(|name| {
        let heading = heading(name);
        let fresh = found.iter().find(|(of, _)| of == name).map(|(_, tables)| tables.trim().to_owned());
        let tables = fresh.or_else(|| section(block, &heading, nameless.trim_end_matches('`')))?;
        Some(format!("{heading}\n\n{tables}\n\n"))
    });
    Some(format!("{before}{BEGIN}\n\n{}{END}{after}", sections.collect::<String>()))
}

/// What stands under a heading, up to the next line that begins as headings do.
fn section(block: &str, heading: &str, beginning: &str) -> Option<String> {
    let mut lines = block.lines().skip_while(|line| *line != heading);
    lines.next()?;
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with(beginning)).collect();
    Some(lines.join("\n").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(name: &str) -> String {
        format!("### {name}")
    }

    fn found(tables: &[(&str, &str)]) -> Vec<(String, String)> {
        tables.iter().map(|(name, tables)| ((*name).to_owned(), (*tables).to_owned())).collect()
    }

    #[test]
    fn a_block_is_replaced_and_nothing_else() {
        let page = format!("# Page\n\n{BEGIN}\nold\n{END}\n\n### b\n\nMore.\n");
        let once = replaced(&page, &["a", "b"], heading, &found(&[("a", "| a |\n")])).unwrap();
        assert_eq!(once, format!("# Page\n\n{BEGIN}\n\n### a\n\n| a |\n\n{END}\n\n### b\n\nMore.\n"));
        assert_eq!(replaced(&once, &["a", "b"], heading, &found(&[("a", "| a |")])).unwrap(), once);
        assert_eq!(replaced(&once, &["a", "b"], heading, &[]).unwrap(), once, "what the page has is kept");
        assert_eq!(replaced("no block", &["a"], heading, &[]), None);
    }

    #[test]
    fn groups_that_left_no_tables_keep_theirs_and_all_stand_in_their_order() {
        let page = format!("{BEGIN}\n\n### c\n\nSaid:\n\n| c |\n\n### gone\n\n| x |\n\n### a\n\n| old |\n\n{END}\n");
        let written = replaced(&page, &["a", "b", "c"], heading, &found(&[("b", "| b |\n"), ("a", "| new |\n")])).unwrap();
        let sections = "### a\n\n| new |\n\n### b\n\n| b |\n\n### c\n\nSaid:\n\n| c |";
        assert_eq!(written, format!("{BEGIN}\n\n{sections}\n\n{END}\n"), "a group that is no more is gone");
    }

    #[test]
    fn the_pages_have_a_section_for_each_group_they_show() {
        for (page, heading) in [(WHOLE, "### update".to_owned()), (FRONT, "`cargo xtask bench update`".to_owned())] {
            let text = fs::read_to_string(workspace().join(page)).unwrap();
            let (_, rest) = text.split_once(BEGIN).unwrap();
            let (block, _) = rest.split_once(END).unwrap();
            assert!(section(block, &heading, "nothing").is_some_and(|tables| tables.contains("| 1 MB |")), "{page}");
        }
    }

    #[test]
    fn the_first_table_comes_with_its_sentence() {
        assert_eq!(first("Said:\n\n| a |\n|---|\n\nMore:\n\n| b |\n"), "Said:\n\n| a |\n|---|");
        assert_eq!(first("| a |\n|---|\n| 1 |\n"), "| a |\n|---|\n| 1 |");
    }
}
