//! Our platform alone under steady updates, for whoever looks at it with `perf` or changes it: which processes to look at, and what each
//! spends on an update.

use serde_json::json;

use crate::{
    dialect::Dialect,
    machine::cpu_seconds,
    relay::Relay,
    report::{Table, note},
    role::Load,
    stack::Ours,
    state::State,
    statistics::Rounds,
};

const PLAYERS: usize = 4;
const WARM_UP_SECONDS: f64 = 2.0;
const ROUNDS: usize = 5;

/// Processes under the name of what they are.
type Processes<'a> = [(&'a str, Vec<u32>)];

/// `seconds` of updates in as many sessions, in a few rounds. One session is shown beside the bare way of its updates.
pub(crate) async fn run(sessions: usize, state_bytes: usize, seconds: f64) -> anyhow::Result<()> {
    let ours = Ours::start().await?;
    let state = State::of(state_bytes);
    let mut load = Load::open(&ours.plan(Dialect::Plain, sessions, PLAYERS, &state).await?).await?;
    let (nats, mongod) = (("nats-server", ours.nats()), ("mongod", ours.mongod()));
    let platform = [("gateway", ours.gateway()), ("state-authority", ours.authority()), nats.clone(), mongod.clone()];
    for (name, pids) in &platform {
        note(&format!("{name}: process {pids:?}"));
    }
    let mut table = Table::new(&["", "updates/s", "ack p50 ms", "gateway us", "state-authority us", "nats-server us", "mongod us"]);
    table.row(measure("ours", &mut load, &platform, seconds).await?, json!({}));
    if sessions == 1 {
        let relay = Relay::start(&ours.0.nats, &ours.0.mongo).await?;
        let mut load = Load::open(&relay.plan(PLAYERS)).await?;
        let [sockets, journal] = relay.pids()?;
        let bare = [("sockets", vec![sockets]), ("journal", vec![journal]), nats, mongod];
        table.row(measure("the bare way", &mut load, &bare, seconds).await?, json!({}));
    }
    table.print();
    Ok(())
}

async fn measure(name: &str, load: &mut Load, processes: &Processes<'_>, seconds: f64) -> anyhow::Result<Vec<String>> {
    load.run(WARM_UP_SECONDS, 1).await?;
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
    let figures = [(rates, 0), (answers, 2)].into_iter().chain(costs.into_iter().map(|costs| (costs, 1)));
    let cells = figures.map(|(values, digits)| Rounds::of(values).cell(digits));
    Ok(std::iter::once(name.to_owned()).chain(cells).collect())
}
