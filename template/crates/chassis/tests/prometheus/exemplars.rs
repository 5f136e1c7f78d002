//! The way from a number to a trace.

use axum_chassis::prometheus::Registry;
use opentelemetry::{
    Context, ContextGuard,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

use crate::{meter, open_metrics, text};

/// As if a span with this number were entered.
fn in_span(number: u64, flags: TraceFlags) -> ContextGuard {
    let trace_id = TraceId::from(u128::from(number));
    let state = TraceState::NONE;
    let span = SpanContext::new(trace_id, SpanId::from(number), flags, false, state);
    Context::new().with_remote_span_context(span).attach()
}

/// The exemplars of the series of a name: what comes after ` # `, without the time.
fn exemplars(registry: &Registry, name: &str) -> Vec<String> {
    let page = open_metrics(registry);
    let lines = page.lines().filter(|line| line.starts_with(name));
    let exemplars = lines.filter_map(|line| Some(line.split_once(" # ")?.1.rsplit_once(' ')?.0));
    exemplars.map(str::to_owned).collect()
}

fn exemplar(number: u64, value: &str) -> String {
    format!("{{trace_id=\"{number:032x}\",span_id=\"{number:016x}\"}} {value}")
}

#[test]
fn each_bucket_has_its_own() {
    let registry = Registry::new();
    let wait = meter(&registry)
        .f64_histogram("wait")
        .with_boundaries(vec![1.0, 2.0])
        .build();
    for (number, value) in [(1, 0.5), (2, 3.0)] {
        let _span = in_span(number, TraceFlags::SAMPLED);
        wait.record(value, &[]);
    }
    assert_eq!(
        exemplars(&registry, "wait_bucket"),
        [exemplar(1, "0.5"), exemplar(2, "3")]
    );
}

#[test]
fn a_counter_has_one() {
    let registry = Registry::new();
    let _span = in_span(1, TraceFlags::SAMPLED);
    meter(&registry).u64_counter("a").build().add(3, &[]);
    assert_eq!(exemplars(&registry, "a_total"), [exemplar(1, "3")]);
}

#[test]
fn what_is_bound_reads_the_span_when_it_records() {
    let registry = Registry::new();
    let bound = {
        let _span = in_span(1, TraceFlags::SAMPLED);
        meter(&registry).u64_counter("a").build().bind(&[])
    };
    let _span = in_span(2, TraceFlags::SAMPLED);
    bound.add(1);
    assert_eq!(exemplars(&registry, "a_total"), [exemplar(2, "1")]);
}

#[test]
fn a_span_that_is_not_sampled_or_not_there_makes_none() {
    let registry = Registry::new();
    let counter = meter(&registry).u64_counter("a").build();
    counter.add(1, &[]);
    let _not_sampled = in_span(1, TraceFlags::NOT_SAMPLED);
    counter.add(1, &[]);
    let _not_valid = in_span(0, TraceFlags::SAMPLED);
    counter.add(1, &[]);
    assert_eq!(exemplars(&registry, "a_total"), [""; 0]);
}

#[test]
fn the_first_after_a_scrape_is_kept_until_the_next() {
    let registry = Registry::new();
    let counter = meter(&registry).u64_counter("a").build();
    let add_in = |number| {
        let _span = in_span(number, TraceFlags::SAMPLED);
        counter.add(1, &[]);
    };
    add_in(1);
    add_in(2);
    assert_eq!(exemplars(&registry, "a_total"), [exemplar(1, "1")]);
    assert_eq!(exemplars(&registry, "a_total"), [exemplar(1, "1")]);
    add_in(3);
    add_in(4);
    assert_eq!(exemplars(&registry, "a_total"), [exemplar(3, "1")]);
}

#[test]
fn the_text_format_has_none() {
    let registry = Registry::new();
    let _span = in_span(1, TraceFlags::SAMPLED);
    meter(&registry).u64_counter("a").build().add(1, &[]);
    assert!(!text(&registry).contains("trace_id"));
}
