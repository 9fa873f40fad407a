//! A collector of OpenTelemetry: receives traces and metrics over OTLP/HTTP as a real one does, and keeps them to be looked at.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, bail};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value},
    trace::v1::{Span as OtlpSpan, span::SpanKind},
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A span as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The resource's `service.name`.
    pub service: String,
    /// The resource's `service.instance.id`.
    pub instance: String,
    pub trace: String,
    pub id: String,
    /// Empty at the root.
    pub parent: String,
    pub name: String,
    /// `Internal`, `Server`, `Client`, `Producer` or `Consumer`.
    pub kind: String,
    pub attributes: BTreeMap<String, String>,
    /// Trace and span.
    pub links: Vec<(String, String)>,
    pub failed: bool,
    pub begin_ns: u64,
    pub end_ns: u64,
}

impl Span {
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

#[derive(Debug, Default)]
struct Received {
    spans: Vec<Span>,
    /// Names of metrics, by service.
    metrics: BTreeMap<String, Vec<String>>,
    fault: Option<String>,
}

/// Ends on drop.
#[derive(Debug)]
pub struct Collector {
    port: u16,
    received: Arc<Mutex<Received>>,
    task: JoinHandle<()>,
}

impl Collector {
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let received = Arc::<Mutex<Received>>::default();
        #[expect(clippy::disallowed_methods, reason = "ends with the collector; testkit has no lifecycle")]
        let task = tokio::spawn(receive(listener, Arc::clone(&received)));
        Ok(Self { port, received, task })
    }

    /// What a service is told, to export here without delay.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            pair("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://127.0.0.1:{}", self.port)),
            pair("OTEL_BSP_SCHEDULE_DELAY", "50"),
            pair("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ]
    }

    pub fn spans(&self) -> Vec<Span> {
        self.received().spans.clone()
    }

    pub fn trace(&self, id: &str) -> Vec<Span> {
        self.received().spans.iter().filter(|span| span.trace == id).cloned().collect()
    }

    /// Names of the metrics that a service has sent.
    pub fn metrics(&self, service: &str) -> Vec<String> {
        self.received().metrics.get(service).cloned().unwrap_or_default()
    }

    /// What could not be read, if anything.
    pub fn fault(&self) -> Option<String> {
        self.received().fault.clone()
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(listener: TcpListener, received: Arc<Mutex<Received>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        #[expect(clippy::disallowed_methods, reason = "one short exchange")]
        tokio::spawn(async move {
            if let Err(error) = exchange(stream, &received).await {
                received.lock().unwrap_or_else(PoisonError::into_inner).fault.get_or_insert(format!("{error:#}"));
            }
        });
    }
}

/// One request, one answer, as the exporters do.
async fn exchange(mut stream: TcpStream, received: &Mutex<Received>) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = std::str::from_utf8(&bytes[..end])?.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).context("a body says its length")?;
            let length: usize = length.trim().parse()?;
            if bytes.len() >= end + 4 + length {
                break (head, bytes[end + 4..end + 4 + length].to_vec());
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            // A process that was killed in the middle of it.
            return Ok(());
        }
    };
    let first = head.lines().next().unwrap_or_default();
    if first.starts_with("post /v1/traces ") {
        keep_spans(ExportTraceServiceRequest::decode(body.as_slice())?, &mut received.lock().unwrap_or_else(PoisonError::into_inner));
    } else if first.starts_with("post /v1/metrics ") {
        keep_metrics(ExportMetricsServiceRequest::decode(body.as_slice())?, &mut received.lock().unwrap_or_else(PoisonError::into_inner));
    } else {
        bail!("not a request of OTLP: {first}");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    Ok(())
}

fn keep_spans(request: ExportTraceServiceRequest, received: &mut Received) {
    for resource in request.resource_spans {
        let of = attributes(&resource.resource.unwrap_or_default().attributes);
        let name = |key: &str| of.get(key).cloned().unwrap_or_default();
        let (service, instance) = (name("service.name"), name("service.instance.id"));
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        received.spans.extend(spans.map(|span| read(span, &service, &instance)));
    }
}

fn keep_metrics(request: ExportMetricsServiceRequest, received: &mut Received) {
    for resource in request.resource_metrics {
        let service = attributes(&resource.resource.unwrap_or_default().attributes).remove("service.name").unwrap_or_default();
        let names = resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics).map(|metric| metric.name).collect();
        received.metrics.insert(service, names);
    }
}

fn read(span: OtlpSpan, service: &str, instance: &str) -> Span {
    Span {
        service: service.to_owned(),
        instance: instance.to_owned(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: format!("{:?}", SpanKind::try_from(span.kind).unwrap_or_default()),
        attributes: attributes(&span.attributes),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        failed: span.status.is_some_and(|status| status.code == 2),
        begin_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        name: span.name,
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
