//! Prints all that an exposition can hold: each kind of instrument, exemplars,
//! hostile names and labels, and what is beyond the ceiling.
//!
//! ```sh
//! cargo run -p axum-chassis --example exposition --features prometheus
//! cargo run -p axum-chassis --example exposition --features prometheus -- \
//!     'application/openmetrics-text;version=1.0.0'
//! ```

use axum_chassis::prometheus::Registry;
use opentelemetry::{
    Context, KeyValue,
    metrics::{Meter, MeterProvider},
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

/// All that a label's value could break a line with.
const HOSTILE: &str = "\"} 1\n# EOF\n\\\"\\n\\,a=\"b\" \u{0}\u{1b}[0m\r\tü\u{1F980}";

fn main() {
    let registry = Registry::builder()
        .series_ceiling(3)
        .with_created()
        .resource([
            KeyValue::new("service.name", "exposition"),
            KeyValue::new("hostile", HOSTILE),
        ])
        .build();
    let meter = registry.meter("example");
    let span = SpanContext::new(
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let _guard = Context::new().with_remote_span_context(span).attach();
    measure(&meter);
    observe(&meter);

    let accept = std::env::args().nth(1);
    print!("{}", registry.exposition(accept.as_deref()).into_text());
}

fn measure(meter: &Meter) {
    let hostile = [
        KeyValue::new("le", HOSTILE),
        KeyValue::new("a.b", HOSTILE),
        KeyValue::new("a_b", "joined"),
        KeyValue::new("1", true),
        KeyValue::new("", 0.5),
    ];
    let requests = meter.u64_counter("http.requests").with_unit("{request}");
    let requests = requests.with_description(HOSTILE).build();
    requests.add(1, &hostile);
    for path in 0..10 {
        requests.add(1, &[KeyValue::new("path", path)]);
    }
    let energy = meter.f64_counter("energy").with_unit("J");
    energy.with_description("Used.").build().add(1.5, &[]);
    let bytes = meter.u64_counter("bytes").with_unit("By");
    let bytes = bytes.with_description("Named as its unit.").build();
    bytes.add(7, &[]);

    let wait = meter.f64_histogram("wait").with_unit("s");
    let wait = wait.with_boundaries(vec![0.1, 1.0, 10.0]);
    let wait = wait.with_description("Before its turn.").build();
    for seconds in [0.05, 0.5, 0.5, 50.0] {
        wait.record(seconds, &hostile);
    }
    let size = meter.u64_histogram("size").with_unit("By");
    size.with_description("Sent.").build().record(70, &[]);
    let drift = meter.f64_histogram("drift").with_description("Below zero.");
    let drift = drift.with_boundaries(vec![-1.0, 1.0]).build();
    drift.record(-2.0, &[]);
    let whole = meter.u64_histogram("whole").with_description("One bucket.");
    whole.with_boundaries(vec![]).build().record(7, &[]);

    let jobs = meter.i64_up_down_counter("jobs").with_description("Owed.");
    jobs.build().add(-3, &[]);
    let level = meter.f64_up_down_counter("level").with_unit("m");
    level.with_description("Of water.").build().add(-0.25, &[]);
    let seats = meter.u64_gauge("seats").with_description("Free.");
    seats.build().record(u64::MAX, &[]);
    let floor = meter.i64_gauge("floor").with_description("Of the lift.");
    floor.build().record(-1, &[]);
    let load = meter.f64_gauge("load").with_unit("1");
    let load = load.with_description("Of the processor.").build();
    load.record(1e-9, &hostile);
}

fn observe(meter: &Meter) {
    meter
        .f64_observable_counter("cpu.time")
        .with_description("Spent.")
        .with_unit("s")
        .with_callback(|observer| observer.observe(12.5, &[KeyValue::new("mode", HOSTILE)]))
        .build();
    meter
        .i64_observable_gauge("temperature")
        .with_description("Outside.")
        .with_unit("Cel")
        .with_callback(|observer| observer.observe(-4, &[]))
        .build();
    meter
        .i64_observable_up_down_counter("connections")
        .with_description("Open.")
        .with_callback(|observer| observer.observe(2, &[]))
        .build();
}
