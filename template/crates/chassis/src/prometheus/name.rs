//! Names of OpenTelemetry as names of Prometheus.
//!
//! By [Prometheus and OpenMetrics Compatibility][spec], section "OTLP Metric
//! points to Prometheus".
//!
//! [spec]: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/

use super::Kind;

/// What a metric is called, without a suffix for its kind; and its unit, in words.
///
/// `http.server.request.duration` in `s` is `http_server_request_duration_seconds`.
pub(super) fn metric(name: &str, unit: &str, kind: Kind) -> (String, Option<String>) {
    let mut name = sanitised(name, |c| c == ':');
    if kind.is_counter()
        && let Some(stem) = name.strip_suffix("_total")
    {
        name.truncate(stem.len());
    }
    let unit = unit_in_words(unit, kind);
    if let Some(unit) = &unit {
        let has_it = name
            .strip_suffix(unit.as_str())
            .is_some_and(|stem| stem.is_empty() || stem.ends_with('_'));
        if !has_it {
            name.push('_');
            name.push_str(unit);
        }
    }
    (name, unit)
}

/// The name of a label: `http.route` is `http_route`.
pub(super) fn label(key: &str) -> String {
    sanitised(key, |_| false)
}

/// A run of characters that may not be there, or of `_`, is one `_`; a digit is
/// never first.
fn sanitised(name: &str, is_valid_too: impl Fn(char) -> bool) -> String {
    let mut sanitised = String::with_capacity(name.len() + 1);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        sanitised.push('_');
    }
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || is_valid_too(c) {
            sanitised.push(c);
        } else if !sanitised.ends_with('_') {
            sanitised.push('_');
        }
    }
    sanitised
}

/// `By/s` is `bytes_per_second`. Annotations such as `{request}` are dropped.
fn unit_in_words(unit: &str, kind: Kind) -> Option<String> {
    let unit = without_annotations(unit);
    if unit == "1" {
        return (kind == Kind::Gauge || kind == Kind::ObservableGauge).then(|| "ratio".to_owned());
    }
    let words = match unit.split_once('/') {
        None => plural(&unit).to_owned(),
        Some((of, "")) => plural(of).to_owned(),
        Some(("" | "1", per)) => format!("per_{}", singular(per)),
        Some((of, per)) => format!("{}_per_{}", plural(of), singular(per)),
    };
    let words = words.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    (!words.is_empty()).then(|| sanitised(words, |_| false))
}

fn without_annotations(unit: &str) -> String {
    let mut depth = 0_u32;
    let outside = unit.chars().filter(|c| {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    });
    outside.collect::<String>().trim().to_owned()
}

/// The units of UCUM that Prometheus has a word for. Any other stays as it is.
fn plural(unit: &str) -> &str {
    match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        other => other,
    }
}

/// What something can be per.
fn singular(unit: &str) -> &str {
    match unit {
        "s" => "second",
        "min" | "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" | "wk" => "week",
        "mo" => "month",
        "y" | "a" => "year",
        // Not every word that ends so is a plural.
        "Cel" => "celsius",
        other => match plural(other) {
            unknown if unknown == other => unknown,
            plural => plural.trim_end_matches('s'),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, unit: &str, kind: Kind) -> String {
        metric(name, unit, kind).0
    }

    #[test]
    fn a_unit_is_a_suffix_in_words() {
        for (unit, expected) in [
            ("s", "a_b_seconds"),
            ("By", "a_b_bytes"),
            ("By/s", "a_b_bytes_per_second"),
            ("{request}", "a_b"),
            ("{request}/s", "a_b_per_second"),
            ("By/{request}", "a_b_bytes"),
            ("1/min", "a_b_per_minute"),
            ("J/Cel", "a_b_joules_per_celsius"),
            ("By/ms", "a_b_bytes_per_millisecond"),
            ("By/gross", "a_b_bytes_per_gross"),
            ("%", "a_b_percent"),
            ("furlong", "a_b_furlong"),
            ("", "a_b"),
            ("1", "a_b"),
            ("{", "a_b"),
            ("}/", "a_b"),
            ("°", "a_b"),
        ] {
            assert_eq!(name("a.b", unit, Kind::Histogram), expected, "{unit}");
        }
    }

    #[test]
    fn one_is_a_ratio_of_gauges_only() {
        assert_eq!(
            name("cpu.utilization", "1", Kind::Gauge),
            "cpu_utilization_ratio"
        );
        assert_eq!(
            name("cpu.utilization", "1", Kind::Counter),
            "cpu_utilization"
        );
        assert_eq!(name("cpu.used", "1", Kind::UpDownCounter), "cpu_used");
    }

    #[test]
    fn a_unit_that_is_there_is_not_repeated() {
        assert_eq!(name("wait.seconds", "s", Kind::Histogram), "wait_seconds");
        assert_eq!(name("seconds", "s", Kind::Histogram), "seconds");
        assert_eq!(
            name("wait.milliseconds", "s", Kind::Gauge),
            "wait_milliseconds_seconds"
        );
    }

    #[test]
    fn the_suffix_of_counters_comes_after_the_unit() {
        assert_eq!(
            name("cpu.time.total", "s", Kind::Counter),
            "cpu_time_seconds"
        );
        assert_eq!(
            name("cpu.time.total", "s", Kind::Gauge),
            "cpu_time_total_seconds"
        );
    }

    #[test]
    fn what_may_not_be_in_a_name_is_one_underscore() {
        assert_eq!(name("a..b--ü/c", "", Kind::Gauge), "a_b_c");
        assert_eq!(name("2fast", "", Kind::Gauge), "_2fast");
        assert_eq!(name("job:rate", "", Kind::Gauge), "job:rate");
        assert_eq!(label("job:rate"), "job_rate");
        assert_eq!(label("__name__"), "_name_");
        assert_eq!(label(""), "_");
    }
}
