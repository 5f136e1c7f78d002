//! Backups of SQLite: a file that is written to, lost, restored.

use std::{fs, process::Command};

use anyhow::{Result, ensure};

use super::{site::Site, storage::Storage};
use crate::{
    delivery::{manifests::Service, project::Project},
    run,
    test::report::Report,
};

const ROWS: usize = 50_000;
const REPOSITORY: &str = "sqlite";

/// Somebody who writes a row in each transaction until its input ends; it says how many.
const WRITER: &str = "
import select, sqlite3, sys, uuid
database = sqlite3.connect(sys.argv[1], timeout=30)
count = 0
print('begun', flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    with database:
        database.execute('''INSERT INTO items VALUES (?, 'writer', ?, NULL, 1, 1, '', '')''', (uuid.uuid4().bytes, str(count)))
    count += 1
print(count)
";

struct Proof<'a> {
    site: Site,
    storage: &'a Storage,
}

type Step<'a> = (&'static str, fn(&mut Proof<'a>) -> Result<()>);

pub fn run<'a>(report: &mut Report, project: &Project, storage: &'a Storage) -> Result<()> {
    let service = report.check("the service with SQLite", || Service::of(project))?;
    let mut proof = report.check(&format!("SQLite, migrated, with {ROWS} rows"), || {
        Proof::begin(project, &service, storage)
    })?;
    let steps: [Step<'a>; 4] = [
        (
            "backup, SQLite: taken while somebody writes, and a drill passes",
            Proof::taken,
        ),
        (
            "backup, SQLite: the file is lost, and all rows come back",
            Proof::lost,
        ),
        (
            "backup, SQLite: never over the live one, unless told so",
            Proof::over_live,
        ),
        (
            "backup, SQLite: damaged, it is refused, and leaves nothing",
            Proof::damaged,
        ),
    ];
    for (name, step) in steps {
        report.check(name, || {
            step(&mut proof)?;
            proof.site.is_tidy()
        })?;
    }
    Ok(())
}

impl<'a> Proof<'a> {
    fn begin(project: &Project, service: &Service, storage: &'a Storage) -> Result<Self> {
        let mut site = Site::new(project, service.binary(), storage)?;
        run::output(site.command("mkdir").arg(site.path("data")))?;
        site.set("APP_STORE__PATH", &site.text("data/service.db"));
        run::output(site.command(&site.text("service")).arg("migrate"))?;
        let proof = Self { site, storage };
        let rows = format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT {ROWS}) INSERT INTO items \
             SELECT randomblob(16), 'owner', 'item ' || n, hex(randomblob(16)), n % 1000, 1, '', '' FROM n"
        );
        proof.ask("data/service.db", &rows)?;
        proof.site.run(&["init"])?.right()?;
        Ok(proof)
    }

    /// What the database of a file answers.
    fn ask(&self, file: &str, sql: &str) -> Result<String> {
        let ask = "import sqlite3, sys\ndatabase = sqlite3.connect(sys.argv[1])\n\
                   print(database.execute(sys.argv[2]).fetchall())\ndatabase.commit()";
        let mut python = self.site.command("python3");
        run::output(python.args(["-c", ask]).arg(self.site.path(file)).arg(sql))
    }

    fn all(&self, file: &str) -> Result<String> {
        self.ask(file, "SELECT count(*), sum(quantity), count(DISTINCT description) FROM items WHERE owner = 'owner'")
    }

    fn taken(&mut self) -> Result<()> {
        let mut writer = self.site.command("python3");
        writer
            .args(["-c", WRITER])
            .arg(self.site.path("data/service.db"));
        let mut writer = writer
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()?;
        let mut begun = [0; 6];
        let output = writer
            .stdout
            .as_mut()
            .map(|output| std::io::Read::read_exact(output, &mut begun));
        ensure!(matches!(output, Some(Ok(()))), "nobody writes");
        let taken = self.site.run(&["take"]);
        drop(writer.stdin.take());
        let written = writer.wait_with_output()?;
        println!("       {}", taken?.right()?.trim());
        let count: usize = String::from_utf8(written.stdout)?.trim().parse()?;
        ensure!(count > 0, "nothing was written meanwhile");
        println!("       {}", self.site.run(&["drill"])?.right()?.trim());
        Ok(())
    }

    fn lost(&mut self) -> Result<()> {
        let before = self.all("data/service.db")?;
        for file in ["service.db", "service.db-wal", "service.db-shm"] {
            let _ = fs::remove_file(self.site.path("data").join(file));
        }
        let file = self.site.text("data/restored.db");
        let log = self.site.path("data/restored.db-wal");
        fs::write(&log, "")?;
        self.site
            .run(&["restore", &file])?
            .wrong_by(2, "is of another one")?;
        fs::remove_file(log)?;
        self.site.run(&["restore", &file])?.right()?;
        ensure!(self.all("data/restored.db")? == before, "other rows");
        self.site
            .run(&["restore", &file])?
            .wrong_by(2, "is there already")?;
        fs::rename(file, self.site.path("data/service.db"))?;
        Ok(())
    }

    fn over_live(&mut self) -> Result<()> {
        let before = self.all("data/service.db")?;
        self.ask("data/service.db", "DELETE FROM items WHERE quantity < 500")?;
        let file = self.site.text("data/service.db");
        self.site
            .run(&["restore", &file])?
            .wrong_by(2, "is the live database")?;
        self.site.run(&["restore", "--over-live", &file])?.right()?;
        ensure!(self.all("data/service.db")? == before, "other rows");
        Ok(())
    }

    fn damaged(&mut self) -> Result<()> {
        let (key, whole) = self.storage.largest(REPOSITORY)?;
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        self.storage.put(&key, &flipped)?;
        let file = self.site.text("data/damaged.db");
        let ended = self.site.run(&["restore", &file])?;
        ended.wrong_by(65, "what is stored is damaged")?;
        let mut left = Command::new("ls");
        let left = run::output(left.arg(self.site.path("data")))?;
        ensure!(!left.contains("damaged"), "{left}");
        self.storage.put(&key, &whole)
    }
}
