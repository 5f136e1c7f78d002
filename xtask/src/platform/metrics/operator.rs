//! The rules once more, as the object that the Prometheus operator reads: made of the same files,
//! and held in step with them.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{test::report::Report, tree};

const RULES: &str = "deploy/prometheus/rules";
const OBJECT: &str = "deploy/prometheus/operator/prometheusrule.yaml";
const HEAD: &str = "\
# Made of ../rules by `cargo xtask sync`; change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: platform
spec:
  groups:
";
const GROUPS: &str = "groups:\n";

pub fn run(report: &mut Report) -> Result<()> {
    report.check("the operator's rules are those of Prometheus", || {
        let is_same = tree::read(&file())? == rendered()?;
        ensure!(is_same, "{OBJECT} is not of {RULES}: cargo xtask sync");
        Ok(())
    })
}

/// Writes the object.
pub fn write() -> Result<()> {
    Ok(fs::write(file(), rendered()?)?)
}

fn file() -> PathBuf {
    tree::root().join(OBJECT)
}

fn rendered() -> Result<String> {
    let mut text = HEAD.to_owned();
    let folder = tree::root().join(RULES);
    for name in tree::files(&folder)? {
        if name.extension().is_none_or(|it| it != "yml") {
            continue;
        }
        let rules = tree::read(&folder.join(&name))?;
        let (about, groups) = rules
            .split_once(GROUPS)
            .with_context(|| format!("{} has no groups", name.display()))?;
        for line in about.lines().chain(groups.lines()) {
            let indent = if line.starts_with('#') { "    " } else { "  " };
            let line = if line.is_empty() {
                ""
            } else {
                &format!("{indent}{line}")
            };
            text += line;
            text.push('\n');
        }
    }
    Ok(text)
}
