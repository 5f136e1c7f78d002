//! The one table, in Markdown.

use crate::{fault::Measured, machine};

const HEAD: [&str; 8] = ["", "fault", "load", "lost", "recovery", "goal", "met", "on"];

/// All that happened.
pub fn render(results: &[Measured]) -> String {
    of(results.iter().map(row))
}

/// A table of such rows.
pub fn of(rows: impl IntoIterator<Item = String>) -> String {
    let head = [
        line(HEAD.map(str::to_owned)),
        line(HEAD.map(|_| "---".to_owned())),
    ];
    head.into_iter().chain(rows).collect()
}

/// How the row of this fault begins.
pub fn beginning(fault: &str) -> String {
    format!("| `{fault}` |")
}

/// What came of one.
pub fn row(measured: &Measured) -> String {
    let [load, lost, recovery] = measured.told().map(str::to_owned);
    line([
        format!("`{}`", measured.fault.name),
        measured.fault.title.to_owned(),
        load,
        lost,
        recovery,
        measured.fault.goal.to_owned(),
        match measured.verdict() {
            met if met == "met" => met,
            other => format!("**{other}**"),
        },
        machine::date(),
    ])
}

fn line(cells: [String; HEAD.len()]) -> String {
    // A bar, or a line's end, would end the cell.
    let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
    format!("| {} |\n", cells.join(" | "))
}
