//! No panel is dead, and no rule asks for what is not there: a real Prometheus scrapes a
//! service under load and real Collectors, and is asked what the dashboards ask.

use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    exporter::Exporter,
    load::Load,
    modes::{self, Hybrid},
    pki::Pki,
    prometheus::{Labels, Prometheus, Target},
    promql::{self, Selector},
    proof::Outcome,
    questions::{self, Question},
    service::Service,
    setup::Setup,
    sink::Sink,
    spans::hex,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// The job of the Collectors, as a PodMonitor calls it.
const COLLECTORS: &str = "observability/otel-collector";

/// Series of what is not here: how their names begin, and why.
const NOT_HERE: [(&str, &str); 10] = [
    ("alertmanager_", "no Alertmanager runs"),
    ("backup_", "no backup is made"),
    ("certmanager_", "a cluster's cert-manager"),
    ("container_", "a kubelet's, of containers"),
    ("kube_", "kube-state-metrics, of a cluster"),
    ("kubelet_", "a kubelet's"),
    ("node_", "node_exporter, of machines"),
    ("probe_", "blackbox_exporter"),
    ("prometheus_remote_storage_", "nothing is sent on"),
    ("system_", "a machine's, which its agent sends by OTLP"),
];

/// What is told only in a case that is not made here, and why not.
const NOT_MADE: [(&str, &str); 6] = [
    (
        "axum_chassis_jwks_last_success_timestamp_seconds",
        "no issuer gives keys",
    ),
    ("otelcol_exporter_enqueue_failed_", "no queue is full"),
    (
        "otelcol_exporter_send_failed_",
        "no back end refuses for good",
    ),
    ("pg_stat_replication_", "there is no replica"),
    (
        "pg_stat_user_tables_",
        "Debian's exporter is too old for it",
    ),
    (
        "tls_certificate_expiry_timestamp_seconds",
        "the service speaks plain HTTP",
    ),
];

/// Where a person has no such exporter.
const NO_EXPORTER: (&str, &str) = ("pg_", "no postgres_exporter is here");

type Reasons = Vec<(&'static str, &'static str)>;

/// Bounds that are small, so that the load hits them.
const SETTINGS: [(&str, &str); 4] = [
    ("APP_CLIENTS__REQUESTS_PER_SECOND", "30"),
    ("APP_CLIENTS__REQUEST_BURST", "30"),
    ("APP_HTTP__HEADER_READ_TIMEOUT", "300ms"),
    // Nobody listens there: events wait.
    ("APP_STORE__OUTBOX__URL", "http://127.0.0.1:1/events"),
];

pub async fn run(setup: Setup) -> Result<Outcome> {
    let world = World::start(&setup).await?;
    let prometheus = &world.prometheus;
    let repository = setup.repository();
    let panels = questions::of_panels(&repository)?;
    let silent = until_alive(prometheus, &panels, &world.not_here).await?;
    let answered = panels.len() - silent.len();
    let dead = silent
        .into_iter()
        .filter(|(question, _)| can_be_answered(question, &world.not_here))
        .map(|(question, fault)| format!("{}: {fault}: {}", question.by, question.expression));
    let dead: Vec<_> = dead.collect();
    let asked = questions::of_rules(&repository)?;
    let recorded = questions::recorded(&repository)?;
    let unknown = unknown(prometheus, &asked, &recorded, &world.not_here).await?;
    let led = led_to_traces(prometheus, &world.sink).await?;
    Ok(Outcome::of(format!(
        "{answered} of {} questions of panels are answered with data, and with the labels that their legends name; {} rules ask for series and labels that are there; {led} exemplars in Prometheus are of traces that came. Not here or not made: {}",
        panels.len(),
        asked.len(),
        told(&world.not_here),
    ))
    .goal(dead.is_empty(), format!("dead: {}", dead.join("; ")))
    .goal(unknown.is_empty(), format!("unknown: {}", unknown.join("; ")))
    .goal(led > 0, "no exemplar leads to a trace")
    .goal(finds_faults(prometheus).await?, "what is dead is not found"))
}

/// All that is scraped, under load, as long as it is in scope.
struct World {
    prometheus: Prometheus,
    sink: Sink,
    not_here: Reasons,
    _load: Load,
    _service: Service,
    _hybrid: Hybrid,
    _exporter: Option<Exporter>,
    _folder: TempDir,
}

impl World {
    async fn start(setup: &Setup) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let sink = Sink::start().await?;
        let pki = Pki::new(folder.path())?;
        let hybrid = modes::hybrid(setup, &sink, &pki, &modes::all_are_kept()).await?;
        let service = Service::start(setup, &folder, &hybrid.agent.grpc(), &SETTINGS).await?;
        let exporter = Exporter::start()?;
        let mut not_here = [&NOT_HERE[..], &NOT_MADE].concat();
        if exporter.is_none() {
            not_here.push(NO_EXPORTER);
        }
        let rules = questions::copied(&setup.repository(), folder.path())?;
        let targets = targets(&service, &hybrid, exporter.as_ref());
        Ok(Self {
            prometheus: Prometheus::start(&targets, &rules).await?,
            sink,
            not_here,
            _load: Load::on(&service),
            _service: service,
            _hybrid: hybrid,
            _exporter: exporter,
            _folder: folder,
        })
    }
}

fn targets(service: &Service, hybrid: &Hybrid, exporter: Option<&Exporter>) -> Vec<Target> {
    let target = |job, pod, address| Target { job, pod, address };
    let [first, second] = &hybrid.gateways;
    let mut targets = vec![
        target("service", "shop-api-0", service.operations.to_string()),
        target(COLLECTORS, "agent", hybrid.agent.metrics()),
        target(COLLECTORS, "gateway-0", first.metrics()),
        target(COLLECTORS, "gateway-1", second.metrics()),
    ];
    targets.extend(exporter.map(|it| target("postgres", "postgres-0", it.address.to_string())));
    targets
}

/// Whether a panel without data, one without its legend's label, and a rule that asks for a
/// label that nobody has are each told.
async fn finds_faults(prometheus: &Prometheus) -> Result<bool> {
    let question = |expression: &str, legend: &str| Question {
        by: "nobody".to_owned(),
        expression: expression.to_owned(),
        legend: legend.to_owned(),
    };
    let questions = [
        question("http_server_requests_total", ""),
        question("up", "{{nobody}}"),
    ];
    let mut found = 0;
    for question in &questions {
        let series = prometheus.ask(&question.expression).await?;
        found += usize::from(fault(question, &series).is_some());
    }
    let rule = [question("up{nobody=\"\"} == 0", "")];
    found += unknown(prometheus, &rule, &[], &Reasons::new())
        .await?
        .len();
    Ok(found == 3)
}

fn told(reasons: &[(&str, &str)]) -> String {
    let told = reasons
        .iter()
        .map(|(name, why)| format!("`{name}` ({why})"));
    told.collect::<Vec<_>>().join(", ")
}

fn is_here(selector: &Selector, not_here: &Reasons) -> bool {
    let is_of = |(name, _): &(&str, &str)| selector.name.starts_with(name);
    !not_here.iter().any(is_of)
}

fn can_be_answered(question: &Question, not_here: &Reasons) -> bool {
    let selectors = promql::selectors(&question.expression);
    selectors.iter().all(|selector| is_here(selector, not_here))
}

/// Waits until each that can be has an answer; gives those that have none, and what is wrong.
async fn until_alive<'a>(
    prometheus: &Prometheus,
    questions: &'a [Question],
    not_here: &Reasons,
) -> Result<Vec<(&'a Question, String)>> {
    let begun = Instant::now();
    loop {
        let mut silent = Vec::new();
        for question in questions {
            let series = prometheus.ask(&question.expression).await?;
            silent.extend(fault(question, &series).map(|fault| (question, fault)));
        }
        let is_waited_for = silent
            .iter()
            .any(|(question, _)| can_be_answered(question, not_here));
        if !is_waited_for || begun.elapsed() > PATIENCE {
            return Ok(silent);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn fault(question: &Question, series: &[Labels]) -> Option<String> {
    if series.is_empty() {
        return Some("no data".to_owned());
    }
    let parts = question.legend.split("{{").skip(1);
    let labels = parts.map(|part| part.split("}}").next().unwrap_or_default());
    let is_missing = |label: &&str| !series.iter().any(|labels| labels.contains_key(*label));
    let missing: Vec<_> = labels.filter(is_missing).collect();
    (!missing.is_empty()).then(|| format!("no {missing:?}"))
}

/// Series that rules ask for and nobody has, or not with these labels.
async fn unknown(
    prometheus: &Prometheus,
    asked: &[Question],
    recorded: &[String],
    not_here: &Reasons,
) -> Result<Vec<String>> {
    let names = prometheus.names().await?;
    let mut unknown = Vec::new();
    for question in asked {
        for selector in promql::selectors(&question.expression) {
            if !is_here(&selector, not_here) || recorded.contains(&selector.name) {
                continue;
            }
            let has_labels = has(prometheus, &selector).await?;
            if !names.contains(&selector.name) || !has_labels {
                unknown.push(format!("{}: {selector:?}", question.by));
            }
        }
    }
    Ok(unknown)
}

/// Whether some series of this name has each of the labels.
async fn has(prometheus: &Prometheus, selector: &Selector) -> Result<bool> {
    let labels = selector.labels.iter().map(|label| format!("{label}!=\"\""));
    let labels: Vec<_> = labels.collect();
    let expression = format!("{}{{{}}}", selector.name, labels.join(","));
    Ok(!prometheus.ask(&expression).await?.is_empty())
}

/// How many exemplars are of traces that the back end has.
async fn led_to_traces(prometheus: &Prometheus, sink: &Sink) -> Result<usize> {
    let exemplars = prometheus
        .exemplars("http_server_request_duration_seconds_bucket")
        .await?;
    let come = sink.come();
    let ids: Vec<_> = come.keys().map(|id| hex(id)).collect();
    Ok(exemplars.iter().filter(|id| ids.contains(id)).count())
}
