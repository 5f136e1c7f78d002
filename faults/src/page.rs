//! The section of docs/benchmarks.md that `cargo xtask faults` writes.

use crate::{fault::Measured, machine, table};

const TEMPLATE: &str = include_str!("page.md");

/// Everything that happened, and how.
pub fn render(results: &[Measured]) -> String {
    let minutes = results.iter().map(|r| r.took.as_secs_f64()).sum::<f64>() / 60.0;
    TEMPLATE
        .replace("DATE", &machine::date())
        .replace("COMPILER", &machine::compiler())
        .replace("MACHINE", &machine::told())
        .replace("MINUTES", &format!("{minutes:.0}"))
        .replace("TABLE", table::render(results).trim_end())
}
