//! `test`: everything that a change must pass, and one line at the end that says how it went.

mod count;
mod failures;
mod stages;

use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::run::say;
use count::Count;

#[derive(Args)]
pub(crate) struct Options {
    /// Only this part; everything where absent
    part: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Format, lints, build and tests of the Rust workspace
    Rust,
    /// Lints, types and tests of the TypeScript packages
    Node,
    /// End to end on real servers
    System,
    /// The page in a real browser
    Browser,
}

/// What one stage is: its name, the part that it belongs to, and what it does. A check counts as nothing when it is passed
/// and as one failure when it is not.
struct Stage {
    name: &'static str,
    part: Part,
    run: fn() -> anyhow::Result<Count>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let mut total = Count::default();
    let mut summary = Vec::new();
    for stage in stages::ALL.iter().filter(|stage| options.part.is_none_or(|part| part == stage.part)) {
        say(&format!("\n=== {} ===", stage.name));
        let begun = Instant::now();
        let (count, word) = match (stage.run)() {
            Ok(count) if count.failed == 0 => (count, "ok".to_owned()),
            Ok(count) => (count, "FAILED".to_owned()),
            Err(error) => (Count { failed: 1, ..Count::default() }, format!("FAILED: {error:#}")),
        };
        let tests = if count == Count::default() { String::new() } else { format!("{count}, ") };
        total += count;
        let line = format!("{:<28} {:>6.1} s  {tests}{word}", stage.name, begun.elapsed().as_secs_f64());
        say(&line);
        summary.push(line);
    }
    say("\n=== summary ===");
    summary.iter().for_each(|line| say(line));
    if !total.failures.is_empty() {
        say("\n=== how tests failed ===");
        total.failures.iter().for_each(|line| say(line));
    }
    print_total(&total).context("writing the last line")?;
    Ok(total.failed == 0)
}

fn print_total(total: &Count) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{total}")?;
    out.flush()
}
