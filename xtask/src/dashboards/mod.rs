//! `cargo xtask dashboards`: Grafana's dashboards, written from what is here.
//!
//! Start reading at [`DASHBOARDS`]. A dashboard is a [`board`] of rows of [`panel`]s; how
//! they look stands once, in [`look`].

mod board;
mod collector;
mod logs;
mod look;
mod nginx;
pub mod panel;
mod postgres;
mod service;
mod slo;

use std::{fs, process::ExitCode};

use anyhow::Result;
use serde_json::Value;

use self::board::Board;
use crate::tree;

/// What stands for the matchers of what is chosen.
const CHOSEN: [(&str, &str); 4] = [
    ("SERVICE", r#"namespace=~"$namespace", job=~"$service""#),
    (
        "DATABASE",
        r#"namespace=~"$namespace", job=~"$service", datname=~"$database""#,
    ),
    (
        "SLO",
        r#"namespace=~"$namespace", job=~"$service", slo=~"$slo""#,
    ),
    (
        "LINES",
        r#"service_name=~"$service", k8s_namespace_name=~"$namespace""#,
    ),
];

/// A dashboard, and where it is.
struct Dashboard {
    board: fn() -> Board,
    files: &'static [&'static str],
}

/// Services bring the first one themselves; Grafana has a copy for those that do not.
const DASHBOARDS: [Dashboard; 6] = [
    Dashboard {
        board: service::board,
        files: &[
            "deploy/grafana/dashboards/service.json",
            "template/deploy/components/monitoring/dashboard.json",
        ],
    },
    Dashboard {
        board: slo::board,
        files: &["deploy/grafana/dashboards/slo.json"],
    },
    Dashboard {
        board: collector::board,
        files: &["deploy/grafana/dashboards/collector.json"],
    },
    Dashboard {
        board: postgres::board,
        files: &["deploy/grafana/dashboards/postgres.json"],
    },
    Dashboard {
        board: nginx::board,
        files: &["deploy/grafana/dashboards/nginx.json"],
    },
    Dashboard {
        board: logs::board,
        files: &["deploy/grafana/dashboards/logs.json"],
    },
];

/// Writes all of them.
pub fn write() -> Result<ExitCode> {
    for (file, dashboard) in all() {
        fs::write(
            tree::root().join(file),
            serde_json::to_string_pretty(&dashboard)? + "\n",
        )?;
        println!("{file}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Each file, and what must be in it.
pub fn all() -> impl Iterator<Item = (&'static str, Value)> {
    DASHBOARDS.iter().flat_map(|dashboard| {
        let rendered = (dashboard.board)().render();
        let files = dashboard.files.iter();
        files.map(move |file| (*file, rendered.clone()))
    })
}

/// With the matchers of what is chosen.
fn of_what_is_chosen(expression: &str) -> String {
    let with = |text: String, (name, matchers): &(&str, &str)| text.replace(name, matchers);
    CHOSEN.iter().fold(expression.to_owned(), with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dashboard_is_what_is_written_here() {
        for (file, dashboard) in all() {
            let text = tree::read(&tree::root().join(file)).unwrap();
            let there: Value = serde_json::from_str(&text).unwrap();
            assert!(there == dashboard, "{file}: run cargo xtask dashboards");
        }
    }

    #[test]
    fn a_configmap_of_each_fits_into_what_kubectl_applies() {
        for (file, _) in all() {
            let size = fs::metadata(tree::root().join(file)).unwrap().len();
            // Of an annotation, in which kubectl keeps all that it applied last.
            assert!(size < 200 * 1024, "{file} has {size} bytes");
        }
    }
}
