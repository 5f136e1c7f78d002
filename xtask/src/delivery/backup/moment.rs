//! PostgreSQL back to a moment, by the shipped files of pgBackRest.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::storage::{Storage, Tls};
use crate::{
    capacity::postgres::{programs, unprivileged},
    delivery::project::Project,
    free, refusal, run,
    test::report::Report,
    tree,
};

const ROWS: usize = 100_000;
const PATIENCE: Duration = Duration::from_secs(30);
const SECOND: &str = "SELECT date_trunc('second', clock_timestamp())";

pub fn run(report: &mut Report, project: &Project, storage: &Storage) -> Result<()> {
    let Some(tls) = storage.by_tls(report)? else {
        return Ok(());
    };
    storage.make_bucket("wal")?;
    report.check("PostgreSQL, its log archived: back to a moment", || {
        back_to_a_moment(project, &tls)
    })
}

fn back_to_a_moment(project: &Project, tls: &Tls) -> Result<()> {
    let mut server = Server::new(project, tls)?;
    server.start()?;
    server.backrest(&["stanza-create"])?;
    server.ask(&format!(
        "CREATE TABLE items AS SELECT n, md5(n::text) FROM generate_series(1, {ROWS}) n"
    ))?;
    server.backrest(&["--type=full", "backup"])?;
    // pgBackRest knows of a backup the second in which it ended, and the moment must come
    // after that.
    let ended = server.ask(SECOND)?;
    server.until(|server| server.ask(SECOND).is_ok_and(|now| now != ended))?;
    server.ask("INSERT INTO items SELECT n, 'later' FROM generate_series(1, 1000) n")?;
    let before = server.all()?;
    let moment = server.ask("SELECT now()")?;
    // What is too much is in the log, too, and would come back with it.
    server.ask("DELETE FROM items WHERE n % 2 = 0")?;
    ensure!(server.all()? != before);
    server.backrest(&["check"])?;
    // However many there are: what is gone back to is less than two weeks ago.
    for _ in 0..2 {
        server.backrest(&["--type=full", "backup"])?;
    }
    server.lose()?;
    let begun = Instant::now();
    let target = format!("--target={}", moment.trim());
    server.backrest(&["--type=time", &target, "--target-action=promote", "restore"])?;
    server.start()?;
    server.until_promoted()?;
    println!(
        "       restored and promoted in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    ensure!(server.all()? == before, "other rows");
    Ok(())
}

/// A server with the shipped settings; it is killed when it goes out of scope.
struct Server {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Server {
    fn new(project: &Project, tls: &Tls) -> Result<Self> {
        let made = run::output(unprivileged(Path::new("mktemp")).arg("-d"))?;
        let server = Self {
            folder: PathBuf::from(made.trim()),
            programs: programs().context("no PostgreSQL")?,
            port: free::port()?,
            process: None,
        };
        let shipped = |file| tree::read(&project.folder.join("deploy/backup/postgres").join(file));
        server.write(
            "backrest.conf",
            &server.backrest_conf(&shipped("pgbackrest.conf")?, tls)?,
        )?;
        let archive = refusal::broken(
            "wal-archive.conf",
            &shipped("wal-archive.conf")?,
            "pgbackrest --stanza",
            &format!(
                "pgbackrest --config={} --stanza",
                server.text("backrest.conf")
            ),
        )?;
        server.write("wal-archive.conf", &archive)?;
        fs::copy(tls.certificate(), server.folder.join("certificate.pem"))?;
        let mut initdb = unprivileged(&server.programs.join("initdb"));
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]);
        run::output(initdb.arg(server.folder.join("data")))?;
        let file = server.folder.join("data/postgresql.conf");
        let settings = format!(
            "{}\ninclude '{}'\nport = {}\nlisten_addresses = ''\nunix_socket_directories = '{}'\n",
            tree::read(&file)?,
            server.text("wal-archive.conf"),
            server.port,
            server.folder.display()
        );
        fs::write(file, settings)?;
        Ok(server)
    }

    /// As its operator would fill it in.
    fn backrest_conf(&self, shipped: &str, tls: &Tls) -> Result<String> {
        let mut text = shipped.to_owned();
        for (from, to) in [
            (
                "repo1-s3-endpoint = s3.example.com",
                format!(
                    "repo1-s3-endpoint = localhost\nrepo1-s3-uri-style = path\nrepo1-storage-port = {}\nrepo1-storage-ca-file = {}\nlock-path = {}",
                    tls.port,
                    self.text("certificate.pem"),
                    self.folder.display()
                ),
            ),
            ("repo1-s3-key =\n", "repo1-s3-key = key\n".to_owned()),
            (
                "repo1-s3-key-secret =\n",
                "repo1-s3-key-secret = secret\n".to_owned(),
            ),
            (
                "repo1-cipher-pass =\n",
                "repo1-cipher-pass = a key\n".to_owned(),
            ),
            ("/var/lib/postgresql/15/main", self.text("data")),
            (
                "pg1-socket-path = /run/postgresql",
                format!(
                    "pg1-socket-path = {}\npg1-port = {}\npg1-user = postgres",
                    self.folder.display(),
                    self.port
                ),
            ),
        ] {
            text = refusal::broken("pgbackrest.conf", &text, from, &to)?;
        }
        Ok(text)
    }

    fn text(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let file = self.folder.join(file);
        fs::write(&file, text)?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o644))?;
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        let log = fs::File::create(self.folder.join("log"))?;
        let process = unprivileged(&self.programs.join("postgres"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.process = Some(process);
        self.until(|server| server.ask("SELECT 1").is_ok())
    }

    fn until_promoted(&self) -> Result<()> {
        self.until(|server| {
            let recovers = server.ask("SELECT pg_is_in_recovery()");
            recovers.is_ok_and(|answer| answer.trim() == "f")
        })
    }

    fn until(&self, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_so(self) {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            ensure!(start.elapsed() < PATIENCE, "PostgreSQL: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn ask(&self, sql: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--username=postgres", "--dbname=postgres", "--host"])
            .arg(&self.folder)
            .args(["--port", &self.port.to_string(), "--command", sql]);
        run::output(&mut psql)
    }

    fn all(&self) -> Result<String> {
        self.ask("SELECT count(*), sum(hashtext(items::text)::bigint) FROM items")
    }

    fn backrest(&self, arguments: &[&str]) -> Result<()> {
        let mut backrest = unprivileged(Path::new("pgbackrest"));
        backrest
            .arg(format!("--config={}", self.text("backrest.conf")))
            .args(["--stanza=main", "--io-timeout=30"])
            .args(arguments);
        run::output(&mut backrest).map(drop)
    }

    /// Its machine is gone, and its disk.
    fn lose(&mut self) -> Result<()> {
        self.kill();
        let data = self.folder.join("data");
        run::output(unprivileged(Path::new("rm")).arg("-rf").arg(&data))?;
        run::output(
            unprivileged(Path::new("mkdir"))
                .args(["-m", "700"])
                .arg(&data),
        )?;
        Ok(())
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // At once, but with its children.
            let id = process.id().to_string();
            let _ = Command::new("kill").args(["-s", "QUIT", &id]).status();
            let _ = process.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
