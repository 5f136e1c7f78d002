//! Who is called because of a service does not read its warnings besides: Alertmanager is given
//! alerts, and asked which of them it would tell.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{proof::Outcome, setup::Setup, shipped::Alertmanager, told::Told};

const PATIENCE: Duration = Duration::from_secs(30);

/// What it is, how grave, and what else it says; whether something graver mutes it.
type Alert = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    bool,
);

const ALERTS: [Alert; 9] = [
    (
        "ServiceBudgetGoneIn2Days",
        "critical",
        &[("job", "a")],
        false,
    ),
    ("ServicePanics", "warning", &[("job", "a")], true),
    ("ServicePanics", "warning", &[("job", "b")], false),
    (
        "TargetDown",
        "warning",
        &[("job", "c"), ("instance", "1")],
        false,
    ),
    (
        "ServiceSlow",
        "warning",
        &[("job", "c"), ("instance", "1")],
        true,
    ),
    (
        "ServiceSlow",
        "warning",
        &[("job", "c"), ("instance", "2")],
        false,
    ),
    ("NodeNotReady", "critical", &[("node", "one")], false),
    (
        "PodNotReady",
        "warning",
        &[("node", "one"), ("pod", "d")],
        true,
    ),
    (
        "PodNotReady",
        "warning",
        &[("node", "two"), ("pod", "e")],
        false,
    ),
];

pub async fn run(setup: Setup) -> Result<Outcome> {
    let told = Told::start().await?;
    let alertmanager = Alertmanager::start(&setup, &told).await?;
    let url = format!("http://{}/api/v2/alerts", alertmanager.address);
    let http = Client::new();
    let posted = http
        .post(&url)
        .header("content-type", "application/json")
        .body(Value::Array(ALERTS.iter().map(posted).collect()).to_string());
    let status = posted.send().await?.status();
    ensure!(status.is_success(), "it takes no alerts: {status}");
    let expected = expected();
    let begun = Instant::now();
    let muted = loop {
        let text = http.get(&url).send().await?.text().await?;
        let alerts: Value = serde_json::from_str(&text)?;
        let alerts = alerts.as_array().context("no alerts")?;
        let muted: BTreeSet<_> = alerts.iter().filter(|it| is_muted(it)).map(name).collect();
        let is_whole = alerts.len() == ALERTS.len() && muted == expected;
        if is_whole || begun.elapsed() > PATIENCE {
            break muted;
        }
        sleep(Duration::from_millis(50)).await;
    };
    Ok(Outcome::of(format!(
        "of {} alerts {} are muted: {}",
        ALERTS.len(),
        muted.len(),
        muted.iter().cloned().collect::<Vec<_>>().join(", ")
    ))
    .goal(muted == expected, format!("{expected:?} should be")))
}

fn posted((alert, severity, labels, _): &Alert) -> Value {
    let mut all = json!({ "alertname": alert, "severity": severity, "namespace": "production" });
    for (name, value) in *labels {
        all[name] = json!(value);
    }
    json!({ "labels": all })
}

fn expected() -> BTreeSet<String> {
    let muted = ALERTS.iter().filter(|(.., is_muted)| *is_muted);
    muted.map(|alert| name(&posted(alert))).collect()
}

fn is_muted(alert: &Value) -> bool {
    let by = alert["status"]["inhibitedBy"].as_array();
    by.is_some_and(|by| !by.is_empty())
}

/// `ServiceSlow of c 1`.
fn name(alert: &Value) -> String {
    let labels = &alert["labels"];
    let alert = labels["alertname"].as_str().unwrap_or_default();
    let of = ["job", "instance", "node"];
    let of: Vec<_> = of.iter().filter_map(|it| labels[it].as_str()).collect();
    format!("{alert} of {}", of.join(" "))
}
