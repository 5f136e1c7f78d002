//! What services have logged, as Loki has it from the Collectors.

use super::{
    board::{Board, Row, Variable},
    panel::{Panel, Source, unit},
};

pub fn board() -> Board {
    Board {
        title: "Logs",
        about: "What services have logged, as Loki has it from the Collectors: how much, how grave, why, and the lines of one trace.",
        variables: vec![
            Variable::source(Source::Loki),
            Variable::log_label(
                "namespace",
                "Namespace",
                "label_values(k8s_namespace_name)",
                ".*",
                "",
            ),
            Variable::log_label("service", "Service", "label_values(service_name)", ".+", ""),
            Variable::text("trace", "Trace"),
            Variable::text("search", "Text"),
        ],
        rows: vec![
            Row::open("How much", volume()),
            Row::open("Requests by their lines", requests()),
            Row::open("Lines", lines()),
            Row::closed("Who has changed what", audit()),
        ],
    }
}

fn volume() -> Vec<Panel> {
    vec![
        Panel::lines(
            "By level",
            unit::EVENTS_PER_SECOND,
            "Lines a second, by level.",
        )
        .ask(
            "sum by (detected_level) (rate({LINES} [$__auto]))",
            "{{detected_level}}",
        )
        .stacked(),
        Panel::lines(
            "By service",
            unit::EVENTS_PER_SECOND,
            "Lines a second, by service.",
        )
        .ask(
            "sum by (service_name) (rate({LINES} [$__auto]))",
            "{{service_name}}",
        )
        .stacked(),
        Panel::lines(
            "Bytes",
            unit::BYTES_PER_SECOND,
            "Bytes a second, by service: what the logs cost.",
        )
        .ask(
            "sum by (service_name) (bytes_rate({LINES} [$__auto]))",
            "{{service_name}}",
        )
        .stacked(),
        Panel::lines(
            "Errors and panics",
            unit::EVENTS_PER_SECOND,
            "Lines a second at level error, and those of panics.",
        )
        .ask(
            "sum by (service_name) (rate({LINES} | detected_level = \"error\" [$__auto]))",
            "{{service_name}} errors",
        )
        .ask(
            "sum by (service_name) (rate({LINES} |= \"panicked\" [$__auto]))",
            "{{service_name}} panics",
        ),
    ]
    .into_iter()
    .map(Panel::of_logs)
    .collect()
}

fn requests() -> Vec<Panel> {
    vec![
        Panel::lines("By status", unit::REQUESTS_PER_SECOND, "Requests a second by the status of their answer: the last line of each says it.")
            .ask("sum by (http_response_status_code) (rate({LINES} | http_response_status_code != \"\" [$__auto]))", "{{http_response_status_code}}")
            .stacked(),
        Panel::lines("P95 by route", unit::SECONDS, "Nineteen of twenty requests of a route take no longer. Exact, where the histogram of the metrics is as its bounds are; and dearer.")
            .ask("quantile_over_time(0.95, {LINES} | http_route != \"\" | unwrap duration_seconds | __error__ = \"\" [$__auto]) by (http_route)", "{{http_route}}"),
        Panel::table("Causes", "Why requests failed or were refused, in the time that is shown, most often first.")
            .column("Requests", unit::COUNT, "topk(20, sum by (service_name, cause) (count_over_time({LINES} | cause != \"\" [$__range])))"),
    ]
    .into_iter()
    .map(Panel::of_logs)
    .collect()
}

fn lines() -> Vec<Panel> {
    vec![
        Panel::log("Lines", "All lines of what is chosen, the newest first. `Trace` shows those of one request, through all services; `Text` those that hold it. A line's `trace_id` leads to its trace.")
            .ask("{LINES} | trace_id =~ \"$trace.*\" |~ \"(?i)$search\"", "")
            .of_logs(),
    ]
}

fn audit() -> Vec<Panel> {
    vec![
        Panel::log(
            "Audit",
            "Who has changed what. Neither a filter nor sampling touches these lines.",
        )
        .ask("{LINES} | stream = \"audit\"", "")
        .of_logs(),
    ]
}
