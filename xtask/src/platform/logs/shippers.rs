//! Alloy and Promtail: that they make of a line what the Collector makes of it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{LOKI, list};
use crate::{refusal, test::report::Report, tree};

const ALLOY: &str = "shippers/config.alloy";
const PROMTAIL: &str = "shippers/promtail.yaml";
/// What dashboards and alerts ask of a line.
const ASKED: [&str; 8] = [
    "cause",
    "detected_level",
    "duration_seconds",
    "http_request_method",
    "http_response_status_code",
    "http_route",
    "stream",
    "trace_id",
];
/// What makes a stream.
const STREAMS: [&str; 4] = [
    "deployment_environment_name",
    "k8s_cluster_name",
    "k8s_namespace_name",
    "service_name",
];

pub fn run(report: &mut Report) -> Result<()> {
    let read = |name: &str| tree::read(&tree::root().join(LOKI).join(name));
    let (alloy, promtail) = (read(ALLOY)?, read(PROMTAIL)?);
    report.check(
        "Alloy: blocks are closed, and lead to others that are there",
        || {
            alloy_holds_together(&alloy)?;
            for (from, to) in [
                ("[loki.write.loki.receiver]", "[loki.write.lokis.receiver]"),
                ("  stage.cri { }", "  stage.cri { "),
            ] {
                let broken = refusal::broken(ALLOY, &alloy, from, to)?;
                ensure!(alloy_holds_together(&broken).is_err(), "it took {to:?}");
            }
            Ok(())
        },
    )?;
    report.check("Alloy and Promtail make the same of a line", || {
        asks(&alloy, &promtail)?;
        let broken = refusal::broken(PROMTAIL, &promtail, "          trace_id:\n", "")?;
        ensure!(
            asks(&alloy, &broken).is_err(),
            "without trace_id it is taken"
        );
        Ok(())
    })?;
    let loki = read("config/loki.yaml")?;
    report.check("Loki makes the same streams of what comes by OTLP", || {
        let loki: Value = serde_yaml_ng::from_str(&loki)?;
        let attributes = &loki["limits_config"]["otlp_config"]["resource_attributes"];
        let attributes = list(&attributes["attributes_config"][0]["attributes"]).iter();
        let labels: BTreeSet<_> = attributes
            .filter_map(Value::as_str)
            .map(|attribute| attribute.replace('.', "_"))
            .collect();
        for label in STREAMS {
            ensure!(labels.contains(label), "{label} is no label there");
        }
        Ok(())
    })
}

/// Its syntax is blocks of blocks; what a block gives is named by its kind and its name.
fn alloy_holds_together(text: &str) -> Result<()> {
    let mut depth = 0_i32;
    let mut declared = BTreeSet::new();
    let mut code = String::new();
    for line in text.lines() {
        let (outside, texts) = taken_apart(line);
        if let (0, Some(name)) = (depth, texts.first())
            && outside.trim_end().ends_with('{')
        {
            let kind = outside.trim_end_matches(['{', ' ']);
            declared.insert(format!("{kind}.{name}"));
        }
        depth += outside.matches(['{', '[', '(']).count() as i32;
        depth -= outside.matches(['}', ']', ')']).count() as i32;
        ensure!(depth >= 0, "closed too often: {line}");
        code += &outside;
        code += "\n";
    }
    ensure!(depth == 0, "{depth} blocks are not closed");
    let words = code.split(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c)));
    let is_given = |word: &&str| {
        let ends = [".targets", ".output", ".receiver"];
        ends.iter().any(|end| word.ends_with(end))
    };
    for word in words.filter(is_given) {
        let (block, _) = word.rsplit_once('.').context("no block")?;
        ensure!(declared.contains(block), "{block} is not there");
    }
    Ok(())
}

/// A line without its comment and its texts, and those.
fn taken_apart(line: &str) -> (String, Vec<String>) {
    let (mut outside, mut texts) = (String::new(), Vec::new());
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                let mut text = String::new();
                while let Some(c) = characters.next().filter(|c| *c != '"') {
                    text.push(c);
                    if c == '\\' {
                        text.extend(characters.next());
                    }
                }
                texts.push(text);
            }
            '/' if characters.peek() == Some(&'/') => break,
            _ => outside.push(c),
        }
    }
    (outside, texts)
}

fn asks(alloy: &str, promtail: &str) -> Result<()> {
    let (_, metadata) = alloy
        .split_once("stage.structured_metadata")
        .context("Alloy has no structured metadata")?;
    let read: Value = serde_yaml_ng::from_str(promtail)?;
    let stages = list(&read["scrape_configs"][0]["pipeline_stages"]);
    let stage = stages
        .iter()
        .find_map(|stage| stage["structured_metadata"].as_object())
        .context("Promtail has no structured metadata")?;
    for name in ASKED {
        let line = format!("      {name} ");
        ensure!(metadata.contains(&line), "Alloy keeps no {name}");
        ensure!(stage.contains_key(name), "Promtail keeps no {name}");
    }
    for label in STREAMS {
        ensure!(alloy.contains(label), "Alloy makes no label {label}");
        ensure!(promtail.contains(label), "Promtail makes no label {label}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hide_what_looks_like_a_comment_or_a_bracket() {
        let (outside, texts) = taken_apart(r#"url = f("http://x{", "a\"b") // more {"#);
        assert_eq!(outside, "url = f(, ) ");
        assert_eq!(texts, ["http://x{", "a\\\"b"]);
    }
}
