use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::engine::Engine;
use crate::{free, run};

const NAME: &str = "axum-chassis-image-test";
const PATIENCE: Duration = Duration::from_secs(60);

/// The service in a container that may do as little as there is; removed when dropped.
pub struct Container<'a> {
    engine: &'a Engine,
    public: SocketAddr,
    operations: SocketAddr,
}

impl<'a> Container<'a> {
    /// `store` is the variable that tells of a database elsewhere.
    pub fn start(engine: &'a Engine, image: &str, store: Option<&str>) -> Result<Self> {
        let [public, operations] = free::addresses()?;
        let container = Self {
            engine,
            public,
            operations,
        };
        container.remove();
        let mut docker = engine.docker();
        docker
            .args(["run", "--detach", "--name", NAME, "--network", "host"])
            .args(["--read-only", "--cap-drop", "ALL"])
            .args(["--security-opt", "no-new-privileges", "--memory", "256m"])
            .args(["--volume", "/var/lib/service"])
            .args(["--env", "APP_PROFILE=development", "--env"])
            .arg(format!("APP_HTTP__ADDRESS={public}"))
            .args(["--env", &format!("APP_OPERATIONS__ADDRESS={operations}")]);
        if let Some(variable) = store {
            docker.args(["--env", variable]);
        }
        run::output(docker.arg(image))?;
        Ok(container)
    }

    pub fn until_ready(&self) -> Result<()> {
        self.until("ready", || {
            let url = format!("http://{}/readyz", self.operations);
            Ok(ureq::get(url).call().is_ok())
        })
    }

    pub fn until_healthy(&self) -> Result<()> {
        self.until("healthy", || {
            Ok(self.engine.inspect(NAME, "{{.State.Health.Status}}")? == "healthy")
        })
    }

    /// Waits for it, or says what the service has said.
    fn until(&self, what: &str, is_it: impl Fn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !is_it()? {
            let running = self.engine.inspect(NAME, "{{.State.Running}}")? == "true";
            if !running || start.elapsed() > PATIENCE {
                bail!("not {what}:\n{}", self.log()?);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn log(&self) -> Result<String> {
        run::output(self.engine.docker().args(["logs", NAME]))
    }

    pub fn is_nobody(&self) -> Result<()> {
        let process = self.engine.inspect(NAME, "{{.State.Pid}}")?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        for (field, expected) in [
            ("Uid", "65532"),
            ("Gid", "65532"),
            ("CapEff", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("NoNewPrivs", "1"),
        ] {
            let line = status.lines().find(|line| line.starts_with(field));
            let value = line.and_then(|line| line.split_whitespace().nth(1));
            ensure!(value == Some(expected), "{field} is {value:?}");
        }
        Ok(())
    }

    fn token(&self) -> Result<String> {
        let mut token = self.engine.docker();
        let token = run::output(token.args(["exec", NAME, "/service", "token"]))?;
        Ok(format!("Bearer {}", token.trim()))
    }

    pub fn answers(&self, revision: &str) -> Result<()> {
        let info = ureq::get(format!("http://{}/info", self.operations)).call();
        let info = info?.body_mut().read_to_string()?;
        ensure!(info.contains(revision), "{info}");

        let (items, token) = (
            format!("http://{}/api/v1/items", self.public),
            self.token()?,
        );
        let create = ureq::post(&items)
            .header("authorization", &token)
            .header("content-type", "application/json");
        let created = create.send(r#"{"name": "a lamp", "quantity": 3}"#)?;
        ensure!(created.status() == 201, "{}", created.status());
        let list = ureq::get(&items).header("authorization", &token).call()?;
        let list = list.into_body().read_to_string()?;
        ensure!(list.contains("a lamp"), "{list}");
        Ok(())
    }

    /// Half a request, SIGTERM, the other half.
    pub fn drains(&self) -> Result<()> {
        let body = r#"{"name": "late", "quantity": 1}"#;
        let (first, second) = body.split_at(10);
        let mut connection = TcpStream::connect(self.public)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        write!(
            connection,
            "POST /api/v1/items HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
            self.public,
            self.token()?,
            body.len()
        )?;
        self.until("in work on half a request", || self.has_request_in_work())?;
        run::output(
            self.engine
                .docker()
                .args(["kill", "--signal", "TERM", NAME]),
        )?;
        self.until("closed to new clients", || {
            Ok(TcpStream::connect(self.public).is_err())
        })?;
        connection.write_all(second.as_bytes())?;
        let mut status = String::new();
        BufReader::new(connection).read_line(&mut status)?;
        ensure!(status.contains(" 201 "), "{status:?}:\n{}", self.log()?);
        let exit = run::output(self.engine.docker().args(["wait", NAME]))?;
        ensure!(exit.trim() == "0", "exit {}:\n{}", exit.trim(), self.log()?);
        let log = self.log()?;
        let last = log.lines().last().context("no log")?;
        ensure!(last.contains("stopped"), "{last}");
        Ok(())
    }

    fn has_request_in_work(&self) -> Result<bool> {
        let page = ureq::get(format!("http://{}/metrics", self.operations)).call();
        let page = page?.body_mut().read_to_string()?;
        let mut series = page.lines().filter(|line| {
            line.starts_with("http_server_active_requests{") && line.contains("\"POST\"")
        });
        Ok(series.any(|line| line.ends_with(" 1")))
    }

    fn remove(&self) {
        // There is none, unless something went wrong before.
        let mut remove: Command = self.engine.docker();
        let _ = run::output(remove.args(["rm", "--force", "--volumes", NAME]));
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}
