//! Who is told of what: each route, by an alert that takes it.

use std::process::Command;

use anyhow::Result;

use super::{Programs, config::ALERTMANAGER};
use crate::{refusal, run, test::report::Report, tree};

/// Labels of an alert, and who is told of it.
const CASES: [(&[&str], &str); 10] = [
    (&["alertname=Watchdog", "severity=none"], "dead-mans-switch"),
    (
        &[
            "alertname=ServicePanics",
            "severity=warning",
            "job=my-service",
        ],
        "webhook,services",
    ),
    (
        &[
            "alertname=ServiceBudgetGoneIn2Days",
            "severity=critical",
            "job=my-service",
        ],
        "webhook,services-on-call",
    ),
    (
        &[
            "alertname=ServiceBackupOld",
            "severity=critical",
            "job=my-service",
        ],
        "webhook,services-on-call",
    ),
    (
        &["alertname=TargetDown", "severity=warning", "job=my-service"],
        "webhook,platform",
    ),
    (
        &["alertname=NodeNotReady", "severity=critical", "node=one"],
        "webhook,platform-on-call",
    ),
    (
        &["alertname=PrometheusRulesFail", "severity=critical"],
        "webhook,platform-on-call",
    ),
    (
        &["alertname=CollectorQueueFull", "severity=critical"],
        "webhook,platform-on-call",
    ),
    (
        &["alertname=ThanosUploadsFail", "severity=warning"],
        "webhook,platform",
    ),
    // Whoever forgets the severity is told all the same.
    (&["alertname=Unknown"], "services"),
];

pub fn run(report: &mut Report, programs: &Programs) -> Result<()> {
    for (labels, receivers) in CASES {
        let step = format!("amtool config routes test: {} to {receivers}", labels[0]);
        report.check(&step, || goes_to(programs, labels, receivers))?;
    }
    let (labels, _) = CASES[2];
    report.check("amtool refuses: a route to somebody else", || {
        let came = goes_to(programs, labels, "webhook,platform-on-call");
        refusal::refused(came, "platform-on-call", "did not match")
    })
}

fn goes_to(programs: &Programs, labels: &[&str], receivers: &str) -> Result<String> {
    let config = tree::root()
        .join(ALERTMANAGER)
        .join("config/alertmanager.yaml");
    let mut test = Command::new(&programs.amtool);
    test.args(["config", "routes", "test"])
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--verify.receivers={receivers}"));
    run::output(test.args(labels))
}
