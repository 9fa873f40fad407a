//! The gateway's metrics: names, units and label values, all of them here.

use std::sync::Arc;

use service_kit::metrics::prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
};

/// How a client that was behind was brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "label values are written as they are called")]
pub enum Tier {
    /// It held the current state.
    notModified,
    /// From the room's own recent steps.
    ring,
    /// From the stream of updates.
    stream,
    /// From the journal, through the authority.
    journal,
    /// By the whole state.
    full,
}

/// Where a room got what had not reached it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "label values are written as they are called")]
pub enum FillSource {
    stream,
    journal,
    /// Neither had it: the room started afresh at the head and told its connections to catch up.
    refresh,
}

/// What an update was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "label values are written as they are called")]
pub enum UpdateAnswer {
    /// By the authority's reply.
    accepted,
    /// By the broadcast, which mostly stands for the reply.
    merged,
    refused,
    /// Nothing is known at the deadline.
    unknown,
}

/// Why an update that had been sent to the preferred authority was sent to any as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "label values are written as they are called")]
pub enum PassedOver {
    /// The preferred one has gone, and the others are not known to have its sessions yet.
    absent,
    /// It refused the update unread.
    busy,
    /// It sent neither answer nor receipt in time. It may have the update all the same: both do the work then.
    silent,
}

impl From<bus::PassedOver> for PassedOver {
    fn from(why: bus::PassedOver) -> Self {
        match why {
            bus::PassedOver::Absent => Self::absent,
            bus::PassedOver::Busy => Self::busy,
            bus::PassedOver::Silent => Self::silent,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PassedOverLabel {
    pub preferred: PassedOver,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TierLabel {
    pub tier: Tier,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    pub source: FillSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AnswerLabel {
    pub answer: UpdateAnswer,
}

/// Handles to all metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GatewayMetrics(Arc<Inner>);

#[derive(Debug)]
pub struct Inner {
    /// Connections that are authenticated and open.
    pub connections: Gauge,
    /// Sessions with at least one joined connection.
    pub rooms: Gauge,
    /// Lanes that work: connections with something in flight, counted by session.
    pub lanes: Gauge,
    /// Updates, by what they were answered.
    pub updates: Family<AnswerLabel, Counter>,
    /// From reading an update to writing its answer.
    pub update_seconds: Histogram,
    /// Updates that were sent a second time, to any authority, by what the preferred one had done with them.
    pub second_deliveries: Family<PassedOverLabel, Counter>,
    /// Frames written to connections, or queued for them.
    pub deliveries: Counter,
    /// What clients were refused, by code and reason; a limit that was hit has its own reason.
    pub refusals: Family<RefusalLabel, Counter>,
    /// From reading what came of updates to having written it to every connection of a session.
    pub fan_out_seconds: Histogram,
    /// From the game master's update being read, on any gateway, to having written it to every connection here. Between machines it
    /// is as exact as their clocks.
    pub delivery_seconds: Histogram,
    /// Clients brought up to date, by how.
    pub catchups: Family<TierLabel, Counter>,
    /// Clients that have asked to be brought up to date and wait for what must be fetched first.
    pub catching_up: Gauge,
    /// Full states loaded from the authority.
    pub state_loads: Counter,
    /// Gaps that were filled, by source.
    pub fills: Family<SourceLabel, Counter>,
    /// Messages on the session's subjects that could not be read. Each is a fault of a sender.
    pub malformed: Counter,
    /// Messages that NATS dropped because we read too slowly; what was lost is filled as a gap.
    pub lost_messages: Counter,
    /// Connections whose queue overflowed and was dropped.
    pub resyncs: Counter,
    /// Connections closed because their queue overflowed again soon after.
    pub slow_closes: Counter,
    /// Times a socket was not read because its updates wait.
    pub read_gates: Counter,
    /// Presence changes that were dropped because too many waited; renewed later.
    pub presence_dropped: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabel {
    pub code: &'static str,
    /// One of our own constants: never a text of a client's.
    pub reason: String,
}

impl std::ops::Deref for GatewayMetrics {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// One client that waits to be brought up to date, until it is dropped.
pub struct CatchingUp(GatewayMetrics);

impl Drop for CatchingUp {
    fn drop(&mut self) {
        self.0.catching_up.dec();
    }
}

impl GatewayMetrics {
    pub fn new(metrics: &service_kit::Metrics) -> Self {
        let inner = Inner {
            connections: Gauge::default(),
            rooms: Gauge::default(),
            lanes: Gauge::default(),
            updates: Family::default(),
            update_seconds: Histogram::new([
                0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            ]),
            second_deliveries: Family::default(),
            deliveries: Counter::default(),
            refusals: Family::default(),
            fan_out_seconds: Histogram::new(exponential_buckets(0.000_02, 2.0, 18)),
            delivery_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
            catchups: Family::default(),
            catching_up: Gauge::default(),
            state_loads: Counter::default(),
            fills: Family::default(),
            malformed: Counter::default(),
            lost_messages: Counter::default(),
            resyncs: Counter::default(),
            slow_closes: Counter::default(),
            read_gates: Counter::default(),
            presence_dropped: Counter::default(),
        };
        // A rate of what has never happened needs a zero to rise from.
        for source in [FillSource::stream, FillSource::journal, FillSource::refresh] {
            drop(inner.fills.get_or_create(&SourceLabel { source }));
        }
        for tier in [Tier::notModified, Tier::ring, Tier::stream, Tier::journal, Tier::full] {
            drop(inner.catchups.get_or_create(&TierLabel { tier }));
        }
        for preferred in [PassedOver::absent, PassedOver::busy, PassedOver::silent] {
            drop(inner.second_deliveries.get_or_create(&PassedOverLabel { preferred }));
        }
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("gateway");
            registry.register("connections", "Open connections", inner.connections.clone());
            registry.register("rooms", "Sessions with joined connections", inner.rooms.clone());
            registry.register("lanes", "Lanes of connections that work", inner.lanes.clone());
            registry.register("updates", "Updates by answer", inner.updates.clone());
            registry.register("update_seconds", "From reading an update to answering it", inner.update_seconds.clone());
            registry.register("second_deliveries", "Updates sent to a second authority, by why", inner.second_deliveries.clone());
            registry.register("fan_out_seconds", "Time to write updates to a session's connections", inner.fan_out_seconds.clone());
            registry.register("delivery_seconds", "From the game master's update to every connection here", inner.delivery_seconds.clone());
            registry.register("refusals", "Refusals to clients", inner.refusals.clone());
            registry.register("deliveries", "Frames to connections", inner.deliveries.clone());
            registry.register("catchups", "Clients brought up to date, by tier", inner.catchups.clone());
            registry.register("catching_up", "Clients that wait to be brought up to date", inner.catching_up.clone());
            registry.register("state_loads", "Full states loaded from the authority", inner.state_loads.clone());
            registry.register("fills", "Gaps filled, by source", inner.fills.clone());
            registry.register("malformed", "Unreadable messages", inner.malformed.clone());
            registry.register("lost_messages", "Messages dropped on the way from NATS", inner.lost_messages.clone());
            registry.register("resyncs", "Connections told to catch up after their queue overflowed", inner.resyncs.clone());
            registry.register("slow_closes", "Connections closed for reading too slowly", inner.slow_closes.clone());
            registry.register("read_gates", "Times a socket was not read because its updates wait", inner.read_gates.clone());
            registry.register("presence_dropped", "Presence changes dropped", inner.presence_dropped.clone());
        });
        Self(Arc::new(inner))
    }

    pub fn caught_up(&self, tier: Tier) {
        self.catchups.get_or_create(&TierLabel { tier }).inc();
    }

    pub fn catching_up(&self) -> CatchingUp {
        self.catching_up.inc();
        CatchingUp(self.clone())
    }

    pub fn filled(&self, source: FillSource) {
        self.fills.get_or_create(&SourceLabel { source }).inc();
    }

    pub fn sent_again(&self, preferred: PassedOver) {
        self.second_deliveries.get_or_create(&PassedOverLabel { preferred }).inc();
    }

    pub fn refused(&self, error: &protocol::ErrorBody) {
        let label = RefusalLabel { code: error.code.as_str(), reason: error.details.reason.clone() };
        self.refusals.get_or_create(&label).inc();
    }

    pub fn answered(&self, answer: UpdateAnswer) {
        self.updates.get_or_create(&AnswerLabel { answer }).inc();
    }
}
