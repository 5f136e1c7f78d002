use std::path::Path;

use anyhow::{Result, ensure};
use serde_yaml_ng::Value;

use super::{
    project::{Fault, Project, differing, judged, takes_and_refuses},
    renovate,
};
use crate::{
    test::{
        report::Report,
        tools::{CHECK_JSONSCHEMA, Registry, Tool},
    },
    tree,
};

pub const ACTIONLINT: Tool = Tool {
    program: "actionlint",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    version: "1.7.12",
    registry: Registry::Go,
};

pub const ZIZMOR: Tool = Tool {
    program: "zizmor",
    package: "zizmor",
    version: "1.32.0",
    registry: Registry::Python,
};

pub const WORKFLOWS: &str = ".github/workflows";
const WORKFLOW: &str = ".github/workflows/ci.yml";
const DELIVER: &str = ".github/workflows/deliver.yml";
const DEPENDABOT: &str = ".github/dependabot.yml";
const RENOVATE: &str = ".github/renovate.json";

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let projects = differing(report, projects, &[".github"])?;
    if let Some(program) = ACTIONLINT.have(report)? {
        let command = |project: &Project| project.command(&program);
        let fault = Fault {
            file: WORKFLOW,
            from: "needs: changes",
            to: "needs: [nobody]",
            reason: "needs job \"nobody\" which does not exist",
        };
        takes_and_refuses(report, "actionlint", &projects, &[fault], command)?;
    }
    if let Some(program) = ZIZMOR.have(report)? {
        let command = |project: &Project| {
            let mut zizmor = project.command(&program);
            zizmor.args(["--offline", "--persona", "pedantic", "--no-progress"]);
            zizmor.arg(".github");
            zizmor
        };
        let faults = [
            Fault {
                file: WORKFLOW,
                from: "persist-credentials: false",
                to: "show-progress: false",
                reason: "credential persistence through GitHub Actions artifacts",
            },
            Fault {
                file: DELIVER,
                from: "packages: write # to push the image",
                to: "packages: write",
                reason: "permissions without explanatory comments",
            },
        ];
        takes_and_refuses(report, "zizmor", &projects, &faults, command)?;
    }
    if let Some(program) = CHECK_JSONSCHEMA.have(report)? {
        by_schema(report, &projects, &program)?;
        renovate::run(report, &projects, RENOVATE, &program)?;
    }
    let fault = Fault {
        file: DELIVER,
        from: "group: deliver-${{ github.sha }}",
        to: "group: deliver",
        reason: "deliver.yml holds up other runs",
    };
    judged(report, "approvals", &projects, &[fault], approvals)?;
    let fault = Fault {
        file: DELIVER,
        from: "- run: ci/scan",
        to: "- run: ci/sign",
        reason: "signs what was not scanned",
    };
    judged(report, "signature", &projects, &[fault], signature)
}

/// It says that an image was scanned.
fn signature(project: &Project) -> Result<String> {
    let deliver = tree::read(&project.folder.join(DELIVER))?;
    let (scan, sign) = (deliver.find("ci/scan "), deliver.find("ci/sign "));
    ensure!(
        scan.is_some() && scan < sign,
        "{DELIVER} signs what was not scanned"
    );
    Ok(String::new())
}

/// A job of an environment may wait for days until somebody approves: its run must not be in a
/// group with those of other commits.
fn approvals(project: &Project) -> Result<String> {
    let folder = project.folder.join(WORKFLOWS);
    for workflow in tree::files(&folder)? {
        let read: Value = serde_yaml_ng::from_str(&tree::read(&folder.join(&workflow))?)?;
        let jobs = read.get("jobs").and_then(Value::as_mapping);
        let waits =
            jobs.is_some_and(|jobs| jobs.values().any(|job| job.get("environment").is_some()));
        let group = read.get("concurrency").and_then(|c| c.get("group"));
        let alone = group
            .and_then(Value::as_str)
            .is_some_and(|group| group.contains("github.sha"));
        ensure!(
            !waits || alone,
            "{} holds up other runs while one waits for an approval",
            workflow.display()
        );
    }
    Ok(String::new())
}

fn by_schema(report: &mut Report, projects: &[&Project], program: &Path) -> Result<()> {
    let workflows = |project: &Project| {
        let mut schema = project.command(program);
        schema.args(["--builtin-schema", "vendor.github-workflows"]);
        let files = tree::files(&project.folder.join(WORKFLOWS)).unwrap_or_default();
        schema.args(files.iter().map(|file| Path::new(WORKFLOWS).join(file)));
        schema
    };
    let fault = Fault {
        file: WORKFLOW,
        from: "timeout-minutes: 30",
        to: "timeout: 30",
        reason: "'timeout' was unexpected",
    };
    takes_and_refuses(report, "schema of workflows", projects, &[fault], workflows)?;
    let dependabot = |project: &Project| {
        let mut schema = project.command(program);
        schema.args(["--builtin-schema", "vendor.dependabot", DEPENDABOT]);
        schema
    };
    let fault = Fault {
        file: DEPENDABOT,
        from: "interval: weekly",
        to: "interval: sometimes",
        reason: "'sometimes' is not one of",
    };
    takes_and_refuses(
        report,
        "schema of Dependabot",
        projects,
        &[fault],
        dependabot,
    )
}
