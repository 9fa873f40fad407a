//! What is measured, group by group.

mod catchup;
mod fanout;
mod memory;
mod profile;
mod sync;
mod throughput;
mod trace_cost;
mod update;

use std::{future::Future, pin::Pin};

use anyhow::bail;

/// How much of everything there is: a whole run stays under 15 minutes, a quick one under 3.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) quick: bool,
}

impl Effort {
    pub(crate) fn rounds(self, full: usize) -> usize {
        if self.quick { 1 } else { full }
    }

    pub(crate) fn seconds(self, full: f64) -> f64 {
        if self.quick { full / 3.0 } else { full }
    }

    pub(crate) fn of<T: Copy>(self, full: &[T], quick: &[T]) -> Vec<T> {
        if self.quick { quick.to_vec() } else { full.to_vec() }
    }
}

type Measuring = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;
type Group = fn(Effort) -> Measuring;

const GROUPS: &[(&str, Group)] = &[
    ("update", |effort| Box::pin(update::run(effort))),
    ("throughput", |effort| Box::pin(throughput::run(effort))),
    ("fanout", |effort| Box::pin(fanout::run(effort))),
    ("catchup", |effort| Box::pin(catchup::run(effort))),
    ("memory", |effort| Box::pin(memory::run(effort))),
    ("sync", |effort| Box::pin(sync::run(effort))),
    ("trace-cost", |effort| Box::pin(trace_cost::run(effort))),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name)
}

pub(crate) use profile::run as profile;

pub(crate) async fn run(name: &str, effort: Effort) -> anyhow::Result<()> {
    match GROUPS.iter().find(|(known, _)| *known == name) {
        Some((_, group)) => group(effort).await,
        None => bail!("no such group; there are: {}", names().collect::<Vec<_>>().join(", ")),
    }
}
