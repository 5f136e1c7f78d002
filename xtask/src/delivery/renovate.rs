//! Who moves the versions that no other bot sees.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::project::{Fault, Project, judged, takes_and_refuses};
use crate::{test::report::Report, tree};

/// How a comment begins that tells Renovate of the version below it.
const MARK: &str = "# renovate: datasource=";

/// A configuration of Renovate: what its schema says, and whether it reaches what is marked.
pub fn run(
    report: &mut Report,
    projects: &[&Project],
    config: &'static str,
    check_jsonschema: &Path,
) -> Result<()> {
    let command = |project: &Project| {
        let mut schema = project.command(check_jsonschema);
        schema.args(["--builtin-schema", "vendor.renovate", config]);
        schema
    };
    let fault = Fault {
        file: config,
        from: "\"minimumReleaseAge\": \"7 days\"",
        to: "\"minimumReleaseAge\": 7",
        reason: "7 is not of type 'string'",
    };
    let tool = format!("schema of {config}");
    takes_and_refuses(report, &tool, projects, &[fault], command)?;
    let faults = [
        Fault {
            file: config,
            from: "\"/^Dockerfile$/\", ",
            to: "",
            reason: "Dockerfile has a version that nobody moves",
        },
        Fault {
            file: "deploy/components/backup-postgres/backup/cronjob.yaml",
            from: "# renovate: datasource=docker depName=postgres\n",
            to: "",
            reason: "cronjob.yaml has an image that nobody moves",
        },
    ];
    let tool = format!("reach of {config}");
    judged(report, &tool, projects, &faults, |project| {
        reaches(project, config)
    })
}

fn reaches(project: &Project, config: &str) -> Result<String> {
    let read: Value = serde_json::from_str(&tree::read(&project.folder.join(config))?)?;
    let patterns = read["customManagers"][0]["managerFilePatterns"].as_array();
    let patterns = patterns.with_context(|| format!("{config} has no managerFilePatterns"))?;
    let places: Vec<_> = patterns
        .iter()
        .filter_map(Value::as_str)
        .map(place)
        .collect();
    for file in tree::files(&project.folder)? {
        let text = tree::read(&project.folder.join(&file)).unwrap_or_default();
        let marked = text.lines().any(|l| l.trim_start().starts_with(MARK));
        ensure!(
            !marked || places.iter().any(|place| file.starts_with(place)),
            "{} has a version that nobody moves: no pattern of {config} names it",
            file.display()
        );
        if file.starts_with("deploy") {
            let mut above = "";
            for line in text.lines().map(str::trim_start) {
                ensure!(
                    !is_pinned(line) || above.starts_with(MARK),
                    "{} has an image that nobody moves: {line}",
                    file.display()
                );
                above = line;
            }
        }
    }
    Ok(String::new())
}

/// A container's image of a manifest, by its digest.
fn is_pinned(line: &str) -> bool {
    line.starts_with("image: ") && line.contains("@sha256:")
}

/// The file or folder that a pattern names: `/^\.github/workflows/`.
fn place(pattern: &str) -> String {
    let inner = pattern.trim_start_matches("/^").trim_end_matches('/');
    inner.trim_end_matches('$').replace('\\', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_a_place() {
        assert_eq!(place("/^ci/"), "ci");
        assert_eq!(place(r"/^\.github/workflows/"), ".github/workflows");
        assert_eq!(place("/^Dockerfile$/"), "Dockerfile");
    }
}
