use anyhow::Result;

use super::project::{Fault, Project, differing, takes_and_refuses};
use crate::test::{
    report::Report,
    tools::{CHECK_JSONSCHEMA, YAMLLINT},
};

const PIPELINE: &str = ".gitlab-ci.yml";
const RENOVATE: &str = "renovate.json";

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let projects = differing(report, projects, &[PIPELINE, ".gitlab", RENOVATE])?;
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
        let renovate = |project: &Project| {
            let mut schema = project.command(&program);
            schema.args(["--builtin-schema", "vendor.renovate", RENOVATE]);
            schema
        };
        let fault = Fault {
            file: RENOVATE,
            from: "\"minimumReleaseAge\": \"7 days\"",
            to: "\"minimumReleaseAge\": 7",
            reason: "7 is not of type 'string'",
        };
        takes_and_refuses(report, "schema of Renovate", &projects, &[fault], renovate)?;
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
    Ok(())
}
