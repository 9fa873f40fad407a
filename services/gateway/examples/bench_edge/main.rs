//! What an idle connection costs, and what a delivery costs against a bare loop over pre-framed bytes.
//!
//! `cargo run --release -p stateward-gateway --example bench_edge` prints a Markdown table and writes `target/bench/edge.json`.
//! Server and load generator are processes of their own, each on one core if `taskset` is there.
//! Everything is counted between the same two points for every server: the first update's write, and the last client's receipt.
//! Two updates are on the way at once, or two groups of eight: the game master sends the next when one comes back to him.
//! The edge writes all that has come by the time it turns to it in one write for each player, as the gateway's rooms do.

mod bare;
mod edge;
mod load;
mod report;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::Context as _;

/// How much of everything there is.
struct Effort {
    idle_connections: usize,
    players: &'static [usize],
    /// Each figure is the median of this many rounds, the servers taking turns.
    rounds: usize,
}

const FULL: Effort = Effort { idle_connections: 5_000, players: &[1_000, 4_000], rounds: 3 };
const QUICK: Effort = Effort { idle_connections: 1_000, players: &[1_000], rounds: 1 };

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => bench(),
        ["edge"] => edge::serve(),
        ["bare"] => bare::serve(),
        ["load", port, dialect, connections] => load::run(port.parse()?, dialect, connections.parse()?),
        _ => anyhow::bail!("this program calls itself; run it without arguments"),
    }
}

fn bench() -> anyhow::Result<()> {
    let effort = if std::env::var_os("STATEWARD_BENCH_QUICK").is_some() { QUICK } else { FULL };
    let mut report = report::Report::begin();
    for dialect in ["plain", "socket.io"] {
        report.idle(dialect, effort.idle_connections, idle(dialect, effort.idle_connections)?);
    }
    for &players in effort.players {
        for per_write in [1, 8] {
            let mut rounds = Vec::new();
            for _ in 0..effort.rounds {
                for (server, dialect) in [("bare", "bare"), ("edge", "plain"), ("edge", "socket.io")] {
                    rounds.push((dialect, fan_out(server, dialect, players, per_write)?));
                }
            }
            report.fan_out(players, per_write, &rounds);
        }
    }
    report.write()
}

/// KB of resident memory that each of many idle connections adds.
fn idle(dialect: &str, connections: usize) -> anyhow::Result<f64> {
    let mut server = Role::start(0, &["edge"])?;
    let port = server.line()?;
    let before: f64 = server.ask("rss")?.parse()?;
    let mut load = Role::start(1, &["load", &port, dialect, &connections.to_string()])?;
    load.line()?;
    server.ask(&format!("await {connections}"))?;
    let after: f64 = server.ask("rss")?.parse()?;
    Ok((after - before) / connections as f64)
}

/// What one round of broadcasts came to.
#[derive(Debug, Clone, Copy)]
struct FanOut {
    deliveries_per_second: f64,
    cpu_us_per_delivery: f64,
}

fn fan_out(server: &str, dialect: &str, players: usize, per_write: usize) -> anyhow::Result<FanOut> {
    let mut server = Role::start(0, &[server])?;
    let port = server.line()?;
    let mut load = Role::start(1, &["load", &port, dialect, &players.to_string()])?;
    load.line()?;
    server.ask(&format!("await {players}"))?;
    let updates = 120_000 * per_write.min(2) / players / per_write * per_write;
    let answer = server.ask(&format!("fanout {updates} {per_write}"))?;
    let figures = answer.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [seconds, cpu_seconds] = figures[..] else { anyhow::bail!("unexpected answer {answer:?}") };
    let deliveries = (updates * players) as f64;
    Ok(FanOut { deliveries_per_second: deliveries / seconds, cpu_us_per_delivery: cpu_seconds * 1e6 / deliveries })
}

/// A process of this benchmark, driven by lines.
struct Role {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Role {
    fn start(core: usize, arguments: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        // As many sockets as the system lets us have, on a core of its own where that can be asked for.
        let script =
            r#"ulimit -n "$(ulimit -H -n)"; if command -v taskset >/dev/null; then exec taskset -c "$CORE" "$0" "$@"; fi; exec "$0" "$@""#;
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program).args(arguments).env("CORE", core.to_string());
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start a process of the benchmark")?;
        let input = process.stdin.take().context("no standard input")?;
        let output = BufReader::new(process.stdout.take().context("no standard output")?);
        Ok(Self { process, input, output })
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        anyhow::ensure!(self.output.read_line(&mut line)? > 0, "a process of the benchmark ended early");
        Ok(line.trim().to_owned())
    }

    fn ask(&mut self, command: &str) -> anyhow::Result<String> {
        writeln!(self.input, "{command}")?;
        self.line()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Updates that have arrived: at the first player, and at all.
#[derive(Debug, Clone, Copy, Default)]
struct Receipts {
    first: usize,
    complete: usize,
}

impl Receipts {
    const BASE: usize = 1 << 20;
    /// Updates on the way to the first player at once.
    const IN_FLIGHT: usize = 2;
    /// How far the first player may be ahead of the last: no socket's buffer is full then.
    const AHEAD: usize = 64;

    fn to_number(self) -> usize {
        self.first * Self::BASE + self.complete
    }

    fn from_number(number: usize) -> Self {
        Self { first: number / Self::BASE, complete: number % Self::BASE }
    }

    /// How many of `updates` the game master has sent by now, if `waiting` of them come at once.
    fn sent(self, updates: usize, waiting: usize) -> usize {
        let sent = (self.first / waiting + Self::IN_FLIGHT) * waiting;
        sent.min(self.complete + Self::AHEAD).min(updates)
    }
}

/// One line to whoever started this process.
#[expect(clippy::print_stdout, reason = "the processes of the benchmark talk by lines")]
fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// Seconds of CPU that this process has used.
fn cpu_seconds() -> anyhow::Result<f64> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let statistics = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += statistics.split(' ').next().context("empty schedstat")?.parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// An update as the gateway broadcasts it: about 400 bytes.
fn update_data() -> String {
    let hash = "0123456789abcdef".repeat(4);
    format!(
        r#"{{"sessionId":"bench-session","updateId":"bench-update","epoch":"bench-epoch","operations":[{{"path":"characters.3.hitPoints.current","operation":"set","value":27}}],"newVersion":"123456","expectedHash":"{hash}","previousHash":"{hash}","timestamp":1790000000000,"source":"gm"}}"#
    )
}
