//! The section of deploy/collector/README.md that `cargo xtask platform` writes.

use crate::{machine, proof::Measured, table};

/// Everything that was seen, and where.
pub fn render(results: &[Measured]) -> String {
    let minutes = results.iter().map(|r| r.took.as_secs_f64()).sum::<f64>() / 60.0;
    format!(
        "{} on {}, in {minutes:.0} minutes:\n\n{}",
        machine::date(),
        machine::told(),
        table::render(results)
    )
}
