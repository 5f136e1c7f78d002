//! Migrations that would lock out the release before, or take away what it reads.

use anyhow::Result;

use super::project::{Fault, Project, takes_and_refuses};
use crate::test::{
    report::Report,
    tools::{Registry, Tool},
};

const SQUAWK: Tool = Tool {
    program: "squawk",
    package: "squawk-cli",
    version: "2.70.0",
    registry: Registry::Python,
};

const FILE: &str = "migrations/postgres/0002_idempotency_keys.sql";
const BEGIN: &str = "SET LOCAL lock_timeout = '2s';\n";

const BROKEN: [Fault; 5] = [
    Fault {
        file: FILE,
        from: BEGIN,
        to: "ALTER TABLE items ADD COLUMN colour text;\n",
        reason: "require-lock-timeout",
    },
    Fault {
        file: FILE,
        from: BEGIN,
        to: "SET LOCAL lock_timeout = '2s';\nALTER TABLE items DROP COLUMN description;\n",
        reason: "ban-drop-column",
    },
    Fault {
        file: FILE,
        from: BEGIN,
        to: "SET LOCAL lock_timeout = '2s';\nALTER TABLE items ADD COLUMN colour text NOT NULL;\n",
        reason: "adding-required-field",
    },
    Fault {
        file: FILE,
        from: BEGIN,
        to: "SET LOCAL lock_timeout = '2s';\nALTER TABLE items RENAME COLUMN name TO title;\n",
        reason: "renaming-column",
    },
    Fault {
        file: FILE,
        from: BEGIN,
        to: "SET LOCAL lock_timeout = '2s';\nCREATE INDEX items_by_name ON items (name);\n",
        reason: "require-concurrent-index-creation",
    },
];

pub fn run(report: &mut Report, projects: &[Project]) -> Result<()> {
    let Some(program) = SQUAWK.have(report)? else {
        return Ok(());
    };
    let with_migrations = projects.iter().find(|project| project.has(FILE));
    let projects: Vec<_> = with_migrations.into_iter().collect();
    takes_and_refuses(report, "squawk", &projects, &BROKEN, |project| {
        let mut squawk = project.command(&program);
        squawk.args(["--reporter", "gcc"]);
        squawk.args([FILE, "migrations/postgres/0001_items.sql"]);
        squawk.arg("migrations/postgres/0003_outbox.sql");
        squawk
    })
}
