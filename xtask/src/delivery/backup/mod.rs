//! Backups: the script with a real database, a real restic and an S3 API. What was lost
//! comes back, and what is damaged is refused.

mod files;
mod moment;
mod pods;
mod postgres;
mod site;
mod sqlite;
mod storage;
mod units;

use anyhow::{Context, Result, ensure};

use self::storage::Storage;
use super::{manifests::of_stores, project::Project};
use crate::{
    run,
    test::{report::Report, tools::of_system},
};

/// What the script runs, and Debian's package with it.
const PROGRAMS: [(&str, &str); 5] = [
    ("restic", "restic"),
    ("psql", "postgresql-client"),
    ("flock", "util-linux"),
    ("python3", "python3"),
    ("pgbackrest", "pgbackrest"),
];

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let projects = of_stores(projects);
    let of = |database| {
        let mut projects = projects.iter();
        let found = projects.find(|project| project.flavour.answers.database == database);
        found.copied().context(database)
    };
    let (with_server, with_file) = (of("postgres")?, of("sqlite")?);
    files::run(report, with_server, with_file)?;
    for (program, package) in PROGRAMS {
        if of_system(report, program, package)?.is_none() {
            return Ok(());
        }
    }
    if crate::capacity::postgres::programs().is_none() {
        ensure!(!run::in_ci(), "PostgreSQL is not here");
        report.skip("PostgreSQL is not here; to have it: apt-get install postgresql".to_owned());
        return Ok(());
    }
    let Some(storage) = Storage::start(report)? else {
        return Ok(());
    };
    postgres::run(report, with_server, &storage)?;
    sqlite::run(report, with_file, &storage)?;
    moment::run(report, with_server, &storage)
}
