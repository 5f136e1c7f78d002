//! A machine with a real service and a real PostgreSQL, and a stand-in for systemctl that
//! does to their processes what systemd would.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use ureq::Agent;

use super::recipe::{allow, fault};
use crate::{
    capacity::postgres::Postgres,
    delivery::{manifests::Service, project::Project},
    free, run,
    test::tools,
    tree,
};

pub const NAME: &str = "my-service";
const PATIENCE: Duration = Duration::from_secs(60);

/// `Restart=always`.
const SUPERVISOR: &str = r#"
while [ ! -e "$1/end" ]; do
    "$1/service" serve >> "$1/log" 2>&1 &
    echo $! > "$1/pid.new"
    mv "$1/pid.new" "$1/pid"
    wait $!
done
"#;

const SYSTEMCTL: &str = r#"#!/bin/sh
service() { cat FOLDER/pid; }
is_ready() { FOLDER/service healthcheck 2> /dev/null; }
case "$*" in
    "restart my-service.service")
        old=$(service)
        kill -TERM "$old"
        until [ "$(service)" != "$old" ] && is_ready; do sleep 0.02; done
        ;;
    "kill --signal KILL my-service.service") kill -KILL "$(service)" ;;
    "is-active --quiet my-service.service") is_ready ;;
    "reload my-service.service") kill -HUP "$(service)" ;;
    "kill --signal "*" postgresql@15-main.service")
        postmaster=$(head -n 1 DATA/postmaster.pid)
        pkill "-$3" -P "$postmaster"
        kill "-$3" "$postmaster"
        ;;
    "reload nginx.service") ;;
    *) echo "the stand-in does not know: $*" >&2 && exit 1 ;;
esac
"#;

/// All its processes end when it goes out of scope.
pub struct Machine<'a> {
    project: &'a Project,
    pub server: Postgres,
    supervisor: Child,
    settings: Vec<(&'static str, String)>,
    token: String,
    public: String,
    operations: String,
    http: Agent,
    folder: TempDir,
}

impl<'a> Machine<'a> {
    pub fn start(project: &'a Project, service: &Service) -> Result<Self> {
        let mut server = Postgres::start()?.context("no PostgreSQL")?;
        let store = server.new_database("faults")?;
        let folder = TempDir::new()?;
        let root = folder.path().join("root");
        allow(&root, NAME)?;
        let config = root.join("etc").join(NAME).join("config.toml");
        fs::write(&config, "[http]\nconnections = 20\n")?;
        fs::copy(service.binary(), folder.path().join("service"))?;
        let [public, operations] = free::addresses()?.map(|address| address.to_string());
        let settings = vec![
            ("APP_PROFILE", "development".to_owned()),
            ("APP_CONFIG_FILE", config.display().to_string()),
            ("APP_HTTP__ADDRESS", public.clone()),
            ("APP_OPERATIONS__ADDRESS", operations.clone()),
            ("APP_STORE__URL", store),
            ("APP_STORE__MAX_CONNECTIONS", "5".to_owned()),
            ("APP_STORE__MIN_CONNECTIONS", "5".to_owned()),
            ("APP_SHUTDOWN__DRAIN_DELAY", "0s".to_owned()),
        ];
        let mut token = Command::new(folder.path().join("service"));
        let token = run::output(token.envs(settings.clone()).arg("token"))?;
        let supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh"])
            .arg(folder.path())
            .envs(settings.clone())
            .stdin(Stdio::null())
            .spawn()?;
        let machine = Self {
            project,
            server,
            supervisor,
            settings,
            token: format!("Bearer {}", token.trim()),
            public: format!("http://{public}"),
            operations: format!("http://{operations}"),
            http: Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(PATIENCE))
                .build()
                .into(),
            folder,
        };
        machine.stand_ins()?;
        machine.until("it is ready", || machine.probe("/readyz") == 200)?;
        Ok(machine)
    }

    fn stand_ins(&self) -> Result<()> {
        let bin = self.folder.path().join("bin");
        fs::create_dir_all(&bin)?;
        let data = self.server.ask_of("faults", "SHOW data_directory")?;
        let systemctl = SYSTEMCTL
            .replace("FOLDER", &self.folder.path().display().to_string())
            .replace("DATA", data.trim());
        for (name, script) in [("systemctl", &*systemctl), ("nginx", "#!/bin/sh\n")] {
            fs::write(bin.join(name), script)?;
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// The command, for this machine.
    pub fn fault(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = fault(self.project, &["host", NAME]);
        let bin = [
            self.folder.path().join("bin/systemctl"),
            self.server.programs().join("psql"),
        ];
        command
            .args(arguments)
            .envs(self.settings.iter().cloned())
            .env("PATH", tools::path_with(&bin)?)
            .env("ROOT", self.root())
            .env("DATABASE_URL", self.server.url("faults"))
            .env("ADDRESS", self.public.trim_start_matches("http://"))
            .env("COUNT", "40");
        Ok(command)
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn config(&self) -> Result<String> {
        tree::read(&self.root().join("etc").join(NAME).join("config.toml"))
    }

    /// The process that serves.
    pub fn process(&self) -> Result<String> {
        tree::read(&self.folder.path().join("pid"))
    }

    /// The status of a list of items; 0 if nobody answers.
    pub fn status(&self) -> u16 {
        let list = self.http.get(format!("{}/api/v1/items", self.public));
        let answer = list.header("authorization", &self.token).call();
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    pub fn probe(&self, path: &str) -> u16 {
        let answer = self.http.get(format!("{}{path}", self.operations)).call();
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// The sum of the series that begin so.
    pub fn metric(&self, series: &str) -> Result<f64> {
        let mut answer = self
            .http
            .get(format!("{}/metrics", self.operations))
            .call()?;
        let page = answer.body_mut().read_to_string()?;
        let values = page.lines().filter(|line| line.starts_with(series));
        let values = values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(values.sum())
    }

    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) -> Result<Duration> {
        let begun = Instant::now();
        while !is_so() {
            let log = || tree::read(&self.folder.path().join("log")).unwrap_or_default();
            ensure!(begun.elapsed() < PATIENCE, "not seen: {what}; {}", log());
            thread::sleep(Duration::from_millis(10));
        }
        Ok(begun.elapsed())
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        let _ = fs::write(self.folder.path().join("end"), "");
        if let Ok(id) = self.process() {
            let _ = Command::new("kill")
                .args(["-s", "KILL", id.trim()])
                .status();
        }
        let _ = self.supervisor.wait();
    }
}
