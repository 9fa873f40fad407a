//! The figures as a table for people and as JSON for the launcher.

use serde_json::{Value, json};

use crate::{FanOut, say};

pub(crate) struct Report {
    figures: Vec<Value>,
}

impl Report {
    pub(crate) fn begin() -> Self {
        say("| what | deliveries/s | CPU us per delivery | KB per connection | against the bare loop |\n|---|---|---|---|---|");
        Self { figures: Vec::new() }
    }

    pub(crate) fn idle(&mut self, dialect: &str, connections: usize, kb: f64) {
        say(format_args!("| idle, {dialect}, {connections} connections | | | {kb:.2} | |"));
        self.figures.push(json!({ "group": "idle", "dialect": dialect, "connections": connections, "rssKbPerConnection": kb }));
    }

    pub(crate) fn fan_out(&mut self, players: usize, per_write: usize, rounds: &[(&str, FanOut)]) {
        let median = |dialect: &str, figure: fn(&FanOut) -> f64| {
            let mut figures: Vec<f64> = rounds.iter().filter(|(name, _)| *name == dialect).map(|(_, round)| figure(round)).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let bare = median("bare", |round| round.deliveries_per_second);
        for dialect in ["bare", "plain", "socket.io"] {
            let (rate, cpu) = (median(dialect, |round| round.deliveries_per_second), median(dialect, |round| round.cpu_us_per_delivery));
            let ratio = rate / bare;
            say(format_args!("| {dialect}, {players} players, {per_write} waiting | {rate:.0} | {cpu:.2} | | {ratio:.2} |"));
            self.figures.push(json!({
                "group": "fan-out", "dialect": dialect, "players": players, "updatesWaiting": per_write,
                "deliveriesPerSecond": rate, "cpuUsPerDelivery": cpu, "ratioToBareLoop": ratio,
            }));
        }
    }

    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into());
        std::fs::create_dir_all(format!("{target}/bench"))?;
        std::fs::write(format!("{target}/bench/edge.json"), serde_json::to_string_pretty(&self.figures)?)?;
        Ok(())
    }
}
