//! The one table, in Markdown.

use crate::proof::Measured;

const HEAD: [&str; 4] = ["proof", "what must be so", "seen", "so"];

/// All that was tried.
pub fn render(results: &[Measured]) -> String {
    let head = [
        line(HEAD.map(str::to_owned)),
        line(HEAD.map(|_| "---".to_owned())),
    ];
    head.into_iter()
        .chain(results.iter().map(|measured| line(row(measured))))
        .collect()
}

fn row(measured: &Measured) -> [String; HEAD.len()] {
    let seen = match &measured.outcome {
        Ok(outcome) => outcome.seen.clone(),
        Err(_) => "–".to_owned(),
    };
    let verdict = match measured.verdict() {
        yes if yes == "yes" => yes,
        other => format!("**{other}**"),
    };
    [
        format!("`{}`", measured.proof.name),
        measured.proof.title.to_owned(),
        seen,
        verdict,
    ]
}

fn line(cells: [String; HEAD.len()]) -> String {
    // A bar, or a line's end, would end the cell.
    let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
    format!("| {} |\n", cells.join(" | "))
}
