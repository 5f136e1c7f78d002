//! Two real PostgreSQL servers, one of which follows the other, by the files of
//! `template/deploy/host/postgres`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use sqlx::{Connection, PgConnection};

use crate::{
    addresses::free_address,
    missing::Missing,
    service::until,
    shared::postgres::{programs, unprivileged},
};

const REPLICATION: &str = include_str!("../../template/deploy/host/postgres/replication.conf");

/// A server; it is killed, and its files are gone, when it goes out of scope.
pub struct Server {
    programs: PathBuf,
    /// Of the user that the server runs as.
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// A new one, which may become a primary.
    pub async fn primary() -> Result<Self> {
        let mut server = Self::nowhere()?;
        let data = server.data();
        server.tool(
            "initdb",
            &["--auth=trust", "--username=postgres", "-D", &data],
        )?;
        server.configure()?;
        server.start().await?;
        Ok(server)
    }

    /// One that follows another, as the README makes it.
    pub async fn replica_of(primary: &Self) -> Result<Self> {
        let mut server = Self::nowhere()?;
        let from = format!("host=127.0.0.1 port={} user=postgres", primary.port);
        let data = server.data();
        server.tool(
            "pg_basebackup",
            &[
                "--dbname",
                &from,
                "--pgdata",
                &data,
                "--write-recovery-conf",
                "--create-slot",
                "--slot=replica",
                "--checkpoint=fast",
            ],
        )?;
        server.configure()?;
        server.start().await?;
        Ok(server)
    }

    fn nowhere() -> Result<Self> {
        let programs = programs().ok_or(Missing("PostgreSQL: apt-get install postgresql"))?;
        // Where it is linked from, there may not be all of them.
        let programs = fs::canonicalize(programs.join("initdb"))?;
        let programs = programs.parent().context("no folder")?.to_owned();
        let made = unprivileged(Path::new("mktemp")).arg("-d").output()?;
        let folder = PathBuf::from(String::from_utf8(made.stdout)?.trim());
        Ok(Self {
            programs,
            folder,
            port: free_address().port(),
            process: None,
        })
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    /// The shipped file beside what `initdb` has made.
    fn configure(&self) -> Result<()> {
        let data = PathBuf::from(self.data());
        let file = data.join("replication.conf");
        let text = fs::read_to_string(data.join("postgresql.conf"))?;
        fs::write(&file, REPLICATION)?;
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        if !text.contains("replication.conf") {
            let included = format!("{text}\ninclude 'replication.conf'\n");
            fs::write(data.join("postgresql.conf"), included)?;
        }
        let archive = data.join("archive");
        let made = unprivileged(Path::new("mkdir"))
            .arg("-p")
            .arg(archive)
            .status()?;
        ensure!(made.success(), "mkdir: {made}");
        Ok(())
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let done = unprivileged(&self.programs.join(program))
            .args(arguments)
            .output()?;
        ensure!(
            done.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(())
    }

    async fn start(&mut self) -> Result<()> {
        let log = fs::File::create(self.folder.join("log"))?;
        let process = unprivileged(&self.programs.join("postgres"))
            .args(["-D", &self.data(), "-h", "127.0.0.1", "-k", &self.data()])
            .args(["-p", &self.port.to_string(), "-c", "shared_buffers=32MB"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.process = Some(process);
        let url = self.url();
        if !until(async || PgConnection::connect(&url).await.is_ok()).await {
            let log = fs::read_to_string(self.folder.join("log"))?;
            bail!("PostgreSQL does not start: {log}");
        }
        Ok(())
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The first value of an answer, as text.
    pub async fn ask(&self, sql: &'static str) -> Result<String> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        Ok(sqlx::query_scalar(sql).fetch_one(&mut connection).await?)
    }

    /// The same without an answer.
    pub async fn tell(&self, sql: &'static str) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        Ok(())
    }

    /// As a power cut would end it.
    pub fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("it does not run")?;
        // Its children watch for its end, but may take a while; these are killed with it.
        let id = process.id().to_string();
        let all = Command::new("pkill").args(["-KILL", "-P", &id]).status()?;
        process.kill()?;
        process.wait()?;
        ensure!(all.code() < Some(2), "pkill: {all}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            let _ = self.kill();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
