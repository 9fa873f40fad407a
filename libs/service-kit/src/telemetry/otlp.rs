//! Traces and metrics over OTLP, as the usual `OTEL_*` variables ask for it. Without them nothing is exported.
//!
//! - Traces go out when `OTEL_TRACES_EXPORTER` is `otlp`, or is unset and an endpoint for them is given; metrics likewise.
//! - The protocol is `http/protobuf` without TLS: a collector runs beside the services, and holds the way further.
//! - Spans wait in a bounded queue. A full one drops them, and says how many: tracing never holds up an update.

mod http;
mod metrics;
mod settings;
mod spans;

use opentelemetry_otlp::WithHttpConfig;
use opentelemetry_sdk::Resource;

pub(crate) use self::{
    settings::{Sampler, Settings},
    spans::Spans,
};
use crate::{ConfigError, Metrics};

/// What has to end after everything else: the last spans are those of the shutdown.
#[derive(Debug)]
pub(crate) struct Export {
    spans: Option<spans::Flush>,
    metrics: Option<metrics::Periodic>,
}

impl Export {
    /// Starts what the environment asks for. Must be called within the runtime.
    pub(crate) fn start(settings: &Settings, service: &str, instance: &str, version: &str, metrics: &Metrics) -> Result<Self, ConfigError> {
        let mut resource = Resource::builder()
            .with_attribute(opentelemetry::KeyValue::new("service.namespace", "stateward"))
            .with_attribute(opentelemetry::KeyValue::new("service.instance.id", instance.to_owned()))
            .with_attribute(opentelemetry::KeyValue::new("service.version", version.to_owned()));
        if !settings.names_service {
            resource = resource.with_service_name(format!("stateward-{service}"));
        }
        let resource = resource.build();
        let client = http::Client;
        let spans = if settings.traces {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_http_client(client.clone())
                .build()
                .map_err(|error| ConfigError::invalid("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", error))?;
            let (spans, flush) = spans::start(exporter, &resource, settings, metrics);
            crate::trace::span::export_to(spans);
            Some(flush)
        } else {
            None
        };
        let metrics = settings.metrics.as_ref().map(|target| metrics::Periodic::start(target.clone(), client, resource, metrics.clone()));
        Ok(Self { spans, metrics })
    }

    /// Sends what waits, within a second or two.
    pub(crate) async fn finish(self) {
        if let Some(metrics) = self.metrics {
            metrics.finish().await;
        }
        if let Some(spans) = self.spans {
            spans.finish().await;
        }
    }
}
