//! The one table, in Markdown.

use crate::{callgrind::Instructions, catalogue::Kind, rounds::Measured, statistics::Spread};

const HEAD: [&str; 8] = [
    "subject",
    "one thread",
    "half of all rounds",
    "two threads",
    "× floor",
    "× best peer",
    "allocations",
    "instructions",
];

type Row = [String; HEAD.len()];

/// All that was measured.
pub fn render(results: &[Measured]) -> String {
    let mut rows = Vec::new();
    for group in results.chunk_by(|a, b| a.group.name == b.group.name) {
        let mut title = Row::default();
        title[0] = format!("**{}**", group[0].group.title);
        rows.push(title);
        rows.extend(group.iter().map(|measured| row(measured, group)));
    }
    aligned(&rows)
}

/// The first column to the left, numbers to the right.
fn aligned(rows: &[Row]) -> String {
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(HEAD[column].chars().count())
    });
    let line = |cells: [&str; HEAD.len()]| {
        let cells = cells.iter().zip(widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("| {cell:width$} |"),
            _ => format!(" {cell:>width$} |"),
        });
        cells.collect::<String>() + "\n"
    };
    let rule = std::array::from_fn(|column| match column {
        0 => "-".repeat(widths[0]),
        _ => "-".repeat(widths[column] - 1) + ":",
    });
    let rows = rows
        .iter()
        .map(|row| line(row.each_ref().map(String::as_str)));
    let head = [line(HEAD), line(rule.each_ref().map(String::as_str))];
    head.into_iter().chain(rows).collect()
}

fn row(measured: &Measured, group: &[Measured]) -> Row {
    let cost = measured.one_thread;
    let of_kind = |kind| group.iter().filter(move |other| other.entry.kind == kind);
    let floor = of_kind(Kind::Floor).map(|floor| floor.one_thread.median);
    let peers = of_kind(Kind::Peer).map(|peer| peer.one_thread.median);
    let against = |other: Option<f64>| match measured.entry.kind {
        Kind::Peer | Kind::Ours => {
            other.map_or_else(String::new, |other| format!("{:.2}", cost.median / other))
        }
        Kind::Base | Kind::Floor => String::new(),
    };
    let two_threads = measured.two_threads.as_ref();
    [
        name(measured),
        time(cost.median),
        format!("{} … {}", time(cost.low), time(cost.high)),
        two_threads.map_or_else(String::new, |spread| time(spread.median)),
        against(floor.reduce(f64::min)),
        against(peers.reduce(f64::min)),
        allocations(&measured.allocations),
        instructions(measured.instructions),
    ]
}

fn name(measured: &Measured) -> String {
    let name = measured.entry.name;
    match measured.entry.kind {
        Kind::Base => format!("*{name}, in all*"),
        Kind::Ours => format!("**{name}**"),
        Kind::Floor | Kind::Peer => name.to_owned(),
    }
}

/// In the unit that suits it.
fn time(nanoseconds: f64) -> String {
    match nanoseconds.abs() {
        size if size.is_nan() => "never at once".to_owned(),
        size if size >= 1e6 => format!("{:.2} ms", nanoseconds / 1e6),
        size if size >= 1e4 => format!("{:.1} µs", nanoseconds / 1e3),
        _ => format!("{nanoseconds:.0} ns"),
    }
}

fn allocations(spread: &Spread) -> String {
    let count = spread.median;
    // One that grows a table now and then shows as a part of one.
    let digits = if (count - count.round()).abs() < 0.05 {
        0
    } else {
        1
    };
    format!("{count:.digits$}")
}

fn instructions(instructions: Instructions) -> String {
    match instructions {
        Instructions::Counted(count) => format!("{count:.0}"),
        Instructions::NoValgrind => "no valgrind".to_owned(),
        Instructions::NotCounted => "not counted".to_owned(),
    }
}
