//! What the `OTEL_*` variables say.

use std::time::Duration;

use crate::ConfigError;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) traces: bool,
    pub(crate) metrics: Option<MetricsTarget>,
    /// `OTEL_SERVICE_NAME` or the resource's attributes give the service's name.
    pub(crate) names_service: bool,
    pub(crate) sampler: Sampler,
    pub(super) queue: usize,
    pub(super) batch: usize,
    pub(super) delay: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetricsTarget {
    pub(super) endpoint: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) every: Duration,
    pub(super) timeout: Duration,
}

/// How a trace that begins here is sampled. One that began elsewhere is sampled as it was there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampler {
    ratio: f64,
}

impl Sampler {
    /// By the trace's id, as every implementation of this sampler decides it.
    pub(crate) fn samples(self, trace_id: u128) -> bool {
        if self.ratio >= 1.0 {
            return true;
        }
        let bound = (self.ratio.max(0.0) * (1_u64 << 63) as f64) as u64;
        (trace_id as u64 >> 1) < bound
    }
}

impl Settings {
    /// `get` is the environment.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let general = get("OTEL_EXPORTER_OTLP_ENDPOINT");
        let disabled = get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let wanted = |signal: &str, others: &[&str]| -> Result<bool, ConfigError> {
            let name = format!("OTEL_{signal}_EXPORTER");
            let endpoint = get(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")).or(general.clone());
            let on = match get(&name).as_deref() {
                None => endpoint.is_some(),
                Some("otlp") => true,
                Some(other) if others.contains(&other) => false,
                Some(other) => return Err(ConfigError::invalid(&name, format!("{other:?} is not known: write otlp or none"))),
            };
            let protocol = format!("OTEL_EXPORTER_OTLP_{signal}_PROTOCOL");
            match get(&protocol).or_else(|| get("OTEL_EXPORTER_OTLP_PROTOCOL")) {
                Some(given) if on && given != "http/protobuf" => {
                    return Err(ConfigError::invalid(&protocol, format!("{given:?} is not spoken here: write http/protobuf (port 4318)")));
                }
                _ => {}
            }
            match endpoint {
                Some(endpoint) if on && !endpoint.starts_with("http://") => Err(ConfigError::invalid(
                    &format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"),
                    format!("{endpoint:?} is not usable: write http://host:4318 of a collector that runs nearby"),
                )),
                _ => Ok(on && !disabled),
            }
        };
        let (traces, metrics) = (wanted("TRACES", &["none"])?, wanted("METRICS", &["none", "prometheus"])?);
        let metrics = metrics.then(|| {
            let own = get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
            let base = general.clone().unwrap_or_else(|| "http://localhost:4318".to_owned());
            let headers = get("OTEL_EXPORTER_OTLP_METRICS_HEADERS").or_else(|| get("OTEL_EXPORTER_OTLP_HEADERS")).unwrap_or_default();
            Ok(MetricsTarget {
                endpoint: own.unwrap_or_else(|| format!("{}/v1/metrics", base.trim_end_matches('/'))),
                headers: headers
                    .split(',')
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                    .collect(),
                every: Duration::from_millis(number(&get, "OTEL_METRIC_EXPORT_INTERVAL", 60_000)?),
                timeout: Duration::from_millis(number(&get, "OTEL_EXPORTER_OTLP_TIMEOUT", 10_000)?),
            })
        });
        let ratio = match get("OTEL_TRACES_SAMPLER").as_deref() {
            None | Some("parentbased_always_on" | "always_on") => 1.0,
            Some("parentbased_always_off" | "always_off") => 0.0,
            Some("parentbased_traceidratio" | "traceidratio") => match get("OTEL_TRACES_SAMPLER_ARG") {
                None => 1.0,
                Some(ratio) => match ratio.parse() {
                    Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
                    _ => return Err(ConfigError::invalid("OTEL_TRACES_SAMPLER_ARG", format!("{ratio:?} is no number from 0 to 1"))),
                },
            },
            Some(other) => return Err(ConfigError::invalid("OTEL_TRACES_SAMPLER", format!("{other:?} is not known"))),
        };
        let queue = number(&get, "OTEL_BSP_MAX_QUEUE_SIZE", 2_048)?.max(1) as usize;
        Ok(Self {
            traces,
            metrics: metrics.transpose()?,
            names_service: get("OTEL_SERVICE_NAME").is_some()
                || get("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|attributes| attributes.contains("service.name=")),
            sampler: Sampler { ratio },
            queue,
            batch: (number(&get, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?.max(1) as usize).min(queue),
            delay: Duration::from_millis(number(&get, "OTEL_BSP_SCHEDULE_DELAY", 5_000)?),
        })
    }
}

fn number(get: &impl Fn(&str) -> Option<String>, name: &str, default: u64) -> Result<u64, ConfigError> {
    get(name).map_or(Ok(default), |value| value.parse().map_err(|_| ConfigError::invalid(name, format!("{value:?} is no whole number"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::read(get).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_exported_unless_it_is_asked_for() {
        let settings = read(&[]).unwrap();
        assert!(!settings.traces && settings.metrics.is_none());
        let asked = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")]).unwrap();
        assert!(asked.traces);
        assert_eq!(asked.metrics.unwrap().endpoint, "http://collector:4318/v1/metrics");
        let traces_only = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), ("OTEL_METRICS_EXPORTER", "none")];
        assert!(read(&traces_only).unwrap().metrics.is_none());
        let off = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), ("OTEL_SDK_DISABLED", "true")];
        assert!(!read(&off).unwrap().traces);
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_names_the_variable() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
        for (pair, says) in [
            (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: \"grpc\" is not spoken here"),
            (("OTEL_TRACES_EXPORTER", "zipkin"), "OTEL_TRACES_EXPORTER: \"zipkin\" is not known"),
            (("OTEL_TRACES_SAMPLER", "jaeger_remote"), "OTEL_TRACES_SAMPLER: \"jaeger_remote\" is not known"),
            (("OTEL_BSP_MAX_QUEUE_SIZE", "many"), "OTEL_BSP_MAX_QUEUE_SIZE: \"many\" is no whole number"),
        ] {
            let error = read(&[endpoint, pair]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector")]).unwrap_err().contains("write http://host:4318"));
    }

    #[test]
    fn traces_that_begin_here_are_sampled_by_their_ids() {
        let sampler =
            |ratio: &str| read(&[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", ratio)]).unwrap().sampler;
        // Ids spread evenly over the part that decides.
        let ids = || (0..1000_u128).map(|n| n << 54);
        assert_eq!(ids().filter(|id| sampler("0").samples(*id)).count(), 0);
        assert_eq!(ids().filter(|id| sampler("1").samples(*id)).count(), 1000);
        let tenth = ids().filter(|id| sampler("0.1").samples(*id)).count();
        assert!((90..=110).contains(&tenth), "{tenth}");
    }
}
