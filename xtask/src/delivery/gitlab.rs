use anyhow::Result;

use super::project::{Fault, Project, takes_and_refuses};
use crate::test::{report::Report, tools::CHECK_JSONSCHEMA};

const PIPELINE: &str = ".gitlab-ci.yml";

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let projects: Vec<_> = projects.iter().filter(|p| p.has(PIPELINE)).collect();
    if let Some(program) = CHECK_JSONSCHEMA.have(report)? {
        let command = |project: &Project| {
            let mut schema = project.command(&program);
            schema.args(["--builtin-schema", "vendor.gitlab-ci", PIPELINE]);
            schema
        };
        let fault = Fault {
            file: PIPELINE,
            from: "interruptible: true",
            to: "interruptible: maybe",
            reason: "'maybe' is not of type 'boolean'",
        };
        takes_and_refuses(report, "schema", &projects, &[fault], command)?;
    }
    Ok(())
}
