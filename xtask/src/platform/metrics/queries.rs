//! The page of queries: each is one that Prometheus takes.

use std::{fs, process::Command};

use anyhow::{Result, ensure};
use serde_json::json;

use super::Programs;
use crate::{refusal, run, test::report::Report, tree};

const PAGE: &str = "deploy/prometheus/queries.md";
const FEWEST: usize = 20;

pub fn run(report: &mut Report, programs: &Programs) -> Result<()> {
    let text = tree::read(&tree::root().join(PAGE))?;
    let all = queries(&text);
    ensure!(all.len() > FEWEST, "{PAGE} has only {} queries", all.len());
    let step = format!("{PAGE}: each of {} queries is one", all.len());
    report.check(&step, || are_read(programs, &all))?;
    report.check("promtool refuses: a query with a bracket too few", || {
        let broken = refusal::broken(PAGE, &text, "by (namespace, job) (", "by (namespace, job ")?;
        refusal::refused(are_read(programs, &queries(&broken)), PAGE, "parse error")
    })
}

/// What stands in blocks of `promql`.
fn queries(text: &str) -> Vec<String> {
    let blocks = text.split("```promql\n").skip(1);
    let queries = blocks.filter_map(|block| Some(block.split_once("```")?.0.to_owned()));
    queries.collect()
}

/// As rules, since promtool reads those without a server.
fn are_read(programs: &Programs, queries: &[String]) -> Result<String> {
    let numbered = queries.iter().enumerate();
    let rules = numbered
        .map(|(number, query)| json!({ "record": format!("query:{number}"), "expr": query }));
    let rules: Vec<_> = rules.collect();
    let file = tree::target().join("platform/queries.json");
    let groups = json!({ "groups": [{ "name": "queries", "rules": rules }] });
    fs::write(&file, groups.to_string())?;
    let mut check = Command::new(&programs.promtool);
    run::output(check.args(["check", "rules"]).arg(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_of_queries_are_read() {
        let text = "a\n```promql\nup\n== 1\n```\nb\n```sh\nls\n```\n```promql\nup\n```\n";
        assert_eq!(queries(text), ["up\n== 1\n", "up\n"]);
    }
}
