//! The section of docs/benchmarks.md that `cargo xtask faults` writes.

use crate::{catalogue::FAULTS, fault::Measured, machine, table};

const TEMPLATE: &str = include_str!("page.md");

/// What happened now, and of the old section what did not happen again.
pub fn render(results: &[Measured], old: &str) -> String {
    TEMPLATE
        .replace("COMPILER", &machine::compiler())
        .replace("MACHINE", &machine::told())
        .replace("TABLE", table::of(rows(results, old)).trim_end())
}

fn rows(results: &[Measured], old: &str) -> Vec<String> {
    let now = |name| {
        results
            .iter()
            .find(|measured| measured.fault.name == name)
            .map(table::row)
    };
    let before = |name| {
        old.lines()
            .find(|line| line.starts_with(&table::beginning(name)))
            .map(|line| format!("{line}\n"))
    };
    let names = FAULTS.iter().map(|fault| fault.name);
    names
        .filter_map(|name| now(name).or_else(|| before(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Outcome;

    #[test]
    fn what_did_not_happen_again_is_as_it_was() {
        let old = "text\n| `soak` | long ago |\n| `sigterm-plain` | long ago |\n";
        let results = [Measured {
            fault: FAULTS.iter().find(|fault| fault.name == "soak").unwrap(),
            outcome: Ok(Outcome::of("now")),
        }];
        let rows = rows(&results, old);
        assert_eq!(rows[0], "| `sigterm-plain` | long ago |\n");
        assert!(rows[1].contains("| now |"), "{rows:?}");
        assert_eq!(rows.len(), 2);
    }
}
