//! What systemd does for a unit of `Type=notify` with a socket: it keeps the socket, hands
//! it over, stops the old process before it starts the new one, and says how that went.

use std::{
    fs,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixDatagram},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{net::TcpSocket, runtime::Handle};

use super::{LOOK, NAME, PATH, unit::Unit};

/// `systemctl` as a script: it asks, and ends as it is told.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" > FOLDER/asked
read -r code < FOLDER/answered
exit "$code"
"#;

/// The process becomes the service with the socket as descriptor 3.
const ACTIVATE: &str = "exec 3<&0 0</dev/null; export LISTEN_PID=$$; exec \"$@\"";

/// It answers `systemctl` until it goes out of scope.
pub struct Systemd {
    asked: PathBuf,
    endings: Arc<Mutex<Vec<String>>>,
    serving: Option<JoinHandle<()>>,
}

impl Systemd {
    /// With its root in `root` of this folder, and its `systemctl` in `bin`.
    pub fn start(folder: &Path) -> Result<Self> {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin)?;
        let systemctl = SYSTEMCTL.replace("FOLDER", &folder.display().to_string());
        fs::write(bin.join("systemctl"), systemctl)?;
        executable(&bin.join("systemctl"))?;
        let (asked, answered) = (folder.join("asked"), folder.join("answered"));
        let made = Command::new("mkfifo").args([&asked, &answered]).status()?;
        ensure!(made.success(), "mkfifo: {made}");
        let endings = Arc::<Mutex<Vec<String>>>::default();
        let mut manager = Manager {
            root: folder.join("root"),
            folder: folder.to_owned(),
            endings: Arc::clone(&endings),
            runtime: Handle::current(),
            socket: None,
            service: None,
            nginx: None,
        };
        let from = asked.clone();
        let serving = thread::spawn(move || {
            // A FIFO ends with each who writes to it.
            while let Ok(call) = fs::read_to_string(&from) {
                if call.trim() == "the end" {
                    return;
                }
                let code = match manager.does(call.trim()) {
                    Ok(code) => code,
                    Err(error) => {
                        eprintln!("  systemctl {}: {error:#}", call.trim());
                        1
                    }
                };
                if fs::write(&answered, format!("{code}\n")).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            asked,
            endings,
            serving: Some(serving),
        })
    }

    pub fn endings(&self) -> Vec<String> {
        let endings = self.endings.lock();
        endings.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        let Some(serving) = self.serving.take() else {
            return;
        };
        // Nobody would read it.
        if !serving.is_finished() {
            let _ = fs::write(&self.asked, "the end\n");
        }
        let _ = serving.join();
    }
}

pub fn executable(file: &Path) -> Result<()> {
    Ok(fs::set_permissions(
        file,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// What it keeps: the socket, and the processes that it has started.
struct Manager {
    root: PathBuf,
    folder: PathBuf,
    endings: Arc<Mutex<Vec<String>>>,
    runtime: Handle,
    socket: Option<TcpListener>,
    service: Option<Child>,
    nginx: Option<Child>,
}

impl Manager {
    /// Does what `systemctl` is asked, and gives its exit code.
    fn does(&mut self, call: &str) -> Result<i32> {
        let words: Vec<_> = call
            .split(' ')
            .filter(|word| !word.starts_with("--"))
            .collect();
        match *words.as_slice() {
            ["daemon-reload"] | ["enable", ..] => Ok(0),
            ["start", unit] if unit.ends_with(".socket") => self.listen(unit),
            ["start", unit] if unit.contains('@') => self.command(unit),
            ["restart", unit] if unit.starts_with(NAME) => self.restart(unit),
            ["is-active", unit] if unit.starts_with(NAME) => {
                let runs = self.service.as_mut().map(Child::try_wait).transpose()?;
                Ok(if matches!(runs, Some(None)) { 0 } else { 3 })
            }
            ["reload-or-restart", "nginx.service"] => self.nginx(),
            _ => bail!("the stand-in does not know this call"),
        }
    }

    fn listen(&mut self, unit: &str) -> Result<i32> {
        if self.socket.is_none() {
            let unit = Unit::read(&self.root, unit)?;
            let _entered = self.runtime.enter();
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(unit.last("ListenStream")?.parse()?)?;
            let listening = socket.listen(unit.last("Backlog")?.parse()?)?;
            self.socket = Some(listening.into_std()?);
        }
        Ok(0)
    }

    fn command(&self, unit: &str) -> Result<i32> {
        let unit = Unit::read(&self.root, unit)?;
        let mut command = self.process(&unit, &unit.command()?)?;
        let ended = command.stdin(Stdio::null()).status()?;
        Ok(i32::from(!ended.success()))
    }

    fn restart(&mut self, unit: &str) -> Result<i32> {
        let unit = Unit::read(&self.root, unit)?;
        self.stop(seconds(&unit.last("TimeoutStopSec")?)?)?;
        let socket = self.socket.as_ref().context("no socket")?.try_clone()?;
        let told = self.folder.join("notify");
        let _ = fs::remove_file(&told);
        let notify = UnixDatagram::bind(&told)?;
        notify.set_read_timeout(Some(LOOK))?;
        let mut words = ["sh", "-c", ACTIVATE, "sh"].map(str::to_owned).to_vec();
        words.extend(unit.command()?);
        let name = Unit::read(&self.root, &format!("{NAME}.socket"))?;
        let mut service = self
            .process(&unit, &words)?
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", name.last("FileDescriptorName")?)
            .env("NOTIFY_SOCKET", &told)
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .spawn()?;
        let deadline = Instant::now() + seconds(&unit.last("TimeoutStartSec")?)?;
        let mut message = [0; 512];
        let is_ready = loop {
            if let Ok(length) = notify.recv(&mut message)
                && String::from_utf8_lossy(&message[..length]).contains("READY=1")
            {
                break true;
            }
            if service.try_wait()?.is_some() || Instant::now() > deadline {
                break false;
            }
        };
        self.service = Some(service);
        Ok(i32::from(!is_ready))
    }

    /// SIGTERM, and SIGKILL for who does not heed it in time.
    fn stop(&mut self, within: Duration) -> Result<()> {
        let Some(mut service) = self.service.take() else {
            return Ok(());
        };
        // It may have ended by itself.
        if service.try_wait()?.is_none() {
            signal(&service, "TERM")?;
        }
        let deadline = Instant::now() + within;
        let ended = loop {
            match service.try_wait()? {
                Some(ended) => break ended,
                None if Instant::now() > deadline => {
                    service.kill()?;
                    break service.wait()?;
                }
                None => thread::sleep(LOOK),
            }
        };
        let mut endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        endings.push(ended.to_string());
        Ok(())
    }

    fn nginx(&mut self) -> Result<i32> {
        if let Some(nginx) = &self.nginx {
            signal(nginx, "HUP")?;
            return Ok(0);
        }
        let nginx = Command::new("nginx")
            .env("PATH", PATH)
            .arg("-c")
            .arg(self.root.join("etc/nginx/nginx.conf"))
            .args(["-g", "daemon off;"])
            .stdin(Stdio::null())
            .spawn()?;
        self.nginx = Some(nginx);
        Ok(0)
    }

    /// A process of a unit: with its environment and no other.
    fn process(&self, unit: &Unit, words: &[String]) -> Result<Command> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(unit.environment()?)
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        for process in [&mut self.service, &mut self.nginx].into_iter().flatten() {
            // The workers of nginx end with it at SIGTERM, not at SIGKILL.
            let _ = signal(process, "TERM");
            let _ = process.wait();
        }
    }
}

fn signal(process: &Child, name: &str) -> Result<()> {
    let mut kill = Command::new("kill");
    let sent = kill
        .args(["-s", name, &process.id().to_string()])
        .status()?;
    ensure!(sent.success(), "kill: {sent}");
    Ok(())
}

/// `30s`.
fn seconds(text: &str) -> Result<Duration> {
    let seconds = text.strip_suffix('s').context("no seconds")?.parse()?;
    Ok(Duration::from_secs(seconds))
}
