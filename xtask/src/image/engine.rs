use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{run, test::report::Report};

const PATIENCE: Duration = Duration::from_secs(30);

/// What builds and runs images: the Docker that runs, or one of our own.
pub struct Engine {
    client: PathBuf,
    own: Option<Daemon>,
}

impl Engine {
    /// None for a person without Docker, who is told how to have it; in CI that is an error.
    /// None, too, where none runs and none may be started, as in a container.
    pub fn find(report: &mut Report, folder: &Path) -> Result<Option<Self>> {
        let Some(client) = client() else {
            let how = "no Docker here; to have it: apt-get install docker.io";
            if run::in_ci() {
                bail!(how);
            }
            report.skip(how.to_owned());
            return Ok(None);
        };
        let mut engine = Self { client, own: None };
        if run::output(
            engine
                .docker()
                .arg("info")
                .arg("--format={{.ServerVersion}}"),
        )
        .is_err()
        {
            if run::output(Command::new("unshare").args(["--mount", "true"])).is_err() {
                report.skip("no Docker runs, and nobody here may start one".to_owned());
                return Ok(None);
            }
            let daemon = report.check("no Docker runs: starting one of our own", || {
                Daemon::start(&folder.join("docker"))
            });
            engine.own = Some(daemon?);
            engine.until_it_runs()?;
        }
        Ok(Some(engine))
    }

    pub fn docker(&self) -> Command {
        let mut docker = Command::new(&self.client);
        docker.env("DOCKER_BUILDKIT", "1");
        if let Some(daemon) = &self.own {
            docker.env("DOCKER_HOST", daemon.address());
        }
        docker
    }

    /// Ours has no bridge: what is built reaches the registries as the host does.
    pub fn build(&self) -> Command {
        let mut build = self.docker();
        build.args(["build", "--progress", "plain"]);
        if self.own.is_some() {
            build.args(["--network", "host"]);
        }
        build
    }

    pub fn inspect(&self, name: &str, what: &str) -> Result<String> {
        let mut inspect = self.docker();
        let told = run::output(inspect.args(["inspect", "--format", what, name]))?;
        Ok(told.trim().to_owned())
    }

    /// As a registry has it.
    pub fn compressed_bytes(&self, image: &str) -> Result<u64> {
        let script = format!("docker save {image} | gzip | wc --bytes");
        Ok(self.of_image(image, &script)?.trim().parse()?)
    }

    /// All files of an image, as tar lists them.
    pub fn files(&self, image: &str) -> Result<String> {
        self.of_image(image, "docker export \"$container\" | tar --list --verbose")
    }

    /// What cargo-auditable has put into the binary, as JSON.
    pub fn dependencies(&self, image: &str) -> Result<String> {
        let unpack =
            "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
        let script = format!(
            "folder=$(mktemp -d); docker cp \"$container:/service\" \"$folder/service\"
             objcopy --dump-section \".dep-v0=$folder/packages\" \"$folder/service\" /dev/null
             python3 -c '{unpack}' < \"$folder/packages\"; rm -r \"$folder\""
        );
        self.of_image(image, &script)
    }

    fn of_image(&self, image: &str, script: &str) -> Result<String> {
        let script = format!(
            "set -euo pipefail; docker() {{ command {client} \"$@\"; }}; container=$(docker create {image})
             trap 'docker rm --volumes \"$container\" > /dev/null' EXIT; {script}",
            client = self.client.display()
        );
        let docker = self.docker();
        let variables = docker.get_envs().filter_map(|(k, v)| Some((k, v?)));
        run::output(Command::new("bash").args(["-c", &script]).envs(variables))
    }

    fn until_it_runs(&mut self) -> Result<()> {
        let start = Instant::now();
        while run::output(self.docker().arg("info").arg("--format={{.ServerVersion}}")).is_err() {
            let ended = self
                .own
                .as_mut()
                .and_then(|own| own.process.try_wait().ok()?);
            if ended.is_some() || start.elapsed() > PATIENCE {
                let log = self.own.as_ref().map(Daemon::log).unwrap_or_default();
                bail!("dockerd does not run:\n{log}");
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// A client that builds with BuildKit: newer ones need a plugin for that.
fn client() -> Option<PathBuf> {
    let candidates = ["docker", "/usr/bin/docker"].map(PathBuf::from);
    candidates.into_iter().find(|client| {
        let mut help = Command::new(client);
        help.env("DOCKER_BUILDKIT", "1").args(["build", "--help"]);
        run::output(&mut help).is_ok()
    })
}

/// A Docker of our own, without a network of its own. It keeps what it has built beside
/// all else that is built here, and ends with us.
struct Daemon {
    process: Child,
    folder: PathBuf,
}

impl Daemon {
    fn start(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let log = File::create(folder.join("log"))?;
        let daemon = |name: &str| format!("{}/{name}", folder.display());
        let process = Command::new("dockerd")
            .args(["--data-root", &daemon("data")])
            .args(["--exec-root", &daemon("exec")])
            .args(["--pidfile", &daemon("pid")])
            .args(["--host", &format!("unix://{}", daemon("socket"))])
            .args(["--bridge", "none", "--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self {
            process,
            folder: folder.to_owned(),
        })
    }

    fn address(&self) -> String {
        format!("unix://{}/socket", self.folder.display())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It takes its containers and its mounts with it, if it is asked.
        let pid = self.process.id().to_string();
        if run::output(Command::new("kill").args(["-s", "TERM", &pid])).is_err() {
            eprintln!("dockerd, process {pid}, cannot be stopped");
        }
        let _ = self.process.wait();
        // But for this one, of containers in the network of the host.
        let network = self.folder.join("exec/netns/default");
        if network.exists() {
            let _ = run::output(Command::new("umount").arg(network));
        }
    }
}
