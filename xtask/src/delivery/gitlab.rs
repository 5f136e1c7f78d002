use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_yaml_ng::Value;

use super::{
    project::{Fault, Project, differing, judged, takes_and_refuses},
    renovate,
};
use crate::{
    test::{
        report::Report,
        tools::{CHECK_JSONSCHEMA, YAMLLINT},
    },
    tree,
};

const PIPELINE: &str = ".gitlab-ci.yml";
const RENOVATE: &str = ".gitlab/renovate.json";

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let projects = differing(report, projects, &[PIPELINE, ".gitlab"])?;
    if let Some(program) = CHECK_JSONSCHEMA.have(report)? {
        let pipeline = |project: &Project| {
            let mut schema = project.command(&program);
            schema.args(["--builtin-schema", "vendor.gitlab-ci"]);
            // It knows what `!reference` is.
            schema.args(["--data-transform", "gitlab-ci", PIPELINE]);
            schema
        };
        let fault = Fault {
            file: PIPELINE,
            from: "interruptible: true",
            to: "interruptible: maybe",
            reason: "'maybe' is not of type 'boolean'",
        };
        takes_and_refuses(report, "schema", &projects, &[fault], pipeline)?;
        renovate::run(report, &projects, RENOVATE, &program)?;
    }
    if let Some(program) = YAMLLINT.have(report)? {
        let command = |project: &Project| {
            let mut yamllint = project.command(&program);
            let rules = "{extends: relaxed, rules: {line-length: disable}}";
            yamllint.args(["--strict", "-d", rules, PIPELINE, ".gitlab"]);
            yamllint
        };
        // A schema does not see it: of two values, the last one is taken.
        let fault = Fault {
            file: PIPELINE,
            from: "  interruptible: true\n",
            to: "  interruptible: true\n  interruptible: true\n",
            reason: "duplication of key \"interruptible\"",
        };
        takes_and_refuses(report, "yamllint", &projects, &[fault], command)?;
    }
    let fault = Fault {
        file: PIPELINE,
        from: "  cache: []\n  rules:\n    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\" && \
               $DEPLOY == \"true\"\n    - !reference [.delivered, rules]\n",
        to: "  cache: []\n  extends: .delivered\n",
        reason: "container_scanning has no rules of its own",
    };
    judged(report, "rules", &projects, &[fault], rules)?;
    let fault = Fault {
        file: PIPELINE,
        from: "  needs: [container, scan]\n",
        to: "  needs: [container]\n",
        reason: "what was not scanned is signed",
    };
    judged(report, "signature", &projects, &[fault], signature)
}

/// It says that an image was scanned.
fn signature(project: &Project) -> Result<String> {
    let text = tree::read(&project.folder.join(PIPELINE))?;
    let pipeline: Value = serde_yaml_ng::from_str(&text)?;
    let needs = pipeline["sign"]["needs"].as_sequence();
    ensure!(
        needs.is_some_and(|needs| needs.iter().any(|job| job == "scan")),
        "what was not scanned is signed"
    );
    Ok(String::new())
}

/// What is no job at the top of a pipeline.
const KEYWORDS: [&str; 5] = ["default", "include", "stages", "variables", "workflow"];

/// A job whose script is an included template's has the template's rules, too: those that it
/// extends here do not replace them, and it would be where what it needs is not.
fn rules(project: &Project) -> Result<String> {
    let text = tree::read(&project.folder.join(PIPELINE))?;
    let pipeline: BTreeMap<String, Value> = serde_yaml_ng::from_str(&text)?;
    for (name, job) in &pipeline {
        if KEYWORDS.contains(&name.as_str()) || name.starts_with('.') {
            continue;
        }
        ensure!(
            has_script(&pipeline, name) || job.get("rules").is_some(),
            "{name} has no rules of its own: those of its template stay"
        );
    }
    Ok(String::new())
}

fn has_script(pipeline: &BTreeMap<String, Value>, name: &str) -> bool {
    let Some(job) = pipeline.get(name) else {
        return false;
    };
    let extended = job.get("extends").and_then(Value::as_str);
    job.get("script").is_some() || extended.is_some_and(|base| has_script(pipeline, base))
}
