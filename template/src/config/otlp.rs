use axum_chassis::trace::Propagation;

use super::{Environment, Faults};

/// Which signals are sent by OTLP, and which traces are sampled.
///
/// A signal is sent when an endpoint is named for it, or when its exporter is
/// set to `otlp`; `none`, or `OTEL_SDK_DISABLED=true`, turns it off. All else
/// (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, endpoints, headers,
/// protocol, batch sizes) the OpenTelemetry SDK reads itself.
///
/// Source: OpenTelemetry specification, *Environment Variable Specification*.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Otlp {
    /// Spans are sent.
    pub traces: bool,
    /// Metrics are sent, beside being served at `/metrics`.
    pub metrics: bool,
    /// By which headers traces go from process to process: `OTEL_PROPAGATORS`.
    pub propagation: Propagation,
    /// Which traces are sampled, as far as [`Traces`](super::Traces) says nothing else.
    pub sampler: HeadSampler,
}

/// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadSampler {
    /// A caller's decision is followed; the ratio is for traces that begin here.
    pub parent_based: bool,
    /// How many traces are sampled, from 0 to 1.
    pub ratio: f64,
}

impl Default for HeadSampler {
    fn default() -> Self {
        Self {
            parent_based: true,
            ratio: 1.0,
        }
    }
}

const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

impl Otlp {
    pub(super) fn read(environment: &Environment, faults: &mut Faults) -> Self {
        for variable in [
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
        ] {
            one_of(environment, faults, variable, &PROTOCOLS);
        }
        let disabled = environment
            .get("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let traces = signal(environment, faults, "TRACES");
        let metrics = signal(environment, faults, "METRICS");
        Self {
            traces: traces && !disabled,
            metrics: metrics && !disabled,
            propagation: propagation(environment, faults),
            sampler: HeadSampler::read(environment, faults),
        }
    }
}

fn signal(environment: &Environment, faults: &mut Faults, signal: &str) -> bool {
    let exporter = format!("OTEL_{signal}_EXPORTER");
    one_of(environment, faults, &exporter, &["otlp", "none"]);
    match environment.get(&exporter) {
        Some(exporter) => exporter == "otlp",
        None => [
            "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"),
        ]
        .iter()
        .any(|endpoint| environment.get(endpoint).is_some()),
    }
}

fn one_of(environment: &Environment, faults: &mut Faults, variable: &str, allowed: &[&str]) {
    if let Some(value) = environment.get(variable)
        && !allowed.contains(&value)
    {
        let reason = format!("is not supported; allowed: {}", allowed.join(", "));
        faults.add(variable, value, reason);
    }
}

fn propagation(environment: &Environment, faults: &mut Faults) -> Propagation {
    let names = environment.get("OTEL_PROPAGATORS").unwrap_or_default();
    names.parse().unwrap_or_else(|error| {
        faults.add("OTEL_PROPAGATORS", names, error);
        Propagation::default()
    })
}

impl HeadSampler {
    fn read(environment: &Environment, faults: &mut Faults) -> Self {
        one_of(environment, faults, SAMPLER, &SAMPLERS);
        let argument = argument(environment, faults);
        let Some(name) = environment.get(SAMPLER) else {
            return Self::default();
        };
        Self {
            parent_based: name.starts_with("parentbased_"),
            ratio: match name.trim_start_matches("parentbased_") {
                "always_off" => 0.0,
                "traceidratio" => argument,
                _ => 1.0,
            },
        }
    }
}

fn argument(environment: &Environment, faults: &mut Faults) -> f64 {
    let Some(value) = environment.get(ARGUMENT) else {
        return 1.0;
    };
    let ratio = value.parse().ok();
    ratio.filter(is_ratio).unwrap_or_else(|| {
        faults.add(ARGUMENT, value, NO_RATIO);
        1.0
    })
}

pub(super) const NO_RATIO: &str = "is no ratio: give a number from 0 to 1, such as 0.1";

pub(super) fn is_ratio(ratio: &f64) -> bool {
    (0.0..=1.0).contains(ratio)
}
