//! The rules: read, tried on series in which each alert fires and ends, and led by a runbook.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Programs;
use crate::{
    delivery::manifests::{
        object::{self, list},
        prometheus::ends_after_firing,
    },
    refusal, run,
    test::report::Report,
    tree,
};

/// Who brings rules: the folder of the rules, that of their tests, the page of the runbook.
struct Set {
    rules: &'static str,
    tests: &'static str,
    runbook: &'static str,
}

const SETS: [Set; 2] = [
    Set {
        rules: "deploy/prometheus/rules",
        tests: "deploy/prometheus/tests",
        runbook: "deploy/prometheus/runbook.md",
    },
    Set {
        rules: "deploy/thanos/component/rules",
        tests: "deploy/thanos/tests",
        runbook: "deploy/thanos/README.md",
    },
];

/// It always fires: that it stops is what is told, by somebody outside.
const ALWAYS: &str = "Watchdog";

/// Where this repository's own files are read.
const REPOSITORY: &str = "https://github.com/acme/axum-chassis/blob/main/";

/// Edits with which an alert does not fire, or does not end.
const BROKEN: [(&str, &str, &str); 3] = [
    ("slo.yml", "> 14.4 and", "> 1440 and"),
    ("slo.yml", "slo:burn_rate:rate5m > 14.4 and ", ""),
    ("targets.yml", "expr: up == 0", "expr: up == 2"),
];

pub fn run(report: &mut Report, programs: &Programs) -> Result<()> {
    for set in &SETS {
        let files = yaml(set.rules)?;
        let name = set.rules;
        report.check(&format!("promtool check rules: {name}"), || {
            let mut check = promtool(programs, &["check", "rules"]);
            check.args(["--lint=all", "--lint-fatal"]);
            run::output(check.args(&files))
        })?;
        report.check(&format!("promtool test rules: {}", set.tests), || {
            let mut test = promtool(programs, &["test", "rules"]);
            run::output(test.args(yaml(set.tests)?))
        })?;
        report.check("each alert has a test in which it fires and ends", || {
            fire_and_end(&files, &yaml(set.tests)?)
        })?;
        report.check("each alert says what to do, and the page has it", || {
            lead(&files, set.runbook)
        })?;
    }
    refusals(report, programs)
}

/// The files of Prometheus in a folder; what kustomize reads ends otherwise.
fn yaml(folder: &str) -> Result<Vec<PathBuf>> {
    let folder = tree::root().join(folder);
    let files = tree::files(&folder)?.into_iter();
    let files = files.filter(|file| file.extension().is_some_and(|it| it == "yml"));
    let files: Vec<_> = files.map(|file| folder.join(file)).collect();
    ensure!(!files.is_empty(), "{} has no rules", folder.display());
    Ok(files)
}

fn promtool(programs: &Programs, arguments: &[&str]) -> Command {
    let mut promtool = Command::new(&programs.promtool);
    promtool.current_dir(tree::root()).args(arguments);
    promtool
}

/// The alerts of all groups.
fn alerts(files: &[PathBuf]) -> Result<Vec<Value>> {
    let mut alerts = Vec::new();
    for file in files {
        for document in object::read(&tree::read(file)?)? {
            let groups = document.list("/groups").iter();
            let rules = groups.flat_map(|group| list(&group["rules"]));
            alerts.extend(rules.filter(|rule| rule["alert"].is_string()).cloned());
        }
    }
    Ok(alerts)
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap_or_default()
}

fn fire_and_end(files: &[PathBuf], tests: &[PathBuf]) -> Result<()> {
    let tests = tests.iter().map(|file| tree::read(file));
    let tests = tests.collect::<Result<Vec<_>>>()?;
    for alert in alerts(files)? {
        let alert = name(&alert);
        if alert == ALWAYS {
            continue;
        }
        let mut tried = false;
        for test in &tests {
            tried |= ends_after_firing(test, alert)?;
        }
        ensure!(tried, "no test has {alert} fire, and end after that");
    }
    Ok(())
}

fn lead(files: &[PathBuf], runbook: &str) -> Result<()> {
    let text = tree::read(&tree::root().join(runbook))?;
    let headings = text.lines().filter_map(|line| line.strip_prefix("### "));
    let headings: BTreeSet<_> = headings.map(str::to_lowercase).collect();
    let mut led = BTreeSet::new();
    for alert in alerts(files)? {
        let (name, annotations) = (name(&alert), &alert["annotations"]);
        let annotation = |key: &str| {
            let text = annotations[key].as_str().unwrap_or_default();
            ensure!(!text.is_empty(), "{name} has no {key}");
            Ok(text.to_owned())
        };
        annotation("summary")?;
        annotation("description")?;
        let heading = name.to_lowercase();
        let url = format!("{REPOSITORY}{runbook}#{heading}");
        ensure!(
            annotation("runbook_url")? == url,
            "{name} does not lead to {url}"
        );
        ensure!(headings.contains(&heading), "{runbook} has no {name}");
        led.insert(heading);
        let severity = alert["labels"]["severity"].as_str();
        let severity = severity.with_context(|| format!("{name} has no severity"))?;
        ensure!(
            ["critical", "warning", "none"].contains(&severity),
            "{name}: {severity} is told to nobody"
        );
    }
    let is_name = |heading: &&String| !heading.contains(' ');
    let lost: Vec<_> = headings.difference(&led).filter(is_name).collect();
    ensure!(
        lost.is_empty(),
        "{runbook} has {lost:?}, and no alert leads there"
    );
    Ok(())
}

fn refusals(report: &mut Report, programs: &Programs) -> Result<()> {
    let folder = tree::target().join("platform/rules");
    for (file, from, to) in BROKEN {
        report.check(&format!("promtool refuses: {to:?} for {from:?}"), || {
            let set = &SETS[0];
            let rules = tree::read(&tree::root().join(set.rules).join(file))?;
            let test = file.replace(".yml", ".test.yml");
            let tests = tree::root().join(set.tests).join(&test);
            tree::fresh(&folder)?;
            fs::create_dir_all(folder.join("rules"))?;
            fs::create_dir_all(folder.join("tests"))?;
            let broken = refusal::broken(file, &rules, from, to)?;
            fs::write(folder.join("rules").join(file), broken)?;
            fs::copy(tests, folder.join("tests").join(&test))?;
            let mut again = promtool(programs, &["test", "rules"]);
            let came = run::output(again.arg(folder.join("tests").join(test)));
            refusal::refused(came, to, "FAILED")
        })?;
    }
    report.check("an alert without a test is refused", || {
        let lonely = folder.join("lonely.yml");
        let text = "groups: [{name: a, rules: [{alert: Lonely, expr: up}]}]";
        fs::write(&lonely, text)?;
        let came = fire_and_end(&[lonely], &yaml(SETS[0].tests)?);
        refusal::refused(came.map(|()| String::new()), text, "Lonely")
    })?;
    report.check("an alert that leads nowhere is refused", || {
        let rules = Path::new(SETS[0].rules).join("targets.yml");
        let text = tree::read(&tree::root().join(rules))?;
        let from = "#targetdown";
        let broken = refusal::broken("targets.yml", &text, from, "#nowhere")?;
        let file = folder.join("nowhere.yml");
        fs::write(&file, broken)?;
        let came = lead(&[file], SETS[0].runbook);
        refusal::refused(came.map(|()| String::new()), from, "TargetDown")
    })
}
