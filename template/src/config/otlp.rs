use super::{Environment, Faults};

/// Which signals are sent by OTLP.
///
/// A signal is sent when an endpoint is named for it, or when its exporter is
/// set to `otlp`; `none`, or `OTEL_SDK_DISABLED=true`, turns it off. All else
/// (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, endpoints, headers,
/// protocol, sampler, batch sizes) the OpenTelemetry SDK reads itself.
///
/// Source: OpenTelemetry specification, *Environment Variable Specification*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Otlp {
    /// Spans are sent.
    pub traces: bool,
    /// Metrics are sent, beside being served at `/metrics`.
    pub metrics: bool,
}

const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];
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
        one_of(environment, faults, "OTEL_TRACES_SAMPLER", &SAMPLERS);
        ratio(environment, faults);

        let disabled = environment
            .get("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let traces = signal(environment, faults, "TRACES");
        let metrics = signal(environment, faults, "METRICS");
        Self {
            traces: traces && !disabled,
            metrics: metrics && !disabled,
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

fn ratio(environment: &Environment, faults: &mut Faults) {
    if let Some(value) = environment.get("OTEL_TRACES_SAMPLER_ARG")
        && !value.parse().is_ok_and(|r: f64| (0.0..=1.0).contains(&r))
    {
        let reason = "is no ratio: give a number from 0 to 1, such as 0.1";
        faults.add("OTEL_TRACES_SAMPLER_ARG", value, reason);
    }
}
