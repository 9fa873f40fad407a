//! Spans on their way out: a bounded queue, and one task that sends what is in it in batches.

use std::{sync::Arc, time::Duration};

use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family},
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use super::{Sampler, Settings};
use crate::Metrics;

/// What the last batches get to be sent in.
pub(super) const LAST_CALL: Duration = Duration::from_secs(2);

/// Where spans go. Never waits.
#[derive(Debug)]
pub(crate) struct Spans {
    queue: mpsc::Sender<SpanData>,
    /// A batch is full.
    full: Arc<Notify>,
    batch: usize,
    sampler: Sampler,
    counted: Counted,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "label values as they are exported")]
enum Outcome {
    exported,
    /// The collector did not take them.
    failed,
    /// The queue was full.
    dropped,
}

type Counted = Family<Label, Counter>;

/// The task, to be ended after everything that makes spans.
#[derive(Debug)]
pub(super) struct Flush {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Spans {
    pub(crate) fn samples_root(&self, trace_id: u128) -> bool {
        self.sampler.samples(trace_id)
    }

    pub(crate) fn push(&self, span: SpanData) {
        if self.queue.try_send(span).is_err() {
            self.counted.get_or_create(&Label { outcome: Outcome::dropped }).inc();
        } else if self.queue.max_capacity() - self.queue.capacity() >= self.batch {
            self.full.notify_one();
        }
    }
}

pub(super) fn start<E: SpanExporter + 'static>(
    mut exporter: E,
    resource: &Resource,
    settings: &Settings,
    metrics: &Metrics,
) -> (Spans, Flush) {
    let (queue, waiting) = mpsc::channel(settings.queue);
    let (full, stop, counted) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Counted::default());
    metrics.register(|registry| registry.register("spans", "Spans of sampled traces, by what became of them", counted.clone()));
    exporter.set_resource(resource);
    let sending = Sending { exporter, waiting, batch: settings.batch, counted: counted.clone() };
    #[expect(clippy::disallowed_methods, reason = "outlives the lifecycle, whose tasks make the last spans; joined in `finish`")]
    let task = tokio::spawn(sending.run(settings.delay, Arc::clone(&full), Arc::clone(&stop)));
    (Spans { queue, full, batch: settings.batch, sampler: settings.sampler, counted }, Flush { stop, task })
}

impl Flush {
    pub(super) async fn finish(self) {
        self.stop.notify_one();
        if tokio::time::timeout(LAST_CALL, self.task).await.is_err() {
            tracing::warn!("the last spans could not be exported in time");
        }
    }
}

struct Sending<E> {
    exporter: E,
    waiting: mpsc::Receiver<SpanData>,
    batch: usize,
    counted: Counted,
}

impl<E: SpanExporter> Sending<E> {
    async fn run(mut self, delay: Duration, full: Arc<Notify>, stop: Arc<Notify>) {
        let mut failing = false;
        loop {
            let stopping = tokio::select! {
                () = stop.notified() => true,
                () = full.notified() => false,
                () = tokio::time::sleep(delay) => false,
            };
            while !self.waiting.is_empty() {
                self.send(&mut failing).await;
            }
            if stopping {
                return;
            }
        }
    }

    async fn send(&mut self, failing: &mut bool) {
        let mut batch = Vec::new();
        self.waiting.recv_many(&mut batch, self.batch).await;
        let count = batch.len() as u64;
        let sent = self.exporter.export(batch).await;
        let outcome = if sent.is_ok() { Outcome::exported } else { Outcome::failed };
        self.counted.get_or_create(&Label { outcome }).inc_by(count);
        // Said when it begins and when it is over, not for each batch of a collector that is away.
        match sent {
            Err(error) if !std::mem::replace(failing, true) => tracing::warn!(%error, "spans cannot be exported"),
            Ok(()) if std::mem::take(failing) => tracing::info!("spans are exported again"),
            _ => {}
        }
    }
}
