//! A server in a process of its own.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::free;

const PATIENCE: Duration = Duration::from_secs(20);

/// A service, or the bare router; it is killed with this.
pub struct Server {
    process: Child,
    /// How long it took until it answered first.
    pub start: Duration,
    /// `http://127.0.0.1:1234`, or with https.
    pub url: String,
}

/// Where it listens.
pub struct Addresses {
    pub public: String,
    pub operations: String,
}

impl Addresses {
    /// Two that are free now.
    pub fn free() -> Result<Self> {
        let [public, operations] = free::addresses()?.map(|address| address.to_string());
        Ok(Self { public, operations })
    }
}

impl Server {
    /// Waits until it takes connections.
    pub fn until_it_listens(command: &mut Command, address: &str, scheme: &str) -> Result<Self> {
        let is_ready = || TcpStream::connect(address).is_ok();
        Self::start(command, format!("{scheme}://{address}"), is_ready)
    }

    /// Waits until the readiness probe is green.
    pub fn until_it_is_ready(
        command: &mut Command,
        addresses: &Addresses,
        scheme: &str,
    ) -> Result<Self> {
        let probe = format!("http://{}/readyz", addresses.operations);
        let is_ready = || ureq::get(&probe).call().is_ok();
        Self::start(
            command,
            format!("{scheme}://{}", addresses.public),
            is_ready,
        )
    }

    /// What it logs is written, and read by nobody.
    fn start(command: &mut Command, url: String, is_ready: impl Fn() -> bool) -> Result<Self> {
        let begin = Instant::now();
        let process = command
            .stdin(Stdio::null())
            .stdout(File::create("/dev/null")?)
            .spawn()
            .context("it does not start")?;
        let mut server = Self {
            process,
            start: Duration::ZERO,
            url,
        };
        while !is_ready() {
            if let Some(status) = server.process.try_wait()? {
                bail!("a server has ended by itself, {status}; its error is above");
            }
            if begin.elapsed() > PATIENCE {
                bail!("{} does not become ready", server.url);
            }
            thread::sleep(Duration::from_micros(500));
        }
        server.start = begin.elapsed();
        Ok(server)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it holds in memory now, in MiB.
    pub fn memory_mib(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.id());
        let status = fs::read_to_string(Path::new(&path))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kibibytes: f64 = kibibytes.context("no VmRSS in its status")?.parse()?;
        Ok(kibibytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody misses it; waited for, so that its port is free.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
