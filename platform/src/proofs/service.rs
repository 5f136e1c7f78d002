//! The template's service, in place, and an agent beside it.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use crate::{addresses::free_address, modes, proof::Outcome, setup::Setup, sink::Sink};

const PATIENCE: Duration = Duration::from_secs(60);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let sink = Sink::start().await?;
    let agent = modes::agent(&setup, &sink, &modes::all_are_kept()).await?;
    let service = Service::start(&setup, &agent.grpc()).await?;
    let http = reqwest::Client::new();
    let request = http
        .get(format!("http://{}/api/v1/items", service.public))
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let status = request.send().await?.status();
    // A probe's span is nobody's business.
    http.get(format!("http://{}/readyz", service.operations))
        .send()
        .await?;
    sink.until("the service's span has come", |sink| {
        sink.spans()
            .iter()
            .any(|seen| seen.attribute("http.route").is_some())
    })
    .await?;
    let spans = sink.spans();
    let of_request = spans
        .iter()
        .find(|seen| seen.attribute("http.route").is_some());
    let seen = of_request.context("no span with a route")?;
    let trace: String = seen
        .span
        .trace_id
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let (route, host) = (seen.attribute("http.route"), seen.of_resource("host.name"));
    let probes = spans.iter().filter(|seen| {
        seen.attribute("url.path")
            .is_some_and(|path| path == "/readyz")
    });
    let probes = probes.count();
    Ok(Outcome::of(format!(
        "GET {} was {status}; its span came, of the caller's trace, with host.name",
        route.as_deref().unwrap_or_default()
    ))
    .goal(trace == TRACE, format!("of the trace {trace}"))
    .goal(host.is_some(), "the agent did not say on which host")
    .goal(probes == 0, "a probe's span came"))
}

/// It is killed when it goes out of scope.
struct Service {
    public: String,
    operations: String,
    process: Child,
}

impl Service {
    async fn start(setup: &Setup, collector: &str) -> Result<Self> {
        let [public, operations] = [(); 2].map(|()| free_address().to_string());
        let process = Command::new(&setup.service)
            .arg("serve")
            .env("APP_PROFILE", "development")
            .env("APP_HTTP__ADDRESS", &public)
            .env("APP_OPERATIONS__ADDRESS", &operations)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .env("OTEL_BSP_SCHEDULE_DELAY", "200")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("the service does not start")?;
        let service = Self {
            public,
            operations,
            process,
        };
        let probe = format!("http://{}/readyz", service.operations);
        let begun = Instant::now();
        while !reqwest::get(&probe)
            .await
            .is_ok_and(|it| it.status().is_success())
        {
            ensure!(
                begun.elapsed() < PATIENCE,
                "the service does not become ready"
            );
            sleep(Duration::from_millis(20)).await;
        }
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
