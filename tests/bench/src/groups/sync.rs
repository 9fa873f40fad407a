//! What writing back costs: nothing reaches the backing collections by play itself, and the rest depends on the interval alone.

use serde_json::{Value, json};
use testkit::PlatformOptions;

use super::Effort;
use crate::{
    dialect::Dialect,
    machine::cpu_seconds,
    report::{Report, Table, note},
    role::Load,
    stack::Ours,
    state::State,
    statistics::{Rounds, ratios},
};

const STATE_BYTES: usize = 20 << 10;
const SESSIONS: usize = 16;
const PLAYERS: usize = 2;
/// How long a change may wait until it is written back, in ms; 0 is until the session ends.
const INTERVALS: &[(&str, u64)] = &[("at the end only", 0), ("10 s", 10_000), ("3 s", 3_000), ("1 s", 1_000)];
const BACKING: [&str; 4] = ["characters", "actors", "items", "encounters"];

struct Measured {
    name: &'static str,
    ours: Ours,
    load: Load,
    writes: f64,
    updates: f64,
    cpu_us: Vec<f64>,
    per_second: Vec<f64>,
}

pub(super) async fn run(effort: Effort) -> anyhow::Result<()> {
    let state = State::of(STATE_BYTES);
    let mut platforms = Vec::new();
    for (name, interval) in effort.of(INTERVALS, &[INTERVALS[0], INTERVALS[3]]) {
        note(&format!("starting a platform that writes back: {name} ..."));
        let setting = |key: &str, value: u64| (key.to_owned(), value.to_string());
        let look = if interval == 0 { 3_000 } else { (interval / 4).max(250) };
        let sync_worker_config = vec![setting("SWEEP__DIRTY_AFTER_MS", interval), setting("SWEEP__INTERVAL_MS", look)];
        let ours = Ours::start_with(PlatformOptions { sync_worker_config, ..PlatformOptions::default() }).await?;
        let load = Load::open(&ours.plan(Dialect::Plain, SESSIONS, PLAYERS, &state).await?).await?;
        platforms.push(Measured { name, ours, load, writes: 0.0, updates: 0.0, cpu_us: Vec::new(), per_second: Vec::new() });
    }
    for measured in &mut platforms {
        measured.load.run(0.5, 1).await?;
    }
    for _ in 0..effort.rounds(2) {
        for measured in &mut platforms {
            let processes: Vec<u32> = measured.ours.0.processes().filter_map(testkit::Process::pid).collect();
            let (writes, cpu) = (backing_writes(&measured.ours).await?, cpu_seconds(&processes)?);
            let outcome = measured.load.run(effort.seconds(11.0), 1).await?;
            let updates = outcome.updates as f64;
            measured.writes += backing_writes(&measured.ours).await? - writes;
            measured.updates += updates;
            measured.cpu_us.push((cpu_seconds(&processes)? - cpu) * 1e6 / updates);
            measured.per_second.push(updates / outcome.seconds);
        }
    }
    let (never_cpu, never_rate) = (platforms[0].cpu_us.clone(), platforms[0].per_second.clone());
    let mut table = Table::new(&[
        "written back",
        "writes to backing documents per 1,000 updates",
        "CPU an update, all processes / without",
        "updates/s / without",
    ]);
    for measured in &platforms {
        let writes = measured.writes * 1000.0 / measured.updates;
        let (cpu, rate) = (ratios(&measured.cpu_us, &never_cpu), ratios(&measured.per_second, &never_rate));
        table.row(
            vec![measured.name.to_owned(), format!("{writes:.1}"), cpu.cell(2), rate.cell(2)],
            json!({"interval": measured.name, "writesPer1000Updates": writes, "cpuToWithout": cpu, "rateToWithout": rate, "cpuUs": Rounds::of(measured.cpu_us.iter().copied())}),
        );
    }
    let mut report = Report::of("sync");
    report.add(
        "intervals",
        "16 sessions in play, every character changed again and again; a change waits at most so long until it is written back:",
        table,
    );
    report.finish()
}

/// Documents that were written in the backing collections since mongod began, by its own count.
async fn backing_writes(ours: &Ours) -> anyhow::Result<f64> {
    let top = ours.0.mongo.connect().await?.command("admin", "top", json!(1), json!({})).await?;
    let count = |collection: &str| -> f64 {
        let counts = &top["totals"][format!("{}.{collection}", ours.0.database)];
        ["insert", "update", "remove"].into_iter().filter_map(|kind| number(&counts[kind]["count"])).sum()
    };
    Ok(BACKING.into_iter().map(count).sum())
}

/// A number, or the extended form of a long one.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value["$numberLong"].as_str()?.parse().ok())
}
