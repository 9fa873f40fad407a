//! Our platform alone under steady updates, for whoever looks at it with `perf` or changes it: which processes to look at, and what each
//! spends on an update.

use serde_json::json;

use crate::{
    dialect::Dialect,
    machine::cpu_seconds,
    report::{Table, note},
    role::Load,
    stack::Ours,
    state::State,
    statistics::Rounds,
};

const PLAYERS: usize = 4;
const WARM_UP_SECONDS: f64 = 2.0;
const ROUNDS: usize = 5;

/// `seconds` of updates in as many sessions, in a few rounds.
pub(crate) async fn run(sessions: usize, state_bytes: usize, seconds: f64) -> anyhow::Result<()> {
    let ours = Ours::start().await?;
    let state = State::of(state_bytes);
    let mut load = Load::open(&ours.plan(Dialect::Plain, sessions, PLAYERS, &state).await?).await?;
    load.run(WARM_UP_SECONDS, 1).await?;
    let processes =
        [("gateway", ours.gateway()), ("state-authority", ours.authority()), ("nats-server", ours.nats()), ("mongod", ours.mongod())];
    for (name, pids) in &processes {
        note(&format!("{name}: process {pids:?}"));
    }
    let (mut rates, mut answers, mut costs) = (Vec::new(), Vec::new(), vec![Vec::new(); processes.len()]);
    for _ in 0..ROUNDS {
        let before: Vec<f64> = processes.iter().map(|(_, pids)| cpu_seconds(pids)).collect::<Result<_, _>>()?;
        let outcome = load.run(seconds / ROUNDS as f64, 1).await?;
        for (((_, pids), before), costs) in processes.iter().zip(before).zip(&mut costs) {
            costs.push((cpu_seconds(pids)? - before) * 1e6 / outcome.updates as f64);
        }
        rates.push(outcome.updates as f64 / outcome.seconds);
        answers.push(outcome.ack_ms.p50);
    }
    let mut table = Table::new(&["updates/s", "ack p50 ms", "gateway us", "state-authority us", "nats-server us", "mongod us"]);
    let cells = [(rates, 0), (answers, 2)].into_iter().chain(costs.into_iter().map(|costs| (costs, 1)));
    table.row(cells.map(|(values, digits)| Rounds::of(values).cell(digits)).collect(), json!({}));
    table.print();
    Ok(())
}
