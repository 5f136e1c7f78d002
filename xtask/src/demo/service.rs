use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use ureq::{Agent, http::Request};

use crate::{free, run};

const PATIENCE: Duration = Duration::from_secs(20);

/// The generated service, running.
pub struct Service {
    process: Child,
    settings: Vec<(&'static str, String)>,
    binary: PathBuf,
    http: Agent,
    log: Receiver<String>,
    pub public: String,
    pub operations: String,
}

/// How it ended.
pub struct Ended {
    pub log: Vec<String>,
    pub status: ExitStatus,
    pub ok: bool,
}

/// One request and its answer.
pub struct Exchange {
    pub about: &'static str,
    pub request: String,
    pub body: Option<&'static str>,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub answer: String,
    expected: u16,
}

impl Exchange {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn is_right(&self) -> bool {
        self.status == self.expected
    }
}

impl Service {
    pub fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let [public, operations] = free::addresses()?.map(|address| address.to_string());
        let settings = vec![
            ("APP_PROFILE", "development".to_owned()),
            ("APP_LOG__FORMAT", "pretty".to_owned()),
            ("APP_HTTP__ADDRESS", public.clone()),
            ("APP_OPERATIONS__ADDRESS", operations.clone()),
            (
                "APP_STORE__PATH",
                folder.join("demo.db").display().to_string(),
            ),
        ];
        let mut process = Command::new(binary)
            .envs(settings.iter().cloned())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("stderr"))?)
            // Ctrl-C is for the demo, which passes it on.
            .process_group(0)
            .spawn()
            .context("the service does not start")?;
        let output = process.stdout.take().context("the service has no output")?;
        let service = Self {
            process,
            settings,
            binary: binary.to_owned(),
            http: Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(PATIENCE))
                .build()
                .into(),
            log: follow(output),
            public: format!("http://{public}"),
            operations: format!("http://{operations}"),
        };
        service.until_ready(&folder.join("stderr"))?;
        Ok(service)
    }

    fn until_ready(&self, stderr: &Path) -> Result<()> {
        let start = Instant::now();
        while !matches!(self.probe("/readyz"), Ok((200, _))) {
            if start.elapsed() > PATIENCE {
                let told = std::fs::read_to_string(stderr).unwrap_or_default();
                let log: Vec<_> = self.log.try_iter().collect();
                bail!(
                    "the service does not become ready:\n{}\n{told}",
                    log.join("\n")
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub fn token(&self) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.envs(self.settings.iter().cloned());
        let token = run::output(command.args(["token", "--subject", "demo"]))?;
        Ok(token.trim().to_owned())
    }

    /// Sends a request to the API.
    pub fn send(
        &self,
        about: &'static str,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&'static str>,
        expected: u16,
    ) -> Result<Exchange> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.public));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let mut answer = self.http.run(request.body(body.unwrap_or_default())?)?;
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        });
        Ok(Exchange {
            about,
            request: format!("{method} {path}"),
            body,
            status: answer.status().as_u16(),
            headers: headers.collect(),
            answer: answer.body_mut().read_to_string()?,
            expected,
        })
    }

    /// Asks the private listener.
    pub fn probe(&self, path: &str) -> Result<(u16, String)> {
        let mut answer = self.http.get(format!("{}{path}", self.operations)).call()?;
        Ok((
            answer.status().as_u16(),
            answer.body_mut().read_to_string()?,
        ))
    }

    /// All three probes, which must be green.
    pub fn probes(&self) -> Result<Vec<(&'static str, u16, String)>> {
        ["/livez", "/readyz", "/startupz"]
            .into_iter()
            .map(|probe| {
                let (status, told) = self.probe(&format!("{probe}?verbose"))?;
                ensure!(status == 200, "{probe} is {status}: {told}");
                Ok((probe, status, told))
            })
            .collect()
    }

    pub fn metrics(&self) -> Result<String> {
        Ok(self.probe("/metrics")?.1)
    }

    /// The lines so far, waiting until so many requests are told of.
    pub fn log_of(&self, requests: usize) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let mut finished = 0;
        while finished < requests {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.context("the log does not tell of every request")?;
            finished += usize::from(line.contains("request finished"));
            lines.push(line);
        }
        Ok(lines)
    }

    /// Prints the log until Ctrl-C.
    pub fn follow_until_interrupted(&self) -> Result<()> {
        let (interrupt, interrupted) = mpsc::channel();
        ctrlc::set_handler(move || {
            // Nobody listens any more once the service is being stopped.
            let _ = interrupt.send(());
        })?;
        while interrupted.try_recv().is_err() {
            match self.log.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => println!("{line}"),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("the service has ended by itself"),
            }
        }
        println!();
        Ok(())
    }

    pub fn signal(&self, name: &str) -> Result<()> {
        let id = self.process.id().to_string();
        run::output(Command::new("kill").args(["-s", name, &id])).map(drop)
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) -> Result<Ended> {
        self.signal("TERM")?;
        let status = self.process.wait()?;
        Ok(Ended {
            log: self.log.iter().collect(),
            status,
            ok: status.success(),
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.process.kill();
    }
}

fn follow(output: ChildStdout) -> Receiver<String> {
    let (lines, log) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    log
}
