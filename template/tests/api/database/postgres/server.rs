//! A real PostgreSQL on a free port, from whatever is installed.

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use tokio::{sync::Mutex, time::timeout};
use url::Url;
use uuid::Uuid;

const NONE: &str = "no PostgreSQL is installed, and these tests need one:
    Debian, Ubuntu   apt-get install postgresql
    Fedora           dnf install postgresql-server
    macOS            brew install postgresql
or name a server in which databases may be made:
    TEST_DATABASE_URL=postgres://user:password@host:port/postgres";

/// Does what it is told on its input. When that is closed, which it is however this
/// process ends, it stops the server and removes its files.
const GUARD: &str = r#"
start() {
    "$0/postgres" -D "$1" -p "$2" -k "$1" -h 127.0.0.1 -c fsync=off -c max_connections=300 \
        >>"$1/log" 2>&1 </dev/null &
    server=$!
}
all() { echo $server $(pgrep -P $server); }

start "$@"
while read -r order; do
    case $order in
        freeze) kill -STOP $(all) ;;
        thaw) kill -CONT $(all) ;;
        kill) kill -KILL $(all); wait $server ;;
        start) start "$@" ;;
    esac
    echo done
done
kill -CONT $(all)
kill -INT $server
wait
rm -rf "$1"
"#;

/// The URL of the server that `TEST_DATABASE_URL` names, or of one that is
/// started once for all tests.
pub async fn shared() -> String {
    static SHARED: Mutex<OnceLock<Server>> = Mutex::const_new(OnceLock::new());

    if let Ok(url) = env::var("TEST_DATABASE_URL") {
        return url;
    }
    let shared = SHARED.lock().await;
    if let Some(server) = shared.get() {
        return server.url.clone();
    }
    let server = Server::start().await;
    shared.get_or_init(|| server).url.clone()
}

/// The URL of a new database in it.
pub async fn new_database() -> String {
    let server = shared().await;
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = format!("CREATE DATABASE {name}");
    sqlx::query(sqlx::AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .unwrap();
    let mut url = Url::parse(&server).unwrap();
    url.set_path(&name);
    url.into()
}

pub struct Server {
    url: String,
    folder: PathBuf,
    guard: Child,
}

impl Server {
    pub async fn start() -> Self {
        let programs = programs().unwrap_or_else(|| panic!("{NONE}"));
        let folder = folder();
        let mut initdb = unprivileged(&programs.join("initdb"));
        let made = initdb
            .args(["--auth=trust", "--username=postgres", "--no-sync"])
            // Not what the environment happens to say.
            .args(["--encoding=UTF8", "--locale=C", "-D"])
            .arg(&folder)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );

        Self::of(&programs, folder).await
    }

    /// One that follows this one.
    pub async fn replica(&self) -> Self {
        let programs = programs().unwrap_or_else(|| panic!("{NONE}"));
        // Where it is linked from, there may not be all of them.
        let programs = fs::canonicalize(programs.join("initdb")).unwrap();
        let programs = programs.parent().unwrap();
        let folder = folder();
        let mut copy = unprivileged(&programs.join("pg_basebackup"));
        let made = copy
            .args(["--dbname", &self.url, "--write-recovery-conf"])
            .args(["--checkpoint=fast", "--no-sync", "--pgdata"])
            .arg(&folder)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        Self::of(programs, folder).await
    }

    /// Starts what is in this folder.
    async fn of(programs: &Path, folder: PathBuf) -> Self {
        let port = free_port();
        let guard = unprivileged(Path::new("sh"))
            .args(["-c", GUARD])
            .arg(programs)
            .arg(&folder)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        until_it_answers(&url, &folder).await;
        Self { url, folder, guard }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// It is there, but says nothing.
    pub fn freeze(&mut self) {
        self.order("freeze");
    }

    pub fn thaw(&mut self) {
        self.order("thaw");
    }

    /// As a crash would end it.
    pub fn kill(&mut self) {
        self.order("kill");
    }

    pub async fn start_again(&mut self) {
        self.order("start");
        until_it_answers(&self.url, &self.folder).await;
    }

    fn order(&mut self, order: &str) {
        writeln!(self.guard.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut done = [0; 5];
        let output = self.guard.stdout.as_mut().unwrap();
        output.read_exact(&mut done).unwrap();
    }

    pub fn stop(mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }
}

async fn until_it_answers(url: &str, folder: &Path) {
    let connecting = async {
        while PgConnection::connect(url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(Duration::from_secs(30), connecting).await.is_err() {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL does not start: {log}");
    }
}

/// The folder of PostgreSQL's programs.
pub fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.and_then(|told| String::from_utf8(told.stdout).ok());
    let mut debian: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    debian.sort();
    let mut folders = env::split_paths(&path)
        .chain(told.map(|folder| folder.trim().into()))
        .chain(debian.into_iter().rev());
    folders.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// PostgreSQL refuses to run as root, who becomes the user `postgres`, or `nobody`.
pub fn unprivileged(program: &Path) -> Command {
    if !is_root() {
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

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// Made by whom the server runs as.
fn folder() -> PathBuf {
    let made = unprivileged(Path::new("mktemp"))
        .arg("-d")
        .output()
        .unwrap();
    String::from_utf8(made.stdout).unwrap().trim().into()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
