//! Backups of PostgreSQL: taken, lost, restored; and all that must be refused.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    process::{Child, Command, Stdio},
    time::{Instant, SystemTime},
};

use anyhow::{Context, Result, ensure};

use super::{
    pods,
    site::{NAME, Site},
    storage::Storage,
    units,
};
use crate::{
    capacity::postgres::Postgres,
    delivery::{
        ended::Ended,
        host::root::{BY_ROOT, command},
        manifests::Service,
        project::Project,
    },
    run,
    test::report::Report,
};

/// Rows of the database that is lost.
const ROWS: usize = 300_000;
const REPOSITORY: &str = "postgres";

/// What all rows are, in one number.
const ALL: &str = "SELECT count(*), sum(hashtext(items::text)::bigint), \
     (SELECT count(*) FROM _sqlx_migrations) FROM items";

/// A machine with the service's settings ($0), its user and group ($1, $2); the script is $3.
const MACHINE: &str = r#"
mount -t tmpfs none /mnt
cp -a /etc /mnt/etc
cp -R "$0" /mnt/etc/service
chmod 600 /mnt/etc/service/*
echo "service:x:$1:$2::/:/usr/sbin/nologin" >> /mnt/etc/passwd
echo "service:x:$2:" >> /mnt/etc/group
mount --bind /mnt/etc /etc
mount -t tmpfs none /var/cache
"$3" --name service restore by_hand
! test -e /var/cache/backup-service/pgpass
"#;

struct Proof<'a> {
    project: &'a Project,
    site: Site,
    server: Postgres,
    storage: &'a Storage,
}

type Step<'a> = (&'static str, fn(&mut Proof<'a>) -> Result<()>);

pub fn run<'a>(report: &mut Report, project: &'a Project, storage: &'a Storage) -> Result<()> {
    let service = report.check("the service, for its migrations", || Service::of(project))?;
    let mut proof = report.check(&format!("PostgreSQL, migrated, with {ROWS} rows"), || {
        Proof::begin(project, &service, storage)
    })?;
    let steps: [Step<'a>; 18] = [
        (
            "backup: what is not there is told, with its remedy",
            Proof::nothing_there,
        ),
        ("backup: a wrong key is refused", Proof::wrong_key),
        ("backup: taken, and a drill passes", Proof::taken),
        ("backup: its metrics are right", Proof::metrics),
        (
            "backup: the server is lost, and all rows come back",
            Proof::lost,
        ),
        (
            "backup: never over the live one, unless told so",
            Proof::over_live,
        ),
        (
            "backup --name: with what the units are given, a password and a URL with & too",
            Proof::by_hand,
        ),
        (
            "backup: what others may read passes the drill, and comes back with it",
            Proof::granted,
        ),
        ("backup: of two at once one gives way", Proof::two_at_once),
        ("backup: what is cut off is none", Proof::cut_off),
        (
            "backup: damaged in the storage, it is refused, and leaves nothing",
            Proof::damaged,
        ),
        (
            "backup: truncated, it is refused, and leaves nothing",
            Proof::truncated,
        ),
        (
            "backup: one that lacks a table fails the drill",
            Proof::lacks_a_table,
        ),
        ("backup: by several jobs at a time", Proof::by_jobs),
        ("backup: a full disk is told", Proof::disk_full),
        ("backup: days, weeks and months are kept", Proof::kept),
        (
            "backup: `tables` names what the migrations make",
            Proof::tables,
        ),
        (
            "backup, drill: by the units and by the CronJobs' containers, as they are written",
            Proof::by_night,
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
    fn begin(project: &'a Project, service: &Service, storage: &'a Storage) -> Result<Self> {
        let mut server = Postgres::start()?.context("no PostgreSQL")?;
        let mut site = Site::new(project, service.binary(), storage)?;
        site.set("APP_STORE__URL", &server.new_database(NAME)?);
        run::output(site.command(&site.text("service")).arg("migrate"))?;
        let rows = format!(
            "INSERT INTO items SELECT gen_random_uuid(), 'owner-' || n % 1000, 'item ' || n, md5(n::text), \
             n % 1000, 1, now(), now() FROM generate_series(1, {ROWS}) n"
        );
        server.ask_of(NAME, &rows)?;
        Ok(Self {
            project,
            site,
            server,
            storage,
        })
    }

    fn all(&self, database: &str) -> Result<String> {
        self.server.ask_of(database, ALL)
    }

    fn databases(&self) -> Result<BTreeSet<String>> {
        let names = self
            .server
            .ask_of("postgres", "SELECT datname FROM pg_database")?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    fn backups(&self) -> Result<usize> {
        Ok(self
            .storage
            .keys(&format!("{REPOSITORY}/snapshots/"))?
            .len())
    }

    fn nothing_there(&mut self) -> Result<()> {
        self.site.run(&["take"])?.wrong_by(69, "backup init")?;
        self.site.run(&["init"])?.right()?;
        self.site
            .run(&["restore"])?
            .wrong_by(2, "restore into what?")?;
        self.site.unset("RESTIC_PASSWORD");
        let ended = self.site.run(&["take"])?;
        self.site.set("RESTIC_PASSWORD", "a key");
        ended.wrong_by(78, "RESTIC_PASSWORD_FILE is not set")
    }

    fn wrong_key(&mut self) -> Result<()> {
        self.site.set("RESTIC_PASSWORD", "another key");
        let ended = self.site.run(&["restore", "elsewhere"])?;
        self.site.set("RESTIC_PASSWORD", "a key");
        ended.wrong_by(78, "the key does not fit the repository")?;
        ensure!(!self.databases()?.contains("elsewhere"), "it is made");
        Ok(())
    }

    fn taken(&mut self) -> Result<()> {
        println!("       {}", self.site.run(&["take"])?.right()?.trim());
        println!("       {}", self.site.run(&["drill"])?.right()?.trim());
        Ok(())
    }

    fn metrics(&mut self) -> Result<()> {
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        for name in [
            "backup_last_success_timestamp_seconds",
            "backup_drill_last_success_timestamp_seconds",
        ] {
            let age = now - self.site.metric(name)?;
            ensure!(age < 300, "{name} is {age} s old");
        }
        // A row has more than 60 bytes of text.
        let size = self.site.metric("backup_last_size_bytes")?;
        ensure!(size > 60 * ROWS as u64, "{size} bytes are no backup");
        ensure!(self.site.metric("backup_last_duration_seconds")? < 300);
        let mut promtool = Command::new("promtool");
        if Ended::of(promtool.arg("--version")).is_err() {
            ensure!(!run::in_ci(), "promtool is not here");
            return Ok(());
        }
        let file = fs::File::open(self.site.path("metrics/backup-service.prom"))?;
        let mut promtool = Command::new("promtool");
        let said = run::output_of(promtool.args(["check", "metrics"]), file)?;
        ensure!(said.is_empty(), "{said}");
        Ok(())
    }

    fn lost(&mut self) -> Result<()> {
        let before = self.all(NAME)?;
        self.server = Postgres::start()?.context("no PostgreSQL")?;
        self.site.set("APP_STORE__URL", &self.server.url(NAME));
        let begun = Instant::now();
        self.site.run(&["restore", NAME])?.right()?;
        let size = self.site.metric("backup_last_size_bytes")?;
        println!(
            "       {ROWS} rows, {} MB: restored in {:.1} s",
            size / 1_000_000,
            begun.elapsed().as_secs_f64()
        );
        ensure!(self.all(NAME)? == before, "other rows");
        Ok(())
    }

    fn over_live(&mut self) -> Result<()> {
        let before = self.all(NAME)?;
        self.server
            .ask_of(NAME, "DELETE FROM items WHERE quantity < 500")?;
        let wrong = self.all(NAME)?;
        self.site
            .run(&["restore", NAME])?
            .wrong_by(2, "is the live database")?;
        self.server.new_database("somebodys")?;
        self.server
            .ask_of("somebodys", "CREATE TABLE mine (id int)")?;
        let over = self.site.run(&["restore", "--over-live", "somebodys"])?;
        over.wrong_by(2, "has tables already")?;
        ensure!(self.all(NAME)? == wrong, "it was touched");
        self.server.ask_of(NAME, "CREATE TABLE later (id int)")?;
        let over = self.site.run(&["restore", "--over-live", NAME])?;
        over.wrong_by(2, "restore into a new database: public.later")?;
        ensure!(self.all(NAME)? == wrong, "it was touched");
        self.server.ask_of(NAME, "DROP TABLE later")?;
        self.site.run(&["restore", "--over-live", NAME])?.right()?;
        ensure!(self.all(NAME)? == before, "other rows");
        Ok(())
    }

    /// As root does it in the worst hour, on a machine whose files are seen by this run alone.
    fn by_hand(&mut self) -> Result<()> {
        let is_root = run::output(Command::new("id").arg("-u"))?.trim() == "0";
        let by = if is_root { &[][..] } else { &BY_ROOT };
        if run::output(command(by, "true").arg("--")).is_err() {
            ensure!(!run::in_ci(), "--name is for root");
            return Ok(());
        }
        let etc = self.site.path("by-hand");
        fs::create_dir(&etc)?;
        let mut settings = Vec::new();
        for name in [
            "RESTIC_REPOSITORY",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            settings.push(format!("{name}={}\n", self.site.setting(name)?));
        }
        let url = self.server.url(NAME);
        for (file, text) in [
            ("backup.env", settings.concat()),
            (
                "backup.key",
                format!("{}\n", self.site.setting("RESTIC_PASSWORD")?),
            ),
            (
                "environment",
                format!("# ours\nAPP_STORE__URL={url}?sslmode=prefer&connect_timeout=10\n"),
            ),
            ("pgpass", "*:*:*:*:a password\n".to_owned()),
        ] {
            fs::write(etc.join(file), text)?;
        }
        // This server trusts everyone: who would be asked for a password has to have one.
        let psql = self.server.programs().join("psql");
        let asks = format!(
            "grep -q 'a password' \"$PGPASSFILE\" || exit 1; exec {} \"$@\"",
            psql.display()
        );
        self.site.program("psql", &asks)?;
        let user = fs::metadata(self.site.path("folder"))?;
        let mut by_hand = command(by, "env");
        by_hand
            .arg(format!("PATH={}:/usr/sbin", self.site.setting("PATH")?))
            .args(["unshare", "--mount", "sh", "-ec", MACHINE])
            .arg(&etc)
            .args([user.uid().to_string(), user.gid().to_string()])
            .arg(self.site.path("backup/backup"));
        Ended::of(&mut by_hand)?.right()?;
        self.site.no_program("psql")?;
        ensure!(self.all("by_hand")? == self.all(NAME)?, "other rows");
        Ok(())
    }

    fn granted(&mut self) -> Result<()> {
        let grant = "CREATE ROLE reader; GRANT SELECT ON items TO reader";
        self.server.ask_of(NAME, grant)?;
        self.site.run(&["take"])?.right()?;
        self.site.run(&["drill"])?.right()?;
        self.site.run(&["restore", "granted"])?.right()?;
        let may = "SELECT has_table_privilege('reader', 'items', 'SELECT')";
        let may = self.server.ask_of("granted", may)?;
        ensure!(may.trim() == "t", "they are lost");
        // On a server that does not know of them.
        for database in [NAME, "granted"] {
            self.server.ask_of(database, "DROP OWNED BY reader")?;
        }
        self.server.ask_of(NAME, "DROP ROLE reader")?;
        let ended = self.site.run(&["restore", "ungranted"])?;
        ended.wrong_by(1, "lacks a role that has rights in the backup")?;
        ensure!(!self.databases()?.contains("ungranted"), "half is left");
        self.site.run(&["take"])?.right().map(drop)
    }

    fn two_at_once(&mut self) -> Result<()> {
        // The first one waits in the middle for whoever holds the table.
        let mut holder = Holder::of(&self.server)?;
        let first = self
            .site
            .script(&["take"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while self.server.ask_of(NAME, waits)?.trim() == "0" {
            std::thread::yield_now();
        }
        let second = self.site.run(&["take"]);
        holder.let_go()?;
        let first = first.wait_with_output()?;
        second?.wrong_by(75, "another run is at it")?;
        ensure!(
            first.status.success(),
            "{}",
            String::from_utf8_lossy(&first.stderr)
        );
        Ok(())
    }

    fn cut_off(&mut self) -> Result<()> {
        let before = self.backups()?;
        let pg_dump = self.server.programs().join("pg_dump");
        let half = format!("{} \"$@\" | head -c 3000000", pg_dump.display());
        // The dump fails in its midst.
        self.site.program(
            "pg_dump",
            &format!("{half}; echo 'its disk is gone' >&2; exit 1"),
        )?;
        self.site.run(&["take"])?.wrong_by(1, "its disk is gone")?;
        ensure!(self.backups()? == before, "half a dump is a backup");
        // The run is killed while it uploads, and the rest of it ends well.
        self.site
            .program("pg_dump", &format!("{half}; kill -KILL $PPID"))?;
        ensure!(self.site.run(&["take"])?.code != 0, "it was not killed");
        self.site.no_program("pg_dump")?;
        ensure!(self.backups()? == before, "half an upload is a backup");
        // What it has left is cleared away by whoever comes next.
        self.site.run(&["list"])?.right().map(drop)
    }

    fn damaged(&mut self) -> Result<()> {
        let (key, whole) = self.storage.largest(REPOSITORY)?;
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        self.storage.put(&key, &flipped)?;
        let ended = self.site.run(&["restore", "damaged"])?;
        ended.wrong_by(65, "what is stored is damaged")?;
        ensure!(
            !self.databases()?.contains("damaged"),
            "half a database is left"
        );
        self.site
            .run(&["check"])?
            .wrong_by(65, "what is stored is damaged")?;
        self.storage.put(&key, &whole)?;
        self.site.run(&["check"])?.right().map(drop)
    }

    /// As a pg_dump would leave it that ends too soon, and says that all is well.
    fn truncated(&mut self) -> Result<()> {
        let pg_dump = self.server.programs().join("pg_dump");
        let half = format!("{} \"$@\" | head -c 3000000", pg_dump.display());
        self.site.program("pg_dump", &half)?;
        self.site.run(&["take"])?.right()?;
        self.site.no_program("pg_dump")?;
        let ended = self.site.run(&["restore", "truncated"])?;
        ended.wrong_by(65, "is cut off")?;
        ensure!(
            !self.databases()?.contains("truncated"),
            "half a database is left"
        );
        Ok(())
    }

    fn lacks_a_table(&mut self) -> Result<()> {
        let passed = self
            .site
            .metric("backup_drill_last_success_timestamp_seconds")?;
        self.server
            .ask_of(NAME, "ALTER TABLE idempotency_keys RENAME TO elsewhere")?;
        self.site.run(&["take"])?.right()?;
        let ended = self.site.run(&["drill"])?;
        self.server
            .ask_of(NAME, "ALTER TABLE elsewhere RENAME TO idempotency_keys")?;
        ended.wrong_by(65, "has no table public.idempotency_keys")?;
        ensure!(
            self.site
                .metric("backup_drill_last_success_timestamp_seconds")?
                == passed
        );
        ensure!(
            self.site
                .metric("backup_drill_last_attempt_timestamp_seconds")?
                > passed
        );
        Ok(())
    }

    fn by_jobs(&mut self) -> Result<()> {
        self.site.set("BACKUP_JOBS", "2");
        self.site.run(&["take"])?.right()?;
        self.site.run(&["restore", "by_jobs"])?.right()?;
        // Over the live one it is one transaction all the same: what is in its way stops all of it.
        let in_its_way = "CREATE VIEW in_its_way AS SELECT * FROM items";
        self.server.ask_of(NAME, in_its_way)?;
        let over = self.site.run(&["restore", "--over-live", NAME])?;
        over.wrong_by(1, "in_its_way")?;
        let as_before = "SELECT count(*) FROM outbox; DROP VIEW in_its_way";
        self.server.ask_of(NAME, as_before)?;
        // A database that somebody else has made is theirs to drop.
        self.server.new_database("half")?;
        let pg_restore = self.server.programs().join("pg_restore");
        let half = format!("{} \"$@\"; exit 1", pg_restore.display());
        self.site.program("pg_restore", &half)?;
        let ended = self.site.run(&["restore", "half"])?;
        self.site.no_program("pg_restore")?;
        ended.wrong_by(1, "half may have half of it: drop that database")?;
        self.site.unset("BACKUP_JOBS");
        ensure!(self.all("by_jobs")? == self.all(NAME)?, "other rows");
        Ok(())
    }

    fn disk_full(&mut self) -> Result<()> {
        let before = self.backups()?;
        let take = self.site.script(&["take"]);
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if run::output(Command::new("id").arg("-u"))?.trim() != "0" {
            command.arg("--map-root-user");
        }
        // Room for the run's own files, not for what is uploaded next.
        let mount = "mount -t tmpfs -o size=1m,mode=1777 none \"$0\"; exec \"$@\"";
        command
            .args(["sh", "-ec", mount])
            .arg(self.site.path("folder"));
        command.arg(take.get_program()).args(take.get_args());
        let ended = Ended::of(&mut command)?;
        ended.wrong_by(1, "a disk is full")?;
        ensure!(self.backups()? == before, "it has made a backup");
        Ok(())
    }

    /// Backups of days that are past, and what one more leaves of them: three days, four
    /// weeks, three months, today among each.
    fn kept(&mut self) -> Result<()> {
        let days = [
            ("2020-01-31", false),
            ("2020-02-15", false),
            ("2020-02-28", true),
            ("2020-03-08", true),
            ("2020-03-14", false),
            ("2020-03-15", true),
            ("2020-03-16", true),
        ];
        let url = self.server.new_database("small")?;
        for (name, value) in [
            ("BACKUP_NAME", "kept"),
            ("BACKUP_KEEP_DAILY", "3"),
            ("BACKUP_KEEP_WEEKLY", "4"),
            ("BACKUP_KEEP_MONTHLY", "3"),
            ("APP_STORE__URL", &url),
        ] {
            self.site.set(name, value);
        }
        for (day, _) in days {
            let mut restic = self.site.command("restic");
            restic.args([
                "--no-cache",
                "backup",
                "--quiet",
                "--host",
                "kept",
                "--tag",
                "backup",
            ]);
            restic.args(["--time", &format!("{day} 02:00:00")]);
            run::output(restic.arg(self.site.path("backup/backup")))?;
        }
        self.site.run(&["take"])?.right()?;
        let mut restic = self.site.command("restic");
        restic.args(["--no-cache", "snapshots", "--json", "--host", "kept"]);
        let listed: serde_json::Value = serde_json::from_str(&run::output(&mut restic)?)?;
        let listed = listed.as_array().context("no list")?.iter();
        let times = listed.filter_map(|backup| backup["time"].as_str()?.get(..10));
        let mut left: Vec<_> = times.collect();
        left.sort_unstable();
        let today = left.pop();
        let kept: Vec<_> = days.iter().filter(|day| day.1).map(|day| day.0).collect();
        ensure!(
            left == kept && today > Some("2026"),
            "{left:?} and {today:?} are left"
        );
        self.site.set("BACKUP_NAME", NAME);
        self.site.set("APP_STORE__URL", &self.server.url(NAME));
        Ok(())
    }

    fn tables(&mut self) -> Result<()> {
        let made = "SELECT schemaname || '.' || tablename FROM pg_tables \
                    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
        let made = self.server.ask_of(NAME, made)?;
        let named = fs::read_to_string(self.site.path("backup/postgres/tables"))?;
        ensure!(made == named, "made:\n{made}named:\n{named}");
        Ok(())
    }

    /// Of a database that is small: what is asked is whether they run.
    fn by_night(&mut self) -> Result<()> {
        let store = self.server.new_database("night")?;
        self.site.set("APP_STORE__URL", &store);
        run::output(self.site.command(&self.site.text("service")).arg("migrate"))?;
        units::run(self.project, &self.site, &store)?;
        pods::run(self.project, &self.site, &store)
    }
}

/// Somebody who has locked a table.
struct Holder(Child);

impl Holder {
    fn of(server: &Postgres) -> Result<Self> {
        let mut psql = server.psql(NAME);
        let mut holder = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let asks = holder.stdin.as_mut().context("no input")?;
        writeln!(asks, "BEGIN; LOCK TABLE items; SELECT 'held';")?;
        let mut told = String::new();
        let output = holder.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut told)?;
        ensure!(told.trim() == "held", "{told}");
        Ok(Self(holder))
    }

    fn let_go(&mut self) -> Result<()> {
        drop(self.0.stdin.take());
        self.0.wait()?;
        Ok(())
    }
}
