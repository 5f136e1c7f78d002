//! What must fit together across files: times, connections, thresholds.

use std::time::Duration;

use serde_json::Value;
use toml::Table;

use super::{
    Rule,
    drift::{Service, setting, settings_of},
    object::{Object, duration, find, number, of_kind},
};

/// For how long proxies keep a connection without requests: the default of ingress-nginx
/// (`upstream-keepalive-timeout`), and more than that of others.
const PROXY_IDLE: Duration = Duration::from_secs(60);

/// For how long the runtime takes up no work until liveness fails (`health`, *Bounds*).
const STALL_LIMIT: Duration = Duration::from_secs(10);

/// The first look for an issuer's keys is given up after this time.
const FIRST_KEYS: Duration = Duration::from_secs(5);

pub const RULES: &[Rule] = &[
    Rule {
        name: "the grace period is above the sum of the shutdown's deadlines",
        faults: grace,
        broken: &[
            (
                "terminationGracePeriodSeconds: 30",
                "terminationGracePeriodSeconds: 25",
            ),
            (
                "APP_SHUTDOWN__DRAIN_DELAY: 5s",
                "APP_SHUTDOWN__DRAIN_DELAY: 11s",
            ),
        ],
    },
    Rule {
        name: "the proxy waits longer than the service, the service longer than the database",
        faults: timeouts,
        broken: &[
            ("proxy-read-timeout: \"15\"", "proxy-read-timeout: \"10\""),
            ("proxy-send-timeout: \"10\"", "proxy-send-timeout: \"8\""),
            ("proxy-body-size: 1m", "proxy-body-size: 512k"),
            ("backendRequest: 45s", "backendRequest: 10s"),
            ("request: 45s", "request: 44s"),
            (
                "APP_HTTP__KEEP_ALIVE_TIMEOUT: 75s",
                "APP_HTTP__KEEP_ALIVE_TIMEOUT: 60s",
            ),
            (
                "APP_STORE__MIN_CONNECTIONS: \"5\"",
                "APP_STORE__STATEMENT_TIMEOUT: 9s",
            ),
            ("activeDeadlineSeconds: 300", "activeDeadlineSeconds: 200"),
        ],
    },
    Rule {
        name: "all replicas' connections together are fewer than the database has",
        faults: connections,
        broken: &[
            ("maxReplicas: 10", "maxReplicas: 20"),
            (
                "APP_STORE__MAX_CONNECTIONS: \"5\"",
                "APP_STORE__MAX_CONNECTIONS: \"20\"",
            ),
            (
                "budget/database-connections: \"97\"",
                "budget/database-connections: \"50\"",
            ),
            ("minReadySeconds: 5", "minReadySeconds: 1"),
        ],
    },
    Rule {
        name: "probes: periods and thresholds fit the deadlines",
        faults: probes,
        broken: &[
            (
                "readinessProbe:\n          failureThreshold: 2",
                "readinessProbe:\n          failureThreshold: 3",
            ),
            (
                "livenessProbe:\n          failureThreshold: 3",
                "livenessProbe:\n          failureThreshold: 1",
            ),
            (
                "startupProbe:\n          failureThreshold: 60",
                "startupProbe:\n          failureThreshold: 5",
            ),
            (
                "progressDeadlineSeconds: 300",
                "progressDeadlineSeconds: 60",
            ),
        ],
    },
];

/// What the replicas are told, as they understand it.
fn replicas<'a>(
    objects: &'a [Object],
    service: &Service,
) -> Result<(&'a Object, Table), Vec<String>> {
    let api =
        find(objects, "Deployment", "-api").ok_or_else(|| vec!["no Deployment".to_owned()])?;
    let settings = settings_of(api, objects, service);
    match service.config(&settings) {
        Ok(config) => Ok((api, config)),
        Err(error) => Err(vec![format!("{error:#}")]),
    }
}

fn time(config: &Table, field: &str) -> Duration {
    let text = setting(config, field).and_then(toml::Value::as_str);
    text.and_then(duration).unwrap_or_default()
}

fn longest(config: &Table) -> Duration {
    [
        "drain_delay",
        "drain_timeout",
        "close_timeout",
        "flush_timeout",
    ]
    .map(|deadline| time(config, &format!("shutdown.{deadline}")))
    .iter()
    .sum()
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(number(value).unwrap_or_default())
}

/// Adds a fault unless the first is above the second.
struct Faults(Vec<String>);

impl Faults {
    fn above(&mut self, more: (&str, Duration), less: (&str, Duration)) {
        if more.1 <= less.1 {
            self.0.push(format!(
                "{} ({:?}) must be above {} ({:?})",
                more.0, more.1, less.0, less.1
            ));
        }
    }
}

fn grace(objects: &[Object], service: &Service) -> Vec<String> {
    let (api, config) = match replicas(objects, service) {
        Ok(found) => found,
        Err(faults) => return faults,
    };
    let mut faults = Faults(Vec::new());
    let granted = seconds(api.at("/spec/template/spec/terminationGracePeriodSeconds"));
    faults.above(
        ("terminationGracePeriodSeconds", granted),
        ("the sum of the section `shutdown`", longest(&config)),
    );
    faults.0
}

fn timeouts(objects: &[Object], service: &Service) -> Vec<String> {
    let (_, config) = match replicas(objects, service) {
        Ok(found) => found,
        Err(faults) => return faults,
    };
    let mut faults = Faults(Vec::new());
    let head = (
        "http.request_timeout",
        time(&config, "http.request_timeout"),
    );
    let body = (
        "http.request_body_timeout",
        time(&config, "http.request_body_timeout"),
    );
    for ingress in of_kind(objects, "Ingress") {
        let annotation = |name: &str| {
            ingress
                .annotation(&format!("nginx.ingress.kubernetes.io/{name}"))
                .unwrap_or_default()
        };
        let given = |name: &str| Duration::from_secs(annotation(name).parse().unwrap_or_default());
        faults.above(("proxy-read-timeout", given("proxy-read-timeout")), head);
        faults.above(("proxy-send-timeout", given("proxy-send-timeout")), body);
        let limit =
            setting(&config, "http.request_body_limit_bytes").and_then(toml::Value::as_integer);
        if bytes(annotation("proxy-body-size")) < limit {
            faults.0.push(format!(
                "proxy-body-size is below http.request_body_limit_bytes, {limit:?}"
            ));
        }
    }
    for route in of_kind(objects, "HTTPRoute") {
        let given = |name: &str| {
            duration(route.text(&format!("/spec/rules/0/timeouts/{name}"))).unwrap_or_default()
        };
        let (whole, one) = (given("request"), given("backendRequest"));
        // The whole of an exchange: the request's body, then the answer's head.
        faults.above(
            ("timeouts.backendRequest", one),
            (
                "http.request_body_timeout + http.request_timeout",
                body.1 + head.1,
            ),
        );
        if whole < one {
            faults
                .0
                .push("timeouts.request is below timeouts.backendRequest".to_owned());
        }
    }
    faults.above(
        (
            "http.keep_alive_timeout",
            time(&config, "http.keep_alive_timeout"),
        ),
        ("the idle time-out of proxies", PROXY_IDLE),
    );
    let database = ["acquire_timeout", "statement_timeout", "busy_timeout"]
        .map(|field| time(&config, &format!("store.{field}")))
        .iter()
        .sum();
    faults.above(head, ("the store's time-outs together", database));
    for job in of_kind(objects, "Job") {
        match service.config(&settings_of(job, objects, service)) {
            Ok(config) => faults.above(
                (
                    "activeDeadlineSeconds",
                    seconds(job.at("/spec/activeDeadlineSeconds")),
                ),
                (
                    "the migration's store.statement_timeout",
                    time(&config, "store.statement_timeout"),
                ),
            ),
            Err(error) => faults.0.push(format!("{error:#}")),
        }
    }
    faults.0
}

/// `1m`, as nginx writes it.
fn bytes(text: &str) -> Option<i64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let count: i64 = text[..digits].parse().ok()?;
    Some(
        count
            << match &text[digits..] {
                "" => 0,
                "k" => 10,
                "m" => 20,
                _ => return None,
            },
    )
}

fn connections(objects: &[Object], service: &Service) -> Vec<String> {
    let (api, config) = match replicas(objects, service) {
        Ok(found) => found,
        Err(faults) => return faults,
    };
    // A store without a server has no such limit.
    let Some(limit) = api.annotation("budget/database-connections") else {
        return Vec::new();
    };
    let limit: u64 = limit.parse().unwrap_or_default();
    let pool = |config: &Table| {
        let most = setting(config, "store.max_connections").and_then(toml::Value::as_integer);
        most.and_then(|most| u64::try_from(most).ok())
            .unwrap_or(u64::MAX)
    };
    let scaled =
        of_kind(objects, "HorizontalPodAutoscaler").find_map(|hpa| hpa.number("/spec/maxReplicas"));
    let most = scaled.or(api.number("/spec/replicas")).unwrap_or(1);
    let surge = api
        .number("/spec/strategy/rollingUpdate/maxSurge")
        .unwrap_or_default();
    // One is replaced each minReadySeconds at best, and each old one still drains.
    let ready = api
        .number("/spec/minReadySeconds")
        .unwrap_or_default()
        .max(1);
    let leaving = longest(&config).as_secs().div_ceil(ready).min(most);
    let mut all = (most + surge + leaving).saturating_mul(pool(&config));
    for job in of_kind(objects, "Job") {
        if let Ok(config) = service.config(&settings_of(job, objects, service)) {
            all = all.saturating_add(pool(&config));
        }
    }
    all = all.saturating_add(of_kind(objects, "CronJob").count() as u64);
    match all <= limit {
        true => Vec::new(),
        false => vec![format!(
            "{most} replicas, {surge} more and {leaving} that leave may have {all} connections of {limit}"
        )],
    }
}

fn probes(objects: &[Object], service: &Service) -> Vec<String> {
    let (api, config) = match replicas(objects, service) {
        Ok(found) => found,
        Err(faults) => return faults,
    };
    let probe = |name: &str| &api.at("/spec/template/spec/containers/0")[name];
    let given_up = |name: &str| {
        let times = number(&probe(name)["failureThreshold"]).unwrap_or(1);
        seconds(&probe(name)["periodSeconds"]) * u32::try_from(times).unwrap_or(u32::MAX)
    };
    let mut faults = Faults(Vec::new());
    faults.above(
        (
            "shutdown.drain_delay",
            time(&config, "shutdown.drain_delay"),
        ),
        ("readiness: period × threshold", given_up("readinessProbe")),
    );
    faults.above(
        ("liveness: period × threshold", given_up("livenessProbe")),
        ("the limit of a stalled runtime", STALL_LIMIT),
    );
    let start = time(&config, "store.acquire_timeout") + FIRST_KEYS;
    faults.above(
        ("startup: period × threshold", given_up("startupProbe")),
        ("the first connection and the first keys", start),
    );
    faults.above(
        (
            "progressDeadlineSeconds",
            seconds(api.at("/spec/progressDeadlineSeconds")),
        ),
        (
            "the start of one replica",
            given_up("startupProbe") + seconds(api.at("/spec/minReadySeconds")),
        ),
    );
    faults.0
}
