//! What a machine without Kubernetes is given: the files by the programs that read them,
//! the script by what it does.

mod budget;
mod failover;
mod rehearsal;
pub mod root;
mod tools;

use anyhow::Result;

pub use self::tools::{analyze, with_targets};

use super::{manifests::of_stores, project::Project};
use crate::test::report::Report;

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let projects = of_stores(projects);
    rehearsal::run(report, projects[0])?;
    tools::run(report, &projects)?;
    budget::run(report, &projects)
}
