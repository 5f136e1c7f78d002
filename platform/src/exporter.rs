//! A PostgreSQL, and postgres_exporter, which tells of it.

use std::{
    env,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{addresses::free_address, postgres::Postgres};

const PROGRAM: &str = "prometheus-postgres-exporter";
const MISSING: &str = "is not here; to have it: apt-get install prometheus-postgres-exporter";

/// Both end when it goes out of scope.
pub struct Exporter {
    pub address: SocketAddr,
    process: Child,
    _postgres: Postgres,
}

impl Exporter {
    /// None for a person who lacks one of them; in CI that is an error.
    pub fn start() -> Result<Option<Self>> {
        let is_there = Command::new(PROGRAM).arg("--version").output().is_ok();
        if !is_there && in_ci() {
            bail!("{PROGRAM} {MISSING}");
        }
        if !is_there {
            eprintln!("  {PROGRAM} {MISSING}");
            return Ok(None);
        }
        let Some(mut postgres) = Postgres::start()? else {
            return Ok(None);
        };
        let url = postgres.new_database("shop")?;
        let address = free_address();
        let process = Command::new(PROGRAM)
            .arg(format!("--web.listen-address={address}"))
            .env("DATA_SOURCE_NAME", format!("{url}?sslmode=disable"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context(PROGRAM)?;
        Ok(Some(Self {
            address,
            process,
            _postgres: postgres,
        }))
    }
}

fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false")
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
