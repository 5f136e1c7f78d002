//! A machine as `template/deploy/host` makes it: its files, by its script, with a real
//! nginx, in a root of its own. What is not there is systemd: [`systemd`] stands in.

mod files;
mod systemd;
mod unit;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command as StdCommand,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpStream, process::Command};

use self::{
    files::{copy, environment, operators_nginx, write},
    systemd::Systemd,
};
use crate::{
    addresses::free_address,
    missing::Missing,
    service::{token, until},
    setup::Setup,
    shared::{client::Transport, pki::Authority},
};

/// The service's name: its binary's.
pub const NAME: &str = "axum-chassis-service";

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template/deploy/host");

/// The machine; all its processes end when it goes out of scope.
pub struct Machine {
    /// Where clients come in, by TLS.
    pub address: SocketAddr,
    pub transport: Transport,
    pub token: String,
    systemd: Systemd,
    builds: usize,
    binary: PathBuf,
    folder: TempDir,
}

/// How the script ended.
pub struct Installed {
    pub ok: bool,
    pub said: String,
}

impl Machine {
    /// As its operator prepares it: addresses, a certificate, a store.
    pub async fn prepare(setup: &Setup, settings: &[(&str, &str)]) -> Result<Self> {
        let nginx = StdCommand::new("nginx")
            .env("PATH", PATH)
            .arg("-v")
            .output();
        nginx.map_err(|_| Missing("nginx, to have it: apt-get install nginx-light"))?;
        let folder = tempfile::tempdir()?;
        copy(Path::new(FILES), &folder.path().join("host"))?;
        let [public, plain, status, socket, operations] = [(); 5].map(|()| free_address());
        let root = folder.path().join("root");
        let authority = Authority::new();
        let certificate = root.join("etc/nginx/service/certificate");
        fs::create_dir_all(&certificate)?;
        let (chain, key) = authority.server(LIFETIME).write(&certificate);
        fs::rename(chain, certificate.join("fullchain.pem"))?;
        fs::rename(key, certificate.join("privkey.pem"))?;
        operators_nginx(&root, [public, plain, status, socket])?;
        let unit = format!("etc/systemd/system/{NAME}.socket.d/address.conf");
        write(
            &root.join(unit),
            &format!("[Socket]\nListenStream=\nListenStream={socket}\n"),
        )?;
        let environment = environment(operations, settings);
        write(&root.join(format!("etc/{NAME}/environment")), &environment)?;
        Ok(Self {
            address: public,
            transport: Transport::tls(&authority),
            token: token(setup.command(), "load", "4h")?,
            systemd: Systemd::start(folder.path())?,
            builds: 0,
            binary: setup.service.clone(),
            folder,
        })
    }

    /// A balancer before these instances; nothing else is on it.
    pub async fn balancer(setup: &Setup, instances: &[SocketAddr]) -> Result<Self> {
        let machine = Self::prepare(setup, &[]).await?;
        let server = |instance: &SocketAddr| format!("server {instance} {PASSED_OVER};\n");
        let servers: String = instances.iter().map(server).collect();
        let file = format!("etc/nginx/{NAME}/servers.conf");
        write(&machine.root().join(file), &servers)?;
        machine.install(&["--name", NAME, "nginx"]).await?.right()?;
        machine.until_nginx_answers().await?;
        Ok(machine)
    }

    /// Runs the script.
    pub async fn install(&self, arguments: &[&str]) -> Result<Installed> {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.folder.path().join("bin");
        let done = Command::new(self.folder.path().join("host/install"))
            .args(arguments)
            .env("ROOT", self.root())
            .env("PATH", format!("{}:{path}:/usr/sbin", bin.display()))
            .env("READY_WITHIN", "120")
            .env_remove("SSH_CONNECTION")
            .output()
            .await?;
        let said = [done.stdout, done.stderr].concat();
        Ok(Installed {
            ok: done.status.success(),
            said: String::from_utf8_lossy(&said).into_owned(),
        })
    }

    /// Another build of the service: the same, but for its last bytes.
    pub fn build(&mut self) -> Result<String> {
        let file = self.folder.path().join("build").join(NAME);
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        fs::copy(&self.binary, &file)?;
        self.builds += 1;
        let mut build = fs::OpenOptions::new().append(true).open(&file)?;
        std::io::Write::write_all(&mut build, &self.builds.to_be_bytes())?;
        Ok(file.display().to_string())
    }

    /// A build that migrates, and then ends before it is ready.
    pub fn bad_build(&self) -> Result<String> {
        let file = self.folder.path().join("bad").join(NAME);
        let script = "#!/bin/sh\ncase $1 in\n--version) echo \"bad 9.9.9\" ;;\nmigrate) ;;\n*) exit 69 ;;\nesac\n";
        write(&file, script)?;
        systemd::executable(&file)?;
        Ok(file.display().to_string())
    }

    /// The site, as the script installs it, and nginx with it.
    pub async fn with_nginx(&self) -> Result<()> {
        self.install(&["nginx"]).await?.right()?;
        self.until_nginx_answers().await
    }

    async fn until_nginx_answers(&self) -> Result<()> {
        let answers = async || TcpStream::connect(self.address).await.is_ok();
        ensure!(until(answers).await, "nginx does not start");
        Ok(())
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// How the processes of the service have ended so far, but for the one that serves.
    pub fn endings(&self) -> Vec<String> {
        self.systemd.endings()
    }

    /// Which release a link names.
    pub fn release(&self, link: &str) -> Result<PathBuf> {
        Ok(fs::read_link(
            self.root().join("opt").join(NAME).join(link),
        )?)
    }

    /// The lines of nginx' access log.
    pub fn access_log(&self) -> Result<Vec<Value>> {
        let log = fs::read_to_string(self.root().join("access.json"))?;
        let lines = log.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().context("no line of JSON")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }
}

impl Installed {
    pub fn right(self) -> Result<String> {
        ensure!(self.ok, "{}", self.said);
        Ok(self.said)
    }
}

/// As `servers.conf` has it for several machines.
const PASSED_OVER: &str = "max_fails=2 fail_timeout=5s";

const LIFETIME: time::Duration = time::Duration::days(30);

/// Debian has nginx where not everybody looks.
const PATH: &str = "/usr/sbin:/usr/local/sbin:/usr/bin:/bin";

/// How often the stand-in looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(5);
