//! What following updates through the processes costs: the same play with tracing off, with a sampled part, and with everything.

use serde_json::json;
use testkit::PlatformOptions;

use super::Effort;
use crate::{
    dialect::Dialect,
    machine::{Core, cpu_seconds},
    report::{Report, Table, note},
    role::{Load, Role},
    stack::Ours,
    state::State,
    statistics::ratios,
};

const STATE_BYTES: usize = 20 << 10;
const SESSIONS: usize = 16;
const PLAYERS: usize = 4;
/// The share of updates whose spans are exported; `None` is no tracing.
const SHARES: &[(&str, Option<&str>)] = &[("off", None), ("1 % of updates", Some("0.01")), ("every update", Some("1.0"))];

pub(super) async fn run(effort: Effort) -> anyhow::Result<()> {
    let state = State::of(STATE_BYTES);
    let mut collector = Role::start("collector", Core::Load)?;
    let port = collector.line().await?;
    let mut platforms = Vec::new();
    for &(name, share) in SHARES {
        note(&format!("starting a platform with tracing: {name} ..."));
        let environment = share.map_or_else(Vec::new, |share| {
            [
                ("OTEL_TRACES_EXPORTER", "otlp"),
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("http://127.0.0.1:{port}/v1/traces")),
                ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", share),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec()
        });
        let ours = Ours::start_with(PlatformOptions { environment, ..PlatformOptions::default() }).await?;
        let load = Load::open(&ours.plan(Dialect::Plain, SESSIONS, PLAYERS, &state).await?).await?;
        platforms.push((name, ours, load, Vec::new(), Vec::new()));
    }
    for (_, _, load, _, _) in &mut platforms {
        load.run(0.5, 1).await?;
    }
    for _ in 0..effort.rounds(4) {
        for (_, ours, load, cpu_us, ack_ms) in &mut platforms {
            let pids = [ours.gateway(), ours.authority()].concat();
            let before = cpu_seconds(&pids)?;
            let outcome = load.run(effort.seconds(3.0), 1).await?;
            cpu_us.push((cpu_seconds(&pids)? - before) * 1e6 / outcome.updates as f64);
            ack_ms.push(outcome.ack_ms.p50);
        }
    }
    let (off_cpu, off_ack) = (platforms[0].3.clone(), platforms[0].4.clone());
    let mut table = Table::new(&["tracing", "CPU an update / off", "ack p50 / off"]);
    for (name, _, _, cpu_us, ack_ms) in &platforms {
        let (cpu, ack) = (ratios(cpu_us, &off_cpu), ratios(ack_ms, &off_ack));
        table.row(vec![(*name).to_owned(), cpu.cell(2), ack.cell(2)], json!({"tracing": name, "cpuToOff": cpu, "ackToOff": ack}));
    }
    let mut report = Report::of("trace-cost");
    report.add("cost", "Gateway and authority, 16 sessions with four players each; spans go to a collector that throws them away:", table);
    report.finish()
}
