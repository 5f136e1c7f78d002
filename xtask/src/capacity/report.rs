//! What was measured, in Markdown.

use std::time::Duration;

use super::{Measured, load::Sample, subjects::SUBJECTS};

const TEMPLATE: &str = include_str!("page.md");

/// The section of docs/benchmarks.md.
pub fn section(measured: &Measured, machine: &str) -> String {
    TEMPLATE
        .replace("MACHINE", machine)
        .replace("LOAD", load(measured).trim_end())
        .replace("PROCESS", process(measured).trim_end())
}

/// Both tables.
pub fn tables(measured: &Measured) -> String {
    format!("{}\n{}", load(measured), process(measured))
}

/// Ratios are those of each round, of which the median is told.
fn load(measured: &Measured) -> String {
    let mut table = "| subject | requests/s | × bare | p99 | × bare | processor time a request | user | × bare |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let mut base: &[Sample] = &[];
    for (subject, samples) in SUBJECTS.iter().zip(&measured.load) {
        if subject.is_bare {
            base = samples;
        }
        let of = |value: fn(&Sample) -> f64| median(samples.iter().map(value));
        let ratio = |value: fn(&Sample) -> f64| {
            if subject.is_bare {
                return String::new();
            }
            let ratios = samples.iter().zip(base).map(|(s, b)| value(s) / value(b));
            format!("{:.2}", median(ratios))
        };
        table += &format!(
            "| {} | {:.0} | {} | {:.2} ms | {} | {:.1} µs | {:.1} µs | {} |\n",
            subject.name,
            of(|s| s.requests_per_second),
            ratio(|s| s.requests_per_second),
            of(|s| s.p99_ms),
            ratio(|s| s.p99_ms),
            of(|s| s.user_us + s.system_us),
            of(|s| s.user_us),
            ratio(|s| s.user_us + s.system_us),
        );
    }
    table
}

fn process(measured: &Measured) -> String {
    let mut table = "| what | median | slowest |\n| --- | ---: | ---: |\n".to_owned();
    for (database, starts) in &measured.starts {
        let milliseconds = |start: &Duration| start.as_secs_f64() * 1e3;
        let slowest = starts.iter().max().map_or(f64::NAN, milliseconds);
        table += &format!(
            "| start until ready, {database}, migrated | {:.0} ms | {slowest:.0} ms |\n",
            median(starts.iter().map(milliseconds)),
        );
    }
    table += &format!(
        "| memory, idle after the start | {:.1} MiB | |\n| memory after the load, the largest | {:.1} MiB | |\n",
        measured.idle_mib, measured.loaded_mib
    );
    table
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let sample = |requests_per_second| Sample {
            requests_per_second,
            p99_ms: 1.0,
            user_us: 1.0,
            system_us: 1.0,
        };
        // The second round was a noisy one.
        let bare = vec![sample(1000.0), sample(100.0), sample(1000.0)];
        let ours = vec![sample(900.0), sample(90.0), sample(900.0)];
        let measured = Measured {
            load: vec![
                bare.clone(),
                ours.clone(),
                ours.clone(),
                bare,
                ours.clone(),
                ours,
            ],
            starts: vec![("SQLite", vec![Duration::from_millis(50)])],
            idle_mib: 12.0,
            loaded_mib: 20.0,
        };
        let tables = tables(&measured);
        assert!(
            tables.contains("| service, ES256 | 900 | 0.90 |"),
            "{tables}"
        );
        assert!(
            tables.contains("SQLite, migrated | 50 ms | 50 ms |"),
            "{tables}"
        );
    }
}
