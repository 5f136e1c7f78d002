//! From a request that fails to who is told of it: with what is shipped, and its real windows.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::{task::JoinSet, time::interval};

use crate::{
    proof::Outcome,
    service::Service,
    setup::Setup,
    shipped::{self, Alertmanager, JOB},
    sink::Sink,
    told::Told,
};

const ALERT: &str = "ServiceBudgetGoneIn2Days";
/// Two scrapes, an evaluation, and the time for which Alertmanager collects; four times that.
const PATIENCE: Duration = Duration::from_secs(240);
/// The short window, and as long as Alertmanager waits before it tells more of a group.
const UNTIL_OVER: Duration = Duration::from_secs(600);
const DURATIONS: &str = "http_server_request_duration_seconds_bucket{job=\"service\"}";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let sink = Sink::start().await?;
    let collector = sink.address.to_string();
    // Each write is answered with 503.
    let read_only = [("APP_FLAGS__READ_ONLY", "true")];
    let service = Service::start(&setup, &folder, &collector, &read_only).await?;
    let told = Told::start().await?;
    let alertmanager = Alertmanager::start(&setup, &told).await?;
    let prometheus = shipped::prometheus(&setup, service.operations, alertmanager.address).await?;
    let begun = Instant::now();
    let failing = Failing::on(&service);
    let alert = told.until("webhook", PATIENCE, is_firing).await?;
    let took = begun.elapsed();
    told.until("dead-mans-switch", PATIENCE, |message| {
        message["commonLabels"]["alertname"] == "Watchdog"
    })
    .await?;
    let slack = told
        .until("slack", PATIENCE, |message| {
            said(message).contains("resolved") || said(message).contains("firing")
        })
        .await?;
    let exemplars = prometheus.exemplars(DURATIONS).await?;
    let traces = failing.traces();
    let led = exemplars.intersection(&traces).count();
    let alert = of_service(&alert).context("no alert of the service")?;
    let runbook = alert["annotations"]["runbook_url"].as_str();
    let runbook = runbook.unwrap_or_default().to_owned();
    let over = match setup.quick {
        true => String::new(),
        false => {
            drop(failing);
            let succeeded = Instant::now();
            told.until("webhook", UNTIL_OVER, is_over).await?;
            let seconds = succeeded.elapsed().as_secs();
            format!("; it was over {seconds} s after the last failure")
        }
    };
    Ok(Outcome::of(format!(
        "a service that answers with 503: {ALERT} was at the webhook {:.0} s after the first, and in Slack with its runbook; {led} exemplars in Prometheus are of traces of requests that failed{over}",
        took.as_secs_f64()
    ))
    .goal(led > 0, "no exemplar is of a request")
    .goal(runbook.ends_with("#servicebudgetgonein2days"), format!("it leads to {runbook:?}"))
    .goal(said(&slack).contains(&runbook), format!("Slack has not the runbook: {slack}"))
    .goal(alert["labels"]["replica"].is_null(), "each replica's alert is another"))
}

fn is_firing(message: &Value) -> bool {
    of_service(message).is_some_and(|alert| alert["status"] == "firing")
}

fn is_over(message: &Value) -> bool {
    of_service(message).is_some_and(|alert| alert["status"] == "resolved")
}

/// The alert of the service, in what a webhook gets.
fn of_service(message: &Value) -> Option<&Value> {
    let alerts = message["alerts"].as_array()?;
    alerts.iter().find(|alert| {
        let labels = &alert["labels"];
        labels["alertname"] == ALERT && labels["job"] == JOB && labels["slo"] == "availability"
    })
}

/// All that somebody reads in Slack.
fn said(message: &Value) -> String {
    message["attachments"].to_string()
}

/// Writes that fail, twenty a second, each of a trace of its own; until it goes out of scope.
struct Failing {
    traces: Arc<Mutex<BTreeSet<String>>>,
    _task: JoinSet<()>,
}

impl Failing {
    fn on(service: &Service) -> Self {
        let traces = Arc::new(Mutex::new(BTreeSet::new()));
        let (http, url, token) = (
            service.http.clone(),
            service.url("/api/v1/items"),
            service.token.clone(),
        );
        let sent = traces.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut ticks = interval(Duration::from_millis(50));
            loop {
                ticks.tick().await;
                let trace = format!("{:032x}", fastrand::u128(1..));
                let request = http
                    .post(&url)
                    .bearer_auth(&token)
                    .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
                sent.lock()
                    .expect("nobody panics while it is held")
                    .insert(trace);
                // That it fails is what it is for.
                let _ = request.send().await;
            }
        });
        Self {
            traces,
            _task: task,
        }
    }

    fn traces(&self) -> BTreeSet<String> {
        self.traces
            .lock()
            .expect("nobody panics while it is held")
            .clone()
    }
}
