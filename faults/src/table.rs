//! The one table, in Markdown.

use crate::fault::Measured;

const HEAD: [&str; 7] = ["", "fault", "load", "lost", "recovery", "goal", "met"];

/// All that happened.
pub fn render(results: &[Measured]) -> String {
    let rows = results.iter().map(row);
    let head = [
        line(HEAD.map(str::to_owned)),
        line(HEAD.map(|_| "---".to_owned())),
    ];
    head.into_iter().chain(rows.map(line)).collect()
}

fn row(measured: &Measured) -> [String; HEAD.len()] {
    let [load, lost, recovery] = measured.told().map(str::to_owned);
    [
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
    ]
}

fn line(cells: [String; HEAD.len()]) -> String {
    // A bar, or a line's end, would end the cell.
    let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
    format!("| {} |\n", cells.join(" | "))
}
