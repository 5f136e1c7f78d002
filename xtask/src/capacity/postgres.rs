//! A PostgreSQL server in a folder of its own, from whatever is installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{free, run};

const PATIENCE: Duration = Duration::from_secs(30);

/// Stops, and leaves nothing, when this is dropped.
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: String,
    guard: Child,
}

/// Serves until its input is closed, however this process ends.
const GUARD: &str = r#"
"$0/postgres" -D "$1" -p "$2" -k "$1" -h 127.0.0.1 >"$1/log" 2>&1 </dev/null &
read -r _
kill -INT $!
wait
rm -rf "$1"
"#;

impl Postgres {
    /// None if none is installed.
    pub fn start() -> Result<Option<Self>> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let folder = run::output(unprivileged(Path::new("mktemp")).arg("-d"))?;
        let folder = PathBuf::from(folder.trim());
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb
            .args(["--auth=trust", "--username=postgres"])
            .args(["--encoding=UTF8", "--locale=C", "-D"])
            .arg(&folder);
        run::output(&mut initdb)?;
        let port = free::port()?.to_string();
        let guard = unprivileged(Path::new("sh"))
            .args(["-c", GUARD])
            .args([&programs, &folder])
            .arg(&port)
            .stdin(Stdio::piped())
            .spawn()?;
        let server = Self {
            programs,
            folder,
            port,
            guard,
        };
        server.until_it_answers()?;
        Ok(Some(server))
    }

    fn until_it_answers(&self) -> Result<()> {
        let start = Instant::now();
        while let Err(error) = self.ask("SELECT 1") {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            ensure!(
                start.elapsed() < PATIENCE,
                "PostgreSQL does not start: {error:#}\n{}",
                log()
            );
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The URL of an empty one.
    pub fn new_database(&mut self, name: &str) -> Result<String> {
        self.ask(&format!("CREATE DATABASE {name}"))?;
        Ok(self.url(name))
    }

    fn ask(&self, sql: &str) -> Result<String> {
        self.ask_of("postgres", sql)
    }

    /// What a database answers, bare.
    pub fn ask_of(&self, database: &str, sql: &str) -> Result<String> {
        run::output(self.psql(database).args(["--command", sql]))
    }

    /// psql, which answers bare.
    pub fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--username=postgres", "--host=127.0.0.1"])
            .args(["--port", &self.port, "--dbname", database]);
        psql
    }

    /// The folder of its programs.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The URL of a database, whether it is there or not.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// The folder of its programs.
pub fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debian: Vec<_> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    debian.sort();
    let mut folders = env::split_paths(&path).chain(debian.into_iter().rev());
    folders.find(|folder| {
        let needed = ["initdb", "postgres", "psql"];
        needed.iter().all(|program| folder.join(program).exists())
    })
}

/// PostgreSQL refuses to run as root, who becomes the user `postgres`, or `nobody`.
pub fn unprivileged(program: &Path) -> Command {
    let id = Command::new("id").arg("-u").output();
    if !id.is_ok_and(|id| id.stdout.trim_ascii() == b"0") {
        return Command::new(program);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let is_there = users.lines().any(|user| user.starts_with("postgres:"));
    let user = if is_there { "postgres" } else { "nobody" };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .args(["--clear-groups", "--"])
        .arg(program)
        .current_dir("/");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_installed_has_new_databases() {
        if let Some(mut server) = Postgres::start().unwrap() {
            let url = server.new_database("a").unwrap();
            assert!(url.ends_with("/a"), "{url}");
        }
    }
}
