//! The section of docs/benchmarks.md that `cargo xtask bench` writes.

use std::collections::BTreeMap;

use crate::{
    catalogue::{Entry, Group},
    machine,
    rounds::Measured,
    table,
};

const TEMPLATE: &str = include_str!("page.md");
const LOCK_FILE: &str = include_str!("../Cargo.lock");

/// Everything that was measured, and how.
pub fn render(results: &[Measured]) -> String {
    TEMPLATE
        .replace("DATE", &machine::date())
        .replace("MACHINE", &machine::told())
        .replace("COMPILER", &machine::compiler())
        .replace("TABLE", table::render(results).trim_end())
        .replace("SUBJECTS", subjects(results).trim_end())
}

/// What each subject is, and of what.
fn subjects(results: &[Measured]) -> String {
    let told = results
        .iter()
        .filter(|measured| !measured.entry.about.is_empty());
    // The bare router is in many groups.
    let mut seen = BTreeMap::new();
    let first = told.filter(|measured| seen.insert(row_key(measured), ()).is_none());
    let rows = first.map(|Measured { group, entry, .. }| {
        let packages = entry.packages.iter().map(|package| with_version(package));
        let packages = packages.collect::<Vec<_>>().join(", ");
        format!(
            "| {} | {} | {packages} |\n",
            title(group, entry),
            entry.about
        )
    });
    rows.collect()
}

fn row_key(measured: &Measured) -> String {
    title(measured.group, measured.entry)
}

fn title(group: &Group, entry: &Entry) -> String {
    match entry.name {
        "bare" => entry.name.to_owned(),
        _ => entry.path(group),
    }
}

/// `tower 0.5.3` for `tower`, and for `tower 0.5`, by the lock file.
fn with_version(package: &str) -> String {
    let (name, beginning) = package.split_once(' ').unwrap_or((package, ""));
    let head = format!("name = \"{name}\"\nversion = \"{beginning}");
    let rest = LOCK_FILE
        .split_once(&head)
        .and_then(|(_, rest)| rest.split_once('"'));
    rest.map_or_else(
        || package.to_owned(),
        |(end, _)| format!("{name} {beginning}{end}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::GROUPS;

    #[test]
    fn every_package_has_a_version_in_the_lock_file() {
        for package in GROUPS
            .iter()
            .flat_map(|group| group.entries)
            .flat_map(|e| e.packages)
        {
            assert_ne!(with_version(package), **package);
        }
    }

    #[test]
    fn of_two_versions_the_meant_one_is_told() {
        assert!(with_version("opentelemetry_sdk 0.32").starts_with("opentelemetry_sdk 0.32."));
        assert!(with_version("opentelemetry_sdk 0.33").starts_with("opentelemetry_sdk 0.33."));
    }
}
