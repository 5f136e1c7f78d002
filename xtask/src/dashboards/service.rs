//! What a service tells of itself: how much it does, how well, and what it has left.

use super::{
    board::{Board, Row, Variable},
    panel::{Panel, Source, unit},
};

pub fn board() -> Board {
    Board {
        title: "Service",
        about: "What a service made with axum-chassis tells of itself: its requests, how long they take, and what it has left.",
        variables: vec![
            Variable::source(Source::Prometheus),
            Variable::label(
                "namespace",
                "Namespace",
                "label_values(http_server_active_requests, namespace)",
            ),
            Variable::label(
                "service",
                "Service",
                "label_values(http_server_active_requests{namespace=~\"$namespace\"}, job)",
            ),
        ],
        rows: vec![
            Row::open("Now", now()),
            Row::open("Requests", requests()),
            Row::open("Duration", duration()),
            Row::open("Saturation", saturation()),
            Row::open("Replicas", replicas()),
            // Closed: Compose has no rules that record them.
            Row::closed("Promises", promises()),
            Row::closed("Database", database()),
            Row::closed("Runtime and process", runtime()),
            Row::closed("Tokens and keys", tokens()),
            Row::closed("Configuration and telemetry", configuration()),
            Row::closed("Kubernetes", kubernetes()),
        ],
    }
}

/// 5xx of all, and 0 where there are none: a counter that nothing has counted is not there.
const ERROR_RATIO: &str = "(sum(rate(http_server_request_duration_seconds_count{SERVICE, http_response_status_code=~\"5..\"}[$__rate_interval])) or vector(0)) / sum(rate(http_server_request_duration_seconds_count{SERVICE}[$__rate_interval]))";

/// The share of requests within which it takes so long, by these labels.
fn quantile(share: &str, by: &str) -> String {
    format!(
        "histogram_quantile({share}, sum by (le{by}) (rate(http_server_request_duration_seconds_bucket{{SERVICE}}[$__rate_interval])))"
    )
}

fn now() -> Vec<Panel> {
    vec![
        Panel::stat("Requests", unit::REQUESTS_PER_SECOND, "Requests a second that have ended, of all replicas. Probes and scrapes are on another listener, and not counted.")
            .ask("sum(rate(http_server_request_duration_seconds_count{SERVICE}[$__rate_interval]))", "requests"),
        Panel::stat("Errors", unit::RATIO, "The share of requests that were answered with 5xx. What a client got wrong (4xx) is no error of the service.")
            .ask(ERROR_RATIO, "errors")
            .steps(&[(None, "green"), (Some(0.001), "orange"), (Some(0.01), "red")]),
        Panel::stat("P95", unit::SECONDS, "Nineteen of twenty requests take no longer than this, from the head of the request to the end of the answer's body. As exact as the histogram's bounds are narrow.")
            .ask(quantile("0.95", ""), "p95"),
        Panel::stat("Apdex", unit::COUNT, "How content clients are: 1 for each request within 0.1 s, a half for each within 0.5 s, by all. Above 0.94 is excellent, below 0.7 poor.")
            .ask("(sum(rate(http_server_request_duration_seconds_bucket{SERVICE, le=\"0.1\"}[$__rate_interval])) + sum(rate(http_server_request_duration_seconds_bucket{SERVICE, le=\"0.5\"}[$__rate_interval]))) / 2 / sum(rate(http_server_request_duration_seconds_count{SERVICE}[$__rate_interval]))", "apdex")
            .steps(&[(None, "red"), (Some(0.7), "orange"), (Some(0.94), "green")]),
        Panel::stat("In flight", unit::COUNT, "Requests that have begun and not ended, now.")
            .ask("sum(http_server_active_requests{SERVICE})", "in flight"),
        Panel::stat("Replicas", unit::COUNT, "Replicas that can be scraped, and those of them that say they are ready.")
            .ask("sum(up{SERVICE})", "up")
            .ask("sum(axum_chassis_health_status{SERVICE, probe=\"readyz\"})", "ready"),
    ]
}

fn requests() -> Vec<Panel> {
    vec![
        Panel::lines("By route", unit::REQUESTS_PER_SECOND, "Requests a second of each route. A path that no route has counts as one without a name.")
            .ask("sum by (http_request_method, http_route) (rate(http_server_request_duration_seconds_count{SERVICE}[$__rate_interval]))", "{{http_request_method}} {{http_route}}")
            .stacked(),
        Panel::lines("By status", unit::REQUESTS_PER_SECOND, "Requests a second by the status of their answer.")
            .ask("sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count{SERVICE}[$__rate_interval]))", "{{http_response_status_code}}")
            .stacked(),
        Panel::lines("Share of errors", unit::RATIO, "The share that was answered with 5xx. The log has the cause of each, at level error, with its trace.")
            .ask(ERROR_RATIO, "errors"),
        Panel::lines("Refused", unit::REQUESTS_PER_SECOND, "Requests that hit a bound, by the setting that moves it.")
            .ask("sum by (setting) (rate(limits_refused_requests_total{SERVICE}[$__rate_interval]))", "{{setting}}"),
        Panel::table("Routes", "Each route: how often it is asked, how many of its answers are 5xx, and how long it takes.")
            .column("Requests", unit::REQUESTS_PER_SECOND, "sum by (http_request_method, http_route) (rate(http_server_request_duration_seconds_count{SERVICE}[5m]))")
            .column("Errors", unit::REQUESTS_PER_SECOND, "sum by (http_request_method, http_route) (rate(http_server_request_duration_seconds_count{SERVICE, http_response_status_code=~\"5..\"}[5m])) or 0 * sum by (http_request_method, http_route) (rate(http_server_request_duration_seconds_count{SERVICE}[5m]))")
            .column("P95", unit::SECONDS, "histogram_quantile(0.95, sum by (le, http_request_method, http_route) (rate(http_server_request_duration_seconds_bucket{SERVICE}[5m])))"),
    ]
}

fn duration() -> Vec<Panel> {
    vec![
        Panel::lines("P50, P95, P99", unit::SECONDS, "Half, nineteen of twenty, and all but a hundredth of the requests take no longer. The dots are single requests: each leads to its trace.")
            .ask(quantile("0.5", ""), "p50")
            .ask(quantile("0.95", ""), "p95")
            .ask(quantile("0.99", ""), "p99")
            .with_exemplars(),
        Panel::heatmap("Distribution", unit::SECONDS, "How many requests took how long. Two bands are two kinds of requests; a band that moves up is a service that becomes slower.")
            .ask("sum by (le) (increase(http_server_request_duration_seconds_bucket{SERVICE}[$__rate_interval]))", "{{le}}")
            .with_exemplars(),
        Panel::lines("P95 by route", unit::SECONDS, "Nineteen of twenty requests of a route take no longer.")
            .ask(quantile("0.95", ", http_request_method, http_route"), "{{http_request_method}} {{http_route}}"),
        Panel::lines("Bytes answered", unit::BYTES_PER_SECOND, "Bytes of the answers' bodies, as they are sent: compressed ones count compressed.")
            .ask("sum by (http_route) (rate(http_server_response_body_size_bytes_sum{SERVICE}[$__rate_interval]))", "{{http_route}}")
            .stacked(),
    ]
}

fn saturation() -> Vec<Panel> {
    vec![
        Panel::gauge("Connections", unit::RATIO, "Of the connections that a replica may have (`http.connections`), those that are open; of the fullest replica. Beyond, clients wait to be accepted.")
            .ask("max(http_server_open_connections{SERVICE, listener=\"public\"} / http_server_connection_limit{SERVICE, listener=\"public\"})", "connections")
            .full_at(1.0)
            .steps(&[(None, "green"), (Some(0.7), "orange"), (Some(0.9), "red")]),
        Panel::gauge("Runtime", unit::RATIO, "The share of time for which the runtime's threads had work; of the busiest replica. Near 1, requests wait for a thread.")
            .ask("max by (job) (sum by (job, instance) (rate(tokio_runtime_busy_time_seconds_total{SERVICE}[$__rate_interval])) / sum by (job, instance) (tokio_runtime_workers{SERVICE}))", "{{job}}")
            .full_at(1.0)
            .steps(&[(None, "green"), (Some(0.7), "orange"), (Some(0.9), "red")]),
        Panel::lines("In flight", unit::COUNT, "Requests in work by replica. `http.concurrent_requests` bounds them: beyond, they are refused with 503.")
            .ask("sum by (pod, instance) (http_server_active_requests{SERVICE})", "{{pod}} {{instance}}"),
        Panel::lines("Connections", unit::COUNT, "Open connections by replica and listener.")
            .ask("sum by (pod, instance, listener) (http_server_open_connections{SERVICE})", "{{pod}} {{instance}} {{listener}}"),
        Panel::lines("Connections cut", unit::CONNECTIONS_PER_SECOND, "Connections that the service ended for their client's fault, by reason: too slow, silent, too large a head.")
            .ask("sum by (reason) (rate(http_server_connection_cut_total{SERVICE}[$__rate_interval]))", "{{reason}}"),
        Panel::lines("Lag of the runtime", unit::SECONDS, "How much later than it should a task runs. Above 10 s liveness fails, and the replica is started again.")
            .ask("max by (pod, instance) (axum_chassis_health_runtime_lag_seconds{SERVICE})", "{{pod}} {{instance}}"),
        Panel::lines("Processor", unit::PROCESSORS, "Processors in use, by replica.")
            .ask("sum by (pod, instance) (rate(process_cpu_time_seconds_total{SERVICE}[$__rate_interval]))", "{{pod}} {{instance}}"),
        Panel::lines("Memory", unit::BYTES, "Physical memory, by replica.")
            .ask("process_memory_usage_bytes{SERVICE}", "{{pod}} {{instance}}"),
    ]
}

fn replicas() -> Vec<Panel> {
    vec![
        Panel::table("Builds", "Each replica: the version, the commit and the compiler of what it runs. Two versions for long are an update that does not end.")
            .column("Runs", unit::COUNT, "max by (job, pod, instance, version, revision, profile, rustc, allocator) (build_info{SERVICE})")
            .wide(12),
        Panel::lines("Probes", unit::COUNT, "1 where a probe is green. GET /readyz?verbose on the private listener says why it is not.")
            .ask("min by (pod, instance, probe) (axum_chassis_health_status{SERVICE})", "{{pod}} {{instance}} {{probe}}")
            .full_at(1.0),
        Panel::lines("Checks", unit::COUNT, "1 where what a replica depends on is well, by check.")
            .ask("min by (check) (axum_chassis_health_check_status{SERVICE})", "{{check}}")
            .full_at(1.0),
        Panel::lines("How long checks take", unit::SECONDS, "The last time that each check was done.")
            .ask("max by (check) (axum_chassis_health_check_duration_seconds{SERVICE})", "{{check}}"),
    ]
}

/// What the platform's rules make of the service's file of promises.
fn promises() -> Vec<Panel> {
    vec![
        Panel::gauge("Budget left", unit::RATIO, "Of the failures that 30 days may have, by promise. Below 0 the promise is broken. The dashboard Promises has all windows.")
            .ask("min by (slo) (slo:budget_left:ratio30d{SERVICE})", "{{slo}}")
            .full_at(1.0)
            .steps(&[(None, "red"), (Some(0.0), "orange"), (Some(0.25), "green")]),
        Panel::lines("Burn rate", unit::TIMES, "How fast the budget is spent: 1 is all of it in just 30 days, 14.4 in two. Both windows above 14.4 wake somebody up.")
            .ask("max by (slo) (slo:burn_rate:rate1h{SERVICE})", "{{slo}} 1 h")
            .ask("max by (slo) (slo:burn_rate:rate5m{SERVICE})", "{{slo}} 5 min")
            .wide(18),
    ]
}

fn database() -> Vec<Panel> {
    vec![
        Panel::gauge("Pool", unit::RATIO, "Of the connections to the database that a replica may have (`store.max_connections`), those in use; of the fullest replica. At 1, requests wait for one.")
            .ask("max(sum by (job, instance) (db_client_connection_count{SERVICE, db_client_connection_state=\"used\"}) / sum by (job, instance) (db_client_connection_max{SERVICE}))", "pool")
            .full_at(1.0)
            .steps(&[(None, "green"), (Some(0.8), "orange"), (Some(0.95), "red")]),
        Panel::lines("Connections to the database", unit::COUNT, "By state, of all replicas, and how many there may be. All replicas together must stay below what the server takes.")
            .ask("sum by (db_client_connection_state) (db_client_connection_count{SERVICE})", "{{db_client_connection_state}}")
            .ask("sum(db_client_connection_max{SERVICE})", "most")
            .wide(18),
        Panel::lines("Requests with a key", unit::REQUESTS_PER_SECOND, "Requests with an Idempotency-Key: done, answered again from what is kept, refused.")
            .ask("sum by (idempotency_outcome) (rate(idempotency_requests_total{SERVICE}[$__rate_interval]))", "{{idempotency_outcome}}"),
        Panel::lines("Events", unit::EVENTS_PER_SECOND, "Events for other services (`store.outbox`) that were sent, by what became of them. What was refused or failed is sent again.")
            .ask("sum by (outbox_outcome) (rate(outbox_deliveries_total{SERVICE}[$__rate_interval]))", "{{outbox_outcome}}"),
        Panel::lines("Age of the oldest event", unit::SECONDS, "For how long the first of the events that wait has done so. Above five minutes somebody is told.")
            .ask("max(outbox_oldest_age_seconds{SERVICE})", "age"),
        Panel::lines("Events that wait", unit::COUNT, "Events that are written and have not arrived; 10,000 are counted at most.")
            .ask("max(outbox_events{SERVICE})", "events"),
        Panel::lines("Items made", unit::EVENTS_PER_SECOND, "What the business counts.")
            .ask("sum(rate(items_created_total{SERVICE}[$__rate_interval]))", "items"),
    ]
}

fn runtime() -> Vec<Panel> {
    vec![
        Panel::lines("Busy share", unit::RATIO, "The share of time for which the runtime's threads had work, by replica.")
            .ask("sum by (pod, instance) (rate(tokio_runtime_busy_time_seconds_total{SERVICE}[$__rate_interval])) / sum by (pod, instance) (tokio_runtime_workers{SERVICE})", "{{pod}} {{instance}}")
            .full_at(1.0),
        Panel::lines("Tasks", unit::COUNT, "Tasks that are not over, and those that wait for any thread.")
            .ask("sum(tokio_runtime_alive_tasks{SERVICE})", "not over")
            .ask("sum(tokio_runtime_global_queue_depth{SERVICE})", "waiting"),
        Panel::lines("Threads", unit::COUNT, "Of the process, by replica.")
            .ask("process_thread_count{SERVICE}", "{{pod}} {{instance}}"),
        Panel::lines("Open files and sockets", unit::COUNT, "Descriptors of the process, by replica.")
            .ask("process_unix_file_descriptor_count{SERVICE}", "{{pod}} {{instance}}"),
        Panel::lines("Panics", unit::TIMES, "Panics in five minutes. The log line `panicked` has the place, the thread and the trace.")
            .ask("sum by (pod, instance) (increase(process_panics_total{SERVICE}[5m]))", "{{pod}} {{instance}}"),
        Panel::lines("Processor by mode", unit::PROCESSORS, "Processors in use by the program itself and by the system for it.")
            .ask("sum by (cpu_mode) (rate(process_cpu_time_seconds_total{SERVICE}[$__rate_interval]))", "{{cpu_mode}}")
            .stacked(),
    ]
}

fn tokens() -> Vec<Panel> {
    vec![
        Panel::lines("Tokens that were good", unit::EVENTS_PER_SECOND, "Tokens that were accepted: looked at whole, or remembered.")
            .ask("sum by (axum_chassis_jwt_cached) (rate(axum_chassis_jwt_verifications_total{SERVICE, error_type=\"\"}[$__rate_interval]))", "remembered: {{axum_chassis_jwt_cached}}")
            .stacked(),
        Panel::lines("Tokens that were refused", unit::EVENTS_PER_SECOND, "Tokens that were refused, by reason.")
            .ask("sum by (error_type) (rate(axum_chassis_jwt_verifications_total{SERVICE, error_type!=\"\"}[$__rate_interval]))", "{{error_type}}"),
        Panel::lines("Age of the keys", unit::SECONDS, "Since when an issuer has given no keys. The last good ones are used meanwhile.")
            .ask("time() - axum_chassis_jwks_last_success_timestamp_seconds{SERVICE}", "{{pod}} {{instance}} {{axum_chassis_jwks_source}}"),
        Panel::stat("Tokens remembered", unit::COUNT, "Tokens that need not be verified again while they are good.")
            .ask("sum(axum_chassis_jwt_cache_tokens{SERVICE})", "tokens")
            .wide(12),
    ]
}

fn configuration() -> Vec<Panel> {
    vec![
        Panel::stat("Configurations", unit::COUNT, "How many different ones the replicas have. More than one for long is a replica that has not read the new one.")
            .ask("count(count_values(\"hash\", config_hash{SERVICE}))", "different"),
        Panel::stat("Keys that wait for a restart", unit::COUNT, "Settings whose new values take effect at the next start.")
            .ask("max(config_waiting_keys{SERVICE})", "keys"),
        Panel::stat("The certificate is good until", unit::DATE, "When the first certificate of a replica expires; nothing where TLS ends before it.")
            .ask("min(tls_certificate_expiry_timestamp_seconds{SERVICE}) * 1000", "until")
            .wide(8),
        Panel::stat("Read last", unit::DATE, "When each replica last read a configuration without a fault.")
            .ask("min(config_last_success_timestamp_seconds{SERVICE}) * 1000", "read")
            .wide(8),
        Panel::lines("Spans", unit::EVENTS_PER_SECOND, "Spans that were sent, and those that were lost: by a full queue, or by a Collector that does not take them.")
            .ask("sum by (error_type) (rate(otel_sdk_exporter_span_exported_total{SERVICE}[$__rate_interval]))", "sent {{error_type}}")
            .ask("sum by (error_type) (rate(otel_sdk_processor_span_processed_total{SERVICE, error_type!=\"\"}[$__rate_interval]))", "lost {{error_type}}"),
        Panel::lines("Lines that could not be written", unit::TIMES, "Of the log in five minutes: the disk is full, or nobody reads.")
            .ask("sum(increase(log_lines_lost_total{SERVICE}[5m]))", "log"),
        Panel::lines("Measurements that overflowed", unit::EVENTS_PER_SECOND, "What has more sets of labels than it may is counted in one series; by metric.")
            .ask("sum by (metric) (rate(axum_chassis_overflowed_measurements_total{SERVICE}[$__rate_interval]))", "{{metric}}"),
    ]
}

/// Of Kubernetes itself: kube-state-metrics and the kubelets.
fn kubernetes() -> Vec<Panel> {
    vec![
        Panel::lines("Restarts", unit::TIMES, "Containers that were started again in an hour. Needs kube-state-metrics.")
            .ask("sum by (pod) (increase(kube_pod_container_status_restarts_total{namespace=~\"$namespace\", pod=~\"($service)-.*\"}[1h]))", "{{pod}}"),
        Panel::lines("Pods", unit::COUNT, "Replicas that are wanted, and those that are available. Needs kube-state-metrics.")
            .ask("sum(kube_deployment_spec_replicas{namespace=~\"$namespace\", deployment=~\"($service)-.*\"})", "wanted")
            .ask("sum(kube_deployment_status_replicas_available{namespace=~\"$namespace\", deployment=~\"($service)-.*\"})", "available"),
        Panel::lines("Throttled", unit::RATIO, "The share of periods in which a container had used its share of processors and had to wait. Needs the kubelets' metrics.")
            .ask("sum by (pod) (rate(container_cpu_cfs_throttled_periods_total{namespace=~\"$namespace\", pod=~\"($service)-.*\"}[$__rate_interval])) / sum by (pod) (rate(container_cpu_cfs_periods_total{namespace=~\"$namespace\", pod=~\"($service)-.*\"}[$__rate_interval]))", "{{pod}}"),
        Panel::lines("Memory of its limit", unit::RATIO, "At 1 the kernel ends it. Needs the kubelets' metrics and kube-state-metrics.")
            .ask("max by (pod) (container_memory_working_set_bytes{namespace=~\"$namespace\", pod=~\"($service)-.*\", container!=\"\"}) / max by (pod) (kube_pod_container_resource_limits{namespace=~\"$namespace\", pod=~\"($service)-.*\", resource=\"memory\"})", "{{pod}}"),
    ]
}
