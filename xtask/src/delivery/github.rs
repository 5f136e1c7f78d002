use anyhow::Result;

use super::project::{Fault, Project, takes_and_refuses};
use crate::test::{
    report::Report,
    tools::{CHECK_JSONSCHEMA, Registry, Tool},
};

const ACTIONLINT: Tool = Tool {
    program: "actionlint",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    version: "1.7.12",
    registry: Registry::Go,
};

const ZIZMOR: Tool = Tool {
    program: "zizmor",
    package: "zizmor",
    version: "1.32.0",
    registry: Registry::Python,
};

const WORKFLOW: &str = ".github/workflows/ci.yml";

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let projects: Vec<_> = projects.iter().filter(|p| p.has(WORKFLOW)).collect();
    if let Some(program) = ACTIONLINT.have(report)? {
        let command = |project: &Project| project.command(&program);
        let fault = Fault {
            file: WORKFLOW,
            from: "runs-on: ubuntu-24.04",
            to: "runs-on: ubuntu-24.04\n    needs: [nobody]",
            reason: "needs job \"nobody\" which does not exist",
        };
        takes_and_refuses(report, "actionlint", &projects, &[fault], command)?;
    }
    if let Some(program) = ZIZMOR.have(report)? {
        let command = |project: &Project| {
            let mut zizmor = project.command(&program);
            zizmor.args(["--offline", "--persona", "pedantic", "--no-progress", "."]);
            zizmor
        };
        let fault = Fault {
            file: WORKFLOW,
            from: "persist-credentials: false",
            to: "fetch-depth: 1",
            reason: "credential persistence through GitHub Actions artifacts",
        };
        takes_and_refuses(report, "zizmor", &projects, &[fault], command)?;
    }
    if let Some(program) = CHECK_JSONSCHEMA.have(report)? {
        let command = |project: &Project| {
            let mut schema = project.command(&program);
            schema.args(["--builtin-schema", "vendor.github-workflows", WORKFLOW]);
            schema
        };
        let fault = Fault {
            file: WORKFLOW,
            from: "timeout-minutes: 30",
            to: "timeout: 30",
            reason: "'timeout' was unexpected",
        };
        takes_and_refuses(report, "schema", &projects, &[fault], command)?;
    }
    Ok(())
}
