//! What no type says of a dashboard.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::{Dashboard, list};
use crate::{refusal, test::report::Report};

/// What Grafana gives without being told.
const GIVEN: [&str; 4] = ["__auto", "__range", "__rate_interval", "__interval"];
/// By these a service is chosen: what stands there must be a variable.
const OF_SERVICES: [&str; 5] = ["job", "namespace", "service_name", "pod", "instance"];

/// A rule, and an edit of the service's dashboard that breaks it.
type Rule = (
    &'static str,
    fn(&Dashboard) -> Result<()>,
    (&'static str, &'static str),
);

const RULES: [Rule; 5] = [
    (
        "each panel says what it shows, and in which unit",
        panels_explain_themselves,
        (r#""unit": "reqps""#, r#""unit": """#),
    ),
    (
        "variables that are used are declared, and the other way round",
        variables_are_declared,
        (r#""name": "namespace""#, r#""name": "nameplace""#),
    ),
    (
        "no service and no data source is named",
        nobody_is_named,
        (r#"job=~\"$service\""#, r#"job=~\"shop\""#),
    ),
    (
        "panels have a number and a place of their own",
        panels_lie_apart,
        (r#""x": 4"#, r#""x": 3"#),
    ),
    (
        "legends name labels that the expression leaves",
        legends_are_left,
        ("{{setting}}", "{{settings}}"),
    ),
];

pub fn run(report: &mut Report, dashboards: &[Dashboard]) -> Result<()> {
    for (name, holds, (from, to)) in RULES {
        report.check(name, || {
            for dashboard in dashboards {
                holds(dashboard).map_err(|error| error.context(dashboard.file))?;
            }
            let Some(first) = dashboards.first() else {
                bail!("no dashboards");
            };
            let text = refusal::broken(first.file, &first.text, from, to)?;
            let broken = Dashboard {
                file: first.file,
                value: serde_json::from_str(&text)?,
                text,
            };
            ensure!(holds(&broken).is_err(), "it took {to:?} for {from:?}");
            Ok(())
        })?;
    }
    Ok(())
}

fn panels_explain_themselves(dashboard: &Dashboard) -> Result<()> {
    for panel in dashboard.panels() {
        let about = panel["description"].as_str().unwrap_or_default();
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
        let title = &panel["title"];
        ensure!(about.ends_with('.'), "{title} is not described");
        ensure!(
            unit.is_some_and(|unit| !unit.is_empty()),
            "{title} has no unit"
        );
    }
    Ok(())
}

fn variables_are_declared(dashboard: &Dashboard) -> Result<()> {
    let variables = list(&dashboard.value["templating"]["list"]);
    let declared: BTreeSet<_> = variables
        .iter()
        .filter_map(|variable| variable["name"].as_str())
        .collect();
    let used = used(&dashboard.value);
    let used: BTreeSet<_> = used
        .iter()
        .map(String::as_str)
        .filter(|name| !GIVEN.contains(name))
        .collect();
    ensure!(
        used == declared,
        "{used:?} are used, {declared:?} are declared"
    );
    Ok(())
}

/// `name` of each `$name` and `${name}` in any text.
fn used(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) => names(text),
        Value::Array(items) => items.iter().flat_map(used).collect(),
        Value::Object(fields) => fields.values().flat_map(used).collect(),
        _ => BTreeSet::new(),
    }
}

fn names(text: &str) -> BTreeSet<String> {
    let parts = text.split('$').skip(1);
    let names = parts.map(|part| {
        let part = part.strip_prefix('{').unwrap_or(part);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        part.chars().take_while(|c| is_name(*c)).collect::<String>()
    });
    // `$1` is of a regular expression.
    let is_variable =
        |name: &String| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    names.filter(is_variable).collect()
}

fn nobody_is_named(dashboard: &Dashboard) -> Result<()> {
    ensure!(dashboard.value["uid"].is_null(), "it has a uid");
    for uid in uids(&dashboard.value) {
        ensure!(
            uid.starts_with("${") && uid.ends_with('}'),
            "a data source is named: {uid}"
        );
    }
    for (_, expression) in dashboard.expressions() {
        for label in OF_SERVICES {
            for (place, _) in expression.match_indices(label) {
                let rest = &expression[place + label.len()..];
                let value = rest.trim_start_matches(['=', '~', '!']);
                let (true, Some(value)) = (value != rest, value.strip_prefix('"')) else {
                    continue;
                };
                ensure!(
                    value.starts_with(['$', '(']) || value.starts_with('"'),
                    "{label} is named: {expression}"
                );
            }
        }
    }
    Ok(())
}

fn uids(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().flat_map(uids).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| match field.as_str() {
                Some(uid) if name == "uid" => vec![uid],
                _ => uids(field),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn panels_lie_apart(dashboard: &Dashboard) -> Result<()> {
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in dashboard.panels() {
        let (title, place) = (&panel["title"], &panel["gridPos"]);
        ensure!(
            ids.insert(panel["id"].as_u64()),
            "{title}: its number is another's"
        );
        let of = |name: &str| place[name].as_u64().unwrap_or_default();
        ensure!(of("x") + of("w") <= 24, "{title} is outside");
        for x in of("x")..of("x") + of("w") {
            for y in of("y")..of("y") + of("h") {
                ensure!(taken.insert((x, y)), "{title} lies on another");
            }
        }
    }
    Ok(())
}

/// A label that an aggregation has taken away is empty in each line's name.
fn legends_are_left(dashboard: &Dashboard) -> Result<()> {
    for target in dashboard.panels().flat_map(|panel| list(&panel["targets"])) {
        let expression = target["expr"].as_str().unwrap_or_default();
        let legend = target["legendFormat"].as_str().unwrap_or_default();
        for part in legend.split("{{").skip(1) {
            let label = part.split("}}").next().unwrap_or_default();
            // Without an aggregation all labels are left.
            let is_aggregated = expression.contains("by (");
            let groups = expression.split("by (").skip(1);
            let mut labels = groups.flat_map(|group| {
                let group = group.split(')').next().unwrap_or_default();
                group.split(", ").collect::<Vec<_>>()
            });
            ensure!(
                !is_aggregated || labels.any(|kept| kept == label),
                "{label} is not left of {expression}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_with_and_without_braces() {
        let found = names(r#"a{b=~"$one", c="${two}"}[$__rate_interval] "$1" ${two:regex}"#);
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["__rate_interval", "one", "two"]);
    }
}
