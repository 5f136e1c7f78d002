//! A real proxy before replicas.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::Result;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{missing::Missing, service::until};

/// nginx; it is killed when it goes out of scope.
pub struct Nginx {
    pub address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it at this address, before these replicas.
    pub async fn start(address: SocketAddr, replicas: &[SocketAddr]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let servers = replicas
            .iter()
            .map(|r| format!("server {r} fail_timeout=1s;"));
        let configuration = include_str!("nginx.conf")
            .replace("FOLDER", &folder.path().to_string_lossy())
            .replace("ADDRESS", &address.to_string())
            .replace("SERVERS", &servers.collect::<Vec<_>>().join(" "));
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration)?;
        let process = Command::new("nginx")
            // Debian has it where not everybody looks.
            .env("PATH", "/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(file)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|_| Missing("nginx, to have it: apt-get install nginx-light"))?;
        let nginx = Self {
            address,
            process,
            _folder: folder,
        };
        let answers = async || TcpStream::connect(address).await.is_ok();
        anyhow::ensure!(until(answers).await, "nginx does not start");
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it at SIGTERM, not at SIGKILL.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _ = self.process.wait();
    }
}
