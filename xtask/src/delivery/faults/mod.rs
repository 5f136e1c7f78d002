//! The recipes of faults for a user's own staging, `deploy/faults`: each happens to real
//! processes where that can be, and is taken back, also if it is cut short.

mod host;
mod kubernetes;
mod machine;
mod network;
mod recipe;

use anyhow::{Result, ensure};

use super::{
    project::{Fault, Project, takes_and_refuses},
    steps::SHELLCHECK,
};
use crate::{capacity::postgres, delivery::manifests::Service, run, test::report::Report, tree};

/// Where the recipes are.
const FOLDER: &str = "deploy/faults";

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let project = &projects[0];
    if let Some(shellcheck) = SHELLCHECK.have(report)? {
        let fault = Fault {
            file: "deploy/faults/fault",
            from: "cp -p \"$config\"",
            to: "cp -p $config",
            reason: "Double quote to prevent globbing",
        };
        takes_and_refuses(report, "shellcheck", &[project], &[fault], |project| {
            let mut command = project.command(&shellcheck);
            command.args(["deploy/faults/fault", "deploy/faults/postgres/faults.sh"]);
            command
        })?;
    }
    report.check("faults: each is explained", || explained(project))?;
    report.check("faults: there are the alerts and panels to look at", || {
        shown(project)
    })?;
    kubernetes::run(report, project)?;
    network::run(report, project)?;
    if postgres::programs().is_none() {
        ensure!(!run::in_ci(), "PostgreSQL is not here");
        report.skip("PostgreSQL is not here; to have it: apt-get install postgresql".to_owned());
        return Ok(());
    }
    let service = report.check("the service, for faults", || Service::of(project))?;
    host::run(report, project, &service)
}

/// What the command lists is in the tables of a README, and the other way round.
fn explained(project: &Project) -> Result<()> {
    let listed = run::output(
        project
            .command(project.folder.join(FOLDER).join("fault"))
            .arg("help"),
    )?;
    let listed = listed.lines().filter_map(|line| {
        let (platform, names) = line.split_once(':')?;
        ["In Kubernetes", "On a machine"]
            .contains(&platform)
            .then_some(names)
    });
    let mut listed: Vec<_> = listed.flat_map(str::split_whitespace).collect();
    listed.sort_unstable();
    listed.dedup();
    ensure!(listed.len() > 6, "it lists {listed:?}");
    let rows = rows(project)?;
    let table = rows.iter().map(|row| row[0].trim_matches('`'));
    let mut table: Vec<_> = table.collect();
    table.sort_unstable();
    ensure!(listed == table, "listed {listed:?}, explained {table:?}");
    Ok(())
}

/// The rows that explain a fault: its name, what happens, what to expect, where to look.
fn rows(project: &Project) -> Result<Vec<[String; 4]>> {
    let mut told = String::new();
    for file in ["README.md", "postgres/README.md"] {
        told += &tree::read(&project.folder.join(FOLDER).join(file))?;
    }
    let rows = told.lines().filter_map(|line| {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let row = <[_; 4]>::try_from(cells.map(str::to_owned).collect::<Vec<_>>()).ok()?;
        row[0].starts_with('`').then_some(row)
    });
    Ok(rows.collect())
}

/// Where one is to look, there is something to see: an alert, or a panel of the dashboard.
fn shown(project: &Project) -> Result<()> {
    let monitoring = project.folder.join("deploy/components/monitoring");
    let alerts = tree::read(&monitoring.join("prometheusrule.yaml"))?;
    let dashboard = tree::read(&monitoring.join("dashboard.json"))?;
    for [name, _, _, look] in rows(project)? {
        for place in look.split([',', ';']) {
            let place = place.trim();
            let word = place
                .split(' ')
                .next()
                .unwrap_or_default()
                .trim_matches('`');
            let is_there = match place.chars().next() {
                Some('`') if word.starts_with("Service") => {
                    alerts.contains(&format!("- alert: {word}\n"))
                }
                Some('A'..='Z') => dashboard.contains(&format!("\"title\": \"{place}\"")),
                _ => true,
            };
            ensure!(is_there, "{name} names {place}, which nobody has");
        }
    }
    Ok(())
}
