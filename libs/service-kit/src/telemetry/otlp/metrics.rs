//! The metrics of the admin port, sent over OTLP: read from the very text that a scraper would get, so there is one definition of
//! each metric and the two can never differ.

use std::sync::Arc;

use opentelemetry_http::{Bytes, HttpClient, Request, ResponseExt};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
        metric::Data, number_data_point,
    },
    resource,
};
use opentelemetry_sdk::Resource;
use prost::Message;
use tokio::{sync::Notify, task::JoinHandle};

use super::{http::Client, settings::MetricsTarget};
use crate::{Metrics, clock};

#[derive(Debug)]
pub(super) struct Periodic {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Periodic {
    pub(super) fn start(target: MetricsTarget, client: Client, resource: Resource, metrics: Metrics) -> Self {
        let stop = Arc::new(Notify::new());
        let run = run(target, client, resource, metrics, Arc::clone(&stop));
        #[expect(clippy::disallowed_methods, reason = "outlives the lifecycle, to send its last values; joined in `finish`")]
        let task = tokio::spawn(run);
        Self { stop, task }
    }

    pub(super) async fn finish(self) {
        self.stop.notify_one();
        if tokio::time::timeout(super::spans::LAST_CALL, self.task).await.is_err() {
            tracing::warn!("the last metrics could not be exported in time");
        }
    }
}

async fn run(target: MetricsTarget, client: Client, resource: Resource, metrics: Metrics, stop: Arc<Notify>) {
    let began = nanoseconds();
    let mut failing = false;
    loop {
        let stopping = tokio::select! {
            () = stop.notified() => true,
            () = tokio::time::sleep(target.every) => false,
        };
        let Ok(text) = metrics.encode() else { continue };
        let body = request(&text, &resource, began, nanoseconds()).encode_to_vec();
        match tokio::time::timeout(target.timeout, send(&client, &target, body.into()))
            .await
            .unwrap_or_else(|_| Err("no answer in time".into()))
        {
            Err(error) if !std::mem::replace(&mut failing, true) => tracing::warn!(%error, "metrics cannot be exported"),
            Ok(()) if std::mem::take(&mut failing) => tracing::info!("metrics are exported again"),
            _ => {}
        }
        if stopping {
            return;
        }
    }
}

async fn send(client: &Client, target: &MetricsTarget, body: Bytes) -> Result<(), opentelemetry_http::HttpError> {
    let mut request = Request::post(&target.endpoint).header("content-type", "application/x-protobuf");
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    client.send_bytes(request.body(body)?).await?.error_for_status()?;
    Ok(())
}

fn nanoseconds() -> u64 {
    clock::system_time().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn request(text: &str, resource: &Resource, began: u64, now: u64) -> ExportMetricsServiceRequest {
    let attributes = resource.iter().map(|(key, value)| attribute(key.as_str(), value.as_str().as_ref())).collect();
    let scope = InstrumentationScope { name: "stateward".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), ..Default::default() };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource::v1::Resource { attributes, ..Default::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics: read(text, began, now), ..Default::default() }],
            ..Default::default()
        }],
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

/// The OpenMetrics text that `prometheus-client` writes: `# HELP`, `# TYPE` and `# UNIT` of a family, then its samples.
fn read(text: &str, began: u64, now: u64) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    let mut kind = "";
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
            if metrics.last().is_none_or(|metric| metric.name != name) && word != "EOF" {
                metrics.push(Metric { name: name.to_owned(), ..Default::default() });
            }
            let Some(metric) = metrics.last_mut() else { continue };
            match word {
                "HELP" => metric.description = rest.trim_end_matches('.').to_owned(),
                "UNIT" => metric.unit = ucum(rest).to_owned(),
                "TYPE" => kind = rest,
                _ => {}
            }
        } else if let (Some(metric), Some(sample)) = (metrics.last_mut(), Sample::read(line)) {
            add(metric, kind, &sample, began, now);
        }
    }
    metrics.retain(|metric| metric.data.is_some());
    metrics
}

fn ucum(unit: &str) -> &str {
    match unit {
        "seconds" => "s",
        "bytes" => "By",
        other => other,
    }
}

struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: f64,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (key, quoted) = rest.trim_start_matches(',').split_once("=\"")?;
                let mut value = String::new();
                let mut characters = quoted.char_indices();
                let close = loop {
                    match characters.next()? {
                        (at, '"') => break at,
                        (_, '\\') => value.push(match characters.next()?.1 {
                            'n' => '\n',
                            other => other,
                        }),
                        (_, other) => value.push(other),
                    }
                };
                labels.push((key, value));
                rest = &quoted[close + 1..];
            }
            rest = &rest[1..];
        }
        // An exemplar would follow a `#`.
        let value = rest.trim_start().split(' ').next()?.parse().ok()?;
        Some(Self { name, labels, value })
    }

    fn attributes(&self) -> Vec<KeyValue> {
        self.labels.iter().filter(|(key, _)| *key != "le").map(|(key, value)| attribute(key, value)).collect()
    }
}

fn add(metric: &mut Metric, kind: &str, sample: &Sample<'_>, began: u64, now: u64) {
    let point = || NumberDataPoint {
        attributes: sample.attributes(),
        start_time_unix_nano: if kind == "counter" { began } else { 0 },
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..Default::default()
    };
    let temporality = AggregationTemporality::Cumulative.into();
    match kind {
        "counter" => {
            let empty = || Data::Sum(Sum { aggregation_temporality: temporality, is_monotonic: true, ..Default::default() });
            if let Data::Sum(sum) = metric.data.get_or_insert_with(empty) {
                sum.data_points.push(point());
            }
        }
        "histogram" => {
            let empty = || Data::Histogram(Histogram { aggregation_temporality: temporality, ..Default::default() });
            if let Data::Histogram(histogram) = metric.data.get_or_insert_with(empty) {
                let attributes = sample.attributes();
                if histogram.data_points.last().is_none_or(|point| point.attributes != attributes) {
                    histogram.data_points.push(HistogramDataPoint {
                        attributes,
                        start_time_unix_nano: began,
                        time_unix_nano: now,
                        ..Default::default()
                    });
                }
                if let Some(point) = histogram.data_points.last_mut() {
                    add_to_histogram(point, sample);
                }
            }
        }
        _ => {
            if let Data::Gauge(gauge) = metric.data.get_or_insert_with(|| Data::Gauge(Gauge::default())) {
                gauge.data_points.push(point());
            }
        }
    }
}

/// Buckets come in order and each counts all below it; OTLP's each count their own.
fn add_to_histogram(point: &mut HistogramDataPoint, sample: &Sample<'_>) {
    if sample.name.ends_with("_sum") {
        point.sum = Some(sample.value);
    } else if sample.name.ends_with("_count") {
        point.count = sample.value as u64;
    } else if let Some((_, bound)) = sample.labels.iter().find(|(key, _)| *key == "le") {
        let below: u64 = point.bucket_counts.iter().sum();
        point.bucket_counts.push((sample.value as u64).saturating_sub(below));
        if let Ok(bound) = bound.parse::<f64>()
            && bound.is_finite()
        {
            point.explicit_bounds.push(bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        metrics::{counter::Counter, family::Family, gauge::Gauge as PromGauge, histogram::Histogram as PromHistogram},
        registry::Unit,
    };

    use super::*;

    fn of<'a>(metrics: &'a [Metric], name: &str) -> &'a Metric {
        metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} in {metrics:?}"))
    }

    #[test]
    fn what_a_scraper_reads_is_what_a_collector_gets() {
        let registry = Metrics::new("test", "test-1", "1.0");
        let counted = Family::<Vec<(String, String)>, Counter>::default();
        let (gauge, histogram) = (PromGauge::<i64>::default(), PromHistogram::new([0.1, 1.0]));
        registry.register(|registry| {
            registry.register("answers", "Answers", counted.clone());
            registry.register("held", "Held", gauge.clone());
            registry.register_with_unit("work", "Work", Unit::Seconds, histogram.clone());
        });
        counted.get_or_create(&vec![("reason".to_owned(), "a \"b\"\\\n, {c}".to_owned())]).inc_by(3);
        gauge.set(-2);
        [0.05, 0.5, 0.6, 7.0].into_iter().for_each(|value| histogram.observe(value));

        let metrics = read(&registry.encode().unwrap(), 1, 2);
        let Some(Data::Sum(sum)) = &of(&metrics, "stateward_answers").data else { panic!("{metrics:?}") };
        assert!(sum.is_monotonic);
        assert_eq!(sum.data_points[0].value, Some(number_data_point::Value::AsDouble(3.0)));
        assert_eq!(sum.data_points[0].attributes, [attribute("reason", "a \"b\"\\\n, {c}")]);
        let Some(Data::Gauge(held)) = &of(&metrics, "stateward_held").data else { panic!("{metrics:?}") };
        assert_eq!(held.data_points[0].value, Some(number_data_point::Value::AsDouble(-2.0)));
        let work = of(&metrics, "stateward_work_seconds");
        assert_eq!((work.unit.as_str(), work.description.as_str()), ("s", "Work"));
        let Some(Data::Histogram(work)) = &work.data else { panic!("{metrics:?}") };
        let point = &work.data_points[0];
        assert_eq!((point.count, &point.explicit_bounds[..], &point.bucket_counts[..]), (4, &[0.1, 1.0][..], &[1, 2, 1][..]));
        assert_eq!(point.sum, Some(8.15));
        let Some(Data::Gauge(build)) = &of(&metrics, "stateward_build").data else { panic!("{metrics:?}") };
        assert!(build.data_points[0].attributes.contains(&attribute("version", "1.0")));
    }
}
