//! One request to a service: its span, the exemplar of its duration and its line in the log
//! are of one trace, and each is found by it.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::Value as Json;

use crate::{
    modes,
    proof::Outcome,
    service::{self, Service},
    setup::Setup,
    sink::{Line, Sink},
    spans::hex,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PIPELINE: &str = "deploy/elk/elasticsearch/ingest-pipeline.json";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let sink = Sink::start().await?;
    let files = format!("[{}/*.log]", folder.path().display());
    let settings = [
        &modes::all_are_kept()[..],
        &[("COLLECTOR_LOG_FILES", files)],
    ];
    let agent = modes::agent(&setup, &sink, &settings.concat()).await?;
    let service = Service::start(&setup, &folder, &agent.grpc(), &[]).await?;
    let status = ask(&service).await?;
    sink.until("the request's span and its line have come", |sink| {
        let is_of = |id: &[u8]| hex(id) == TRACE;
        let has_span = sink.spans().iter().any(|seen| is_of(&seen.span.trace_id));
        has_span && sink.lines().iter().any(is_of_request)
    })
    .await?;
    let (spans, lines) = (sink.spans(), sink.lines());
    let seen = spans
        .iter()
        .find(|seen| hex(&seen.span.trace_id) == TRACE && seen.attribute("http.route").is_some());
    let seen = seen.context("no span with a route")?;
    let line = lines.iter().find(|line| is_of_request(line));
    let line = line.context("no line of the request")?;
    let probes = spans.iter().filter(|seen| {
        let path = seen.attribute("url.path");
        path.is_some_and(|path| path == "/readyz")
    });
    let exposition = service.exposition().await?;
    let exemplar = format!("# {{trace_id=\"{TRACE}\"");
    let is_led = |line: &str| {
        line.starts_with("http_server_request_duration_seconds_bucket{") && line.contains(&exemplar)
    };
    let unknown = renamed_in_vain(&setup.repository(), folder.path())?;
    Ok(Outcome::of(format!(
        "GET {} was {status}; its span, its line in the log and the exemplar of its duration are of the caller's trace; the span says host.name, the line service.name; the names that Elasticsearch changes are those of its lines",
        seen.attribute("http.route").unwrap_or_default(),
    ))
    .goal(line.record.span_id == seen.span.span_id, "the line is of another span")
    .goal(exposition.lines().any(is_led), "no exemplar leads to the trace")
    .goal(seen.of_resource("host.name").is_some(), "the agent did not say on which host")
    .goal(
        line.of_resource("service.name").as_deref() == Some(service::NAME),
        "the line does not say of which service it is",
    )
    .goal(unknown.is_empty(), format!("no line has {unknown:?}"))
    .goal(probes.count() == 0, "a probe's span came"))
}

/// A request of the trace, which is refused; one that changes something, and so is audited;
/// and a probe, whose span is nobody's business.
async fn ask(service: &Service) -> Result<reqwest::StatusCode> {
    let made = service
        .http
        .post(service.url("/api/v1/items"))
        .bearer_auth(&service.token)
        .header("content-type", "application/json")
        .body(r#"{"name": "lamp", "quantity": 3}"#);
    made.send().await?.error_for_status()?;
    let probe = format!("http://{}/readyz", service.operations);
    service.http.get(probe).send().await?;
    let request = service
        .http
        .get(service.url("/api/v1/items"))
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    Ok(request.send().await?.status())
}

fn is_of_request(line: &Line) -> bool {
    let body = line.record.body.as_ref().and_then(|it| it.value.as_ref());
    let is_finished = matches!(body, Some(Value::StringValue(text)) if text == "request finished");
    is_finished && hex(&line.record.trace_id) == TRACE
}

/// What the pipeline of Elasticsearch takes from a line, and no line has.
fn renamed_in_vain(repository: &Path, folder: &Path) -> Result<Vec<String>> {
    let log = fs::read_to_string(folder.join(format!("{}.log", service::NAME)))?;
    let mut keys = BTreeSet::new();
    for line in log.lines() {
        let line: Json = serde_json::from_str(line)?;
        let line = line.as_object().context("no object")?;
        keys.extend(line.keys().cloned());
    }
    let pipeline: Json = serde_json::from_str(&fs::read_to_string(repository.join(PIPELINE))?)?;
    let processors = pipeline["processors"].as_array().context("no processors")?;
    let fields = processors.iter().flat_map(|processor| {
        let told = processor.as_object().into_iter().flatten();
        told.filter_map(|(_, told)| told["field"].as_str()?.strip_prefix("line."))
    });
    // `http` of `http.route`: the pipeline has taken the dots apart.
    let has = |field: &str| {
        let before = format!("{field}.");
        keys.iter()
            .any(|key| key == field || key.starts_with(&before))
    };
    let vain = fields.filter(|field| !has(field));
    Ok(vain.map(str::to_owned).collect())
}
