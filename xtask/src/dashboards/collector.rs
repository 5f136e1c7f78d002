//! What the Collectors take, send, keep and lose.

use super::{
    board::{Board, Row, Variable},
    panel::{Panel, Source, unit},
};

pub fn board() -> Board {
    Board {
        title: "Collectors",
        about: "The OpenTelemetry Collectors of deploy/collector: what they take, send, keep and lose.",
        variables: vec![
            Variable::source(Source::Prometheus),
            Variable::label(
                "namespace",
                "Namespace",
                "label_values(otelcol_process_uptime, namespace)",
            ),
            Variable::label(
                "service",
                "Collector",
                "label_values(otelcol_process_uptime{namespace=~\"$namespace\"}, job)",
            ),
        ],
        rows: vec![
            Row::open("Now", now()),
            Row::open(
                "In",
                signals(
                    "Taken",
                    "otelcol_receiver_accepted",
                    "receiver",
                    "What receivers took, by signal.",
                ),
            ),
            Row::open(
                "Out",
                signals(
                    "Sent",
                    "otelcol_exporter_sent",
                    "exporter",
                    "What back ends took, by signal.",
                ),
            ),
            Row::open("Waiting", waiting()),
            Row::open("Process", process()),
            Row::closed("Whole traces", tail()),
        ],
    }
}

/// Spans, points of metrics, lines: what a Collector counts each of apart.
const SIGNALS: [(&str, &str); 3] = [
    ("spans", "spans"),
    ("metric_points", "points of metrics"),
    ("log_records", "lines"),
];

/// The rates of all three, each with 0 where nothing was counted yet.
fn rates(prefix: &str) -> impl Iterator<Item = (String, &'static str)> {
    SIGNALS.into_iter().map(move |(signal, name)| {
        let rate =
            format!("sum(rate({prefix}_{signal}{{SERVICE}}[$__rate_interval])) or vector(0)");
        (rate, name)
    })
}

fn now() -> Vec<Panel> {
    let lost = Panel::stat(
        "Lost",
        unit::EVENTS_PER_SECOND,
        "What a back end refused for good, a second. What may be sent again is not counted.",
    )
    .wide(6)
    .steps(&[(None, "green"), (Some(0.001), "red")]);
    let refused = Panel::stat("Refused", unit::EVENTS_PER_SECOND, "What receivers refused for now, a second: for lack of memory, or as a queue is full. Clients send it again.")
        .wide(6)
        .steps(&[(None, "green"), (Some(0.001), "orange")]);
    vec![
        Panel::stat("Collectors", unit::COUNT, "How many can be scraped.")
            .ask("sum(up{SERVICE})", "up")
            .wide(6),
        Panel::gauge(
            "Fullest queue",
            unit::RATIO,
            "Of what may wait for a back end, what does. At 1 clients are refused.",
        )
        .ask(
            "max(otelcol_exporter_queue_size{SERVICE} / otelcol_exporter_queue_capacity{SERVICE})",
            "queue",
        )
        .full_at(1.0)
        .steps(&[(None, "green"), (Some(0.5), "orange"), (Some(0.9), "red")]),
        all_of(refused, "otelcol_receiver_refused"),
        all_of(lost, "otelcol_exporter_send_failed"),
    ]
}

fn all_of(panel: Panel, prefix: &str) -> Panel {
    rates(prefix).fold(panel, |panel, (rate, name)| panel.ask(rate, name))
}

fn signals(title: &'static str, prefix: &str, by: &'static str, about: &'static str) -> Vec<Panel> {
    let legend = match by {
        "receiver" => "{{receiver}}",
        _ => "{{exporter}}",
    };
    let panel = Panel::lines(title, unit::EVENTS_PER_SECOND, about);
    vec![
        all_of(panel, prefix),
        Panel::lines(
            "Spans",
            unit::EVENTS_PER_SECOND,
            "Spans a second, by the way on which they came or go.",
        )
        .ask(
            format!("sum by ({by}) (rate({prefix}_spans{{SERVICE}}[$__rate_interval]))"),
            legend,
        ),
    ]
}

fn waiting() -> Vec<Panel> {
    vec![
        Panel::lines("Queues", unit::RATIO, "Of what may wait for a back end, what does; by Collector and exporter. A queue that fills is a back end that is away or too slow.")
            .ask("otelcol_exporter_queue_size{SERVICE} / otelcol_exporter_queue_capacity{SERVICE}", "{{pod}} {{instance}} {{exporter}}")
            .full_at(1.0),
        Panel::lines("Waiting", unit::COUNT, "Spans, points or lines that wait for a back end.")
            .ask("sum by (exporter) (otelcol_exporter_queue_size{SERVICE})", "{{exporter}}"),
        all_of(
            Panel::lines("Found the queue full", unit::EVENTS_PER_SECOND, "What was refused for a full queue, or a full disk."),
            "otelcol_exporter_enqueue_failed",
        ),
        Panel::lines("Left out", unit::EVENTS_PER_SECOND, "What goes into processors and does not come out: filtered, sampled out, or dropped.")
            .ask("sum by (processor, otel_signal) (rate(otelcol_processor_incoming_items{SERVICE}[$__rate_interval])) - sum by (processor, otel_signal) (rate(otelcol_processor_outgoing_items{SERVICE}[$__rate_interval]))", "{{processor}} {{otel_signal}}")
            .signed(),
    ]
}

fn process() -> Vec<Panel> {
    vec![
        Panel::lines("Memory", unit::BYTES, "Physical memory by Collector. At `COLLECTOR_MEMORY_MIB` it refuses, rather than be ended by the kernel.")
            .ask("otelcol_process_memory_rss{SERVICE}", "{{pod}} {{instance}}"),
        Panel::lines("Processor", unit::PROCESSORS, "Processors in use, by Collector.")
            .ask("rate(otelcol_process_cpu_seconds{SERVICE}[$__rate_interval])", "{{pod}} {{instance}}"),
        Panel::lines("Since the start", unit::SECONDS, "A line that falls to 0 is a Collector that was started again.")
            .ask("otelcol_process_uptime{SERVICE}", "{{pod}} {{instance}}"),
    ]
}

/// Of the hybrid's gateways.
fn tail() -> Vec<Panel> {
    vec![
        Panel::lines("Traces decided on", unit::EVENTS_PER_SECOND, "Traces that are kept and that are not, by the gateways of the hybrid.")
            .ask("sum by (sampled) (rate(otelcol_processor_tail_sampling_global_count_traces_sampled{SERVICE}[$__rate_interval]))", "kept: {{sampled}}")
            .stacked(),
        Panel::lines("By policy", unit::EVENTS_PER_SECOND, "Traces that a policy wanted to keep.")
            .ask("sum by (policy) (rate(otelcol_processor_tail_sampling_count_traces_sampled{SERVICE, sampled=\"true\"}[$__rate_interval]))", "{{policy}}"),
        Panel::lines("Traces in memory", unit::COUNT, "Traces that wait to be decided on. At `COLLECTOR_TRACES_WAITING` the oldest is decided on too early.")
            .ask("sum by (pod, instance) (otelcol_processor_tail_sampling_sampling_traces_on_memory{SERVICE})", "{{pod}} {{instance}}"),
        Panel::lines("Decided too early", unit::EVENTS_PER_SECOND, "Traces that had to go before it was time: more memory, or a shorter wait.")
            .ask("sum(rate(otelcol_processor_tail_sampling_sampling_trace_dropped_too_early{SERVICE}[$__rate_interval])) or vector(0)", "too early"),
    ]
}
