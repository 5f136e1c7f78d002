//! What nginx has answered, by its access log: no exporter beside it, and each line leads to
//! its trace.

use super::{
    board::{Board, Row, Variable},
    panel::{Panel, Source, unit},
};

pub fn board() -> Board {
    Board {
        title: "nginx",
        about: "nginx before services, by its access log in JSON (template/deploy/host/nginx/http.conf) in Loki.",
        variables: vec![
            Variable::source(Source::Loki),
            Variable::log_label(
                "namespace",
                "Namespace",
                "label_values(k8s_namespace_name)",
                ".*",
                "",
            ),
            Variable::log_label(
                "service",
                "Proxy",
                "label_values(service_name)",
                ".*nginx.*",
                "/nginx/",
            ),
        ],
        rows: vec![
            Row::open("Now", now()),
            Row::open("Requests", requests()),
            Row::open("Duration", duration()),
            Row::open("Instances behind it", upstreams()),
            Row::open("Lines", lines()),
        ],
    }
}

const ERROR_RATIO: &str = "(sum(rate({LINES} | status >= 500 [$__auto])) or vector(0)) / sum(rate({LINES} | status != \"\" [$__auto]))";

fn now() -> Vec<Panel> {
    vec![
        Panel::stat("Requests", unit::REQUESTS_PER_SECOND, "Requests a second that nginx has answered.")
            .ask("sum(rate({LINES} | status != \"\" [$__auto]))", "requests")
            .wide(6),
        Panel::stat("Errors", unit::RATIO, "The share that was answered with 5xx, by the service or by nginx itself.")
            .ask(ERROR_RATIO, "errors")
            .steps(&[(None, "green"), (Some(0.001), "orange"), (Some(0.01), "red")])
            .wide(6),
        Panel::stat("P95", unit::SECONDS, "Nineteen of twenty requests took no longer, from the first byte read to the last byte sent.")
            .ask(quantile("0.95", "duration_seconds"), "p95")
            .wide(6),
        Panel::stat("Refused by nginx", unit::REQUESTS_PER_SECOND, "Requests above the limits of the site: nginx's own 429.")
            .ask("sum(rate({LINES} | limited = \"REJECTED\" [$__auto])) or vector(0)", "refused")
            .wide(6),
    ]
    .into_iter()
    .map(Panel::of_logs)
    .collect()
}

fn quantile(share: &str, of: &str) -> String {
    format!(
        "quantile_over_time({share}, {{LINES}} | {of} != \"\" | unwrap {of} | __error__ = \"\" [$__auto]) by (server)"
    )
}

fn requests() -> Vec<Panel> {
    vec![
        Panel::lines("By status", unit::REQUESTS_PER_SECOND, "Requests a second, by status.")
            .ask("sum by (status) (rate({LINES} | status != \"\" [$__auto]))", "{{status}}")
            .stacked(),
        Panel::lines("By site", unit::REQUESTS_PER_SECOND, "Requests a second, by the site's name.")
            .ask("sum by (server) (rate({LINES} | status != \"\" [$__auto]))", "{{server}}")
            .stacked(),
        Panel::lines("Bytes sent", unit::BYTES_PER_SECOND, "Bytes a second to clients, with heads.")
            .ask("sum by (server) (sum_over_time({LINES} | bytes_sent != \"\" | unwrap bytes_sent | __error__ = \"\" [1m])) / 60", "{{server}}"),
        Panel::lines("By version of TLS", unit::REQUESTS_PER_SECOND, "Requests a second, by the version of TLS; none for plain HTTP.")
            .ask("sum by (tls) (rate({LINES} | status != \"\" [$__auto]))", "{{tls}}")
            .stacked(),
    ]
    .into_iter()
    .map(Panel::of_logs)
    .collect()
}

fn duration() -> Vec<Panel> {
    vec![
        Panel::lines("P50, P95, P99", unit::SECONDS, "How long requests take as clients see it.")
            .ask(quantile("0.5", "duration_seconds"), "{{server}} p50")
            .ask(quantile("0.95", "duration_seconds"), "{{server}} p95")
            .ask(quantile("0.99", "duration_seconds"), "{{server}} p99"),
        Panel::lines("P95 of the service", unit::SECONDS, "How long the service behind takes. What lies between it and the whole is the client's link.")
            .ask(quantile("0.95", "upstream_seconds"), "{{server}} service"),
    ]
    .into_iter()
    .map(Panel::of_logs)
    .collect()
}

fn upstreams() -> Vec<Panel> {
    vec![
        Panel::lines("By instance", unit::REQUESTS_PER_SECOND, "Which instance was asked. Two addresses in one: the first failed, and the second was tried.")
            .ask("sum by (upstream) (rate({LINES} | upstream != \"\" [$__auto]))", "{{upstream}}")
            .stacked(),
        Panel::lines("Instances that failed", unit::REQUESTS_PER_SECOND, "Requests for which an instance could not be reached, or did not answer in time.")
            .ask("sum by (upstream) (rate({LINES} | upstream_status =~ \".*50[24].*\" [$__auto]))", "{{upstream}}"),
    ]
    .into_iter()
    .map(Panel::of_logs)
    .collect()
}

fn lines() -> Vec<Panel> {
    vec![
        Panel::log("Requests that failed", "Lines with a status of 5xx. Their `trace_id` leads to the trace, and to the service's own lines.")
            .ask("{LINES} | status >= 500", "")
            .of_logs(),
    ]
}
