//! What a service promises: numbers that can be kept, of buckets that there are.

use serde_json::Value;

use super::{
    Rule,
    drift::Service,
    object::{Object, list, of_kind},
};
use crate::tree;

/// What the platform's rules read.
const OBJECTIVE: &str = "slo:objective:ratio";
/// Where the bounds of the histogram are.
const LAYER: &str = "template/crates/chassis/src/metrics/layer.rs";

pub const RULES: &[Rule] = &[Rule {
    name: "promises are ratios, and of buckets that there are",
    faults,
    broken: &[
        ("expr: 0.999 *", "expr: 99.9 *"),
        ("expr: 0.99 *", "expr: 1 *"),
        ("le: \"0.5\"", "le: \"0.3\""),
        ("slo: latency", "slo: speed"),
    ],
}];

fn faults(objects: &[Object], _: &Service) -> Vec<String> {
    let bounds = match bounds() {
        Ok(bounds) => bounds,
        Err(error) => return vec![format!("{error:#}")],
    };
    let rules = of_kind(objects, "PrometheusRule").flat_map(|object| {
        let groups = object.list("/spec/groups").iter();
        groups.flat_map(|group| list(&group["rules"]))
    });
    let promises = rules.filter(|rule| rule["record"] == OBJECTIVE);
    promises.flat_map(|rule| faults_of(rule, &bounds)).collect()
}

fn faults_of(rule: &Value, bounds: &[f64]) -> Vec<String> {
    let expression = rule["expr"].as_str().unwrap_or_default();
    let ratio = expression.split(' ').next().and_then(|it| it.parse().ok());
    let mut faults = Vec::new();
    if !ratio.is_some_and(|ratio: f64| ratio > 0.0 && ratio < 1.0) {
        faults.push(format!("{expression} does not begin with a ratio"));
    }
    let labels = &rule["labels"];
    match labels["slo"].as_str() {
        Some("availability") => {}
        Some("latency") => {
            let bound = labels["le"].as_str().and_then(|le| le.parse().ok());
            if !bound.is_some_and(|bound| bounds.contains(&bound)) {
                faults.push(format!("{} is none of the bounds {bounds:?}", labels["le"]));
            }
        }
        other => faults.push(format!("nobody holds {other:?} against anything")),
    }
    faults
}

/// Those of the layer that measures requests, in seconds.
fn bounds() -> anyhow::Result<Vec<f64>> {
    let source = tree::read(&tree::root().join(LAYER))?;
    let (_, rest) = source
        .split_once("DURATION_BOUNDARIES_SECONDS: [f64; 14] = [")
        .ok_or_else(|| anyhow::anyhow!("{LAYER} has no bounds any more"))?;
    let numbers = rest.split(']').next().unwrap_or_default().split(',');
    let numbers = numbers.map(str::trim).filter(|number| !number.is_empty());
    Ok(numbers.map(str::parse).collect::<Result<_, _>>()?)
}
