//! The service as its users meet it: a process, two addresses, a log.

pub mod client;
pub mod collector;
pub mod frames;
mod log;
pub mod pki;
pub mod upstream;

use std::{
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use self::{
    client::{Transport, Unfinished},
    log::Log,
};
use crate::database::Database;

pub const BINARY: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
/// Far above what anything here takes; below what a person waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Before a condition is looked at again: the service and its database need the processor.
const PAUSE: Duration = Duration::from_millis(5);

/// The binary with these arguments and settings, in the development profile.
fn command(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    configure(&mut command, settings);
    command
}

fn configure(command: &mut Command, settings: &[(&str, &str)]) {
    command
        .env("APP_PROFILE", "development")
        .env("APP_LOG__FORMAT", "json")
        .envs(settings.iter().copied());
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    command(arguments, settings).output().unwrap()
}

/// A token of this subject, as the binary mints it.
pub fn token(subject: &str, scope: &str) -> String {
    let minted = run(&["token", "--subject", subject, "--scope", scope], &[]);
    String::from_utf8(minted.stdout).unwrap().trim().to_owned()
}

/// A running service. It is killed when it goes out of scope.
pub struct Service {
    pub public: SocketAddr,
    pub operations: SocketAddr,
    pub http: reqwest::Client,
    /// How long it took from its start until it was ready.
    pub ready_after: Duration,
    token: String,
    process: Child,
    log: Log,
    _database: Database,
}

/// How a service ended.
pub struct Stopped {
    pub code: Option<i32>,
    pub log: Vec<Value>,
}

impl Stopped {
    /// What the service says at its end of the deadlines that it missed.
    pub fn missed(&self) -> &str {
        let said = self
            .log
            .iter()
            .rev()
            .find_map(|line| line["missed"].as_str());
        said.unwrap_or_else(|| panic!("none is missed: {:#?}", self.log))
    }
}

impl Service {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with settings beside those of every test.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.arg("serve").stdin(Stdio::null());
        Self::launch(command, settings).await
    }

    /// Starts by a command of one's own, which ends in the binary.
    pub async fn launch(mut command: Command, settings: &[(&str, &str)]) -> Self {
        let database = Database::create().await;
        configure(&mut command, &database.settings());
        let token = token("tester", "items:read items:write");
        let start = Instant::now();
        let mut process = command
            .env("APP_HTTP__ADDRESS", "127.0.0.1:0")
            .env("APP_OPERATIONS__ADDRESS", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::follow(process.stdout.take().unwrap());
        let mut service = Self {
            operations: log.listening("operations").await,
            public: log.listening("public").await,
            http: http(),
            ready_after: Duration::ZERO,
            token,
            process,
            log,
            _database: database,
        };
        service.until_probe("/readyz", StatusCode::OK).await;
        service.ready_after = start.elapsed();
        service
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path)).bearer_auth(&self.token)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.http.post(self.url(path));
        request.bearer_auth(&self.token).json(body)
    }

    pub fn put(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.http.put(self.url(path));
        request.bearer_auth(&self.token).json(body)
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(self.url(path)).bearer_auth(&self.token)
    }

    /// Makes an item of this name: its path, its ETag, and what it is.
    pub async fn create(&self, name: &str) -> (String, String, Value) {
        let body = json!({ "name": name, "quantity": 1 });
        let created = self.post("/api/v1/items", &body).send().await.unwrap();
        assert_eq!(created.status(), StatusCode::CREATED);
        let header = |name: &str| created.headers()[name].to_str().unwrap().to_owned();
        let (path, etag) = (header("location"), header("etag"));
        (path, etag, created.json().await.unwrap())
    }

    /// Sends the head and half of the body of a request that makes an item.
    pub async fn begin_create(&self, name: &str) -> Unfinished {
        self.begin_create_by(&Transport::Plain, name).await
    }

    /// The same by TLS, or not.
    pub async fn begin_create_by(&self, transport: &Transport, name: &str) -> Unfinished {
        let begun = Unfinished::begin(transport, self.public, &self.token, name);
        begun.await.unwrap()
    }

    pub async fn probe(&self, path: &str) -> StatusCode {
        let url = format!("http://{}{path}", self.operations);
        self.http.get(url).send().await.unwrap().status()
    }

    pub async fn until_probe(&self, path: &str, expected: StatusCode) {
        let probing = async {
            while self.probe(path).await != expected {
                sleep(PAUSE).await;
            }
        };
        let answered = timeout(PATIENCE, probing).await;
        answered.unwrap_or_else(|_| panic!("{path} is never {expected}: {:#?}", self.log.lines()));
    }

    /// A request to the private listener.
    pub fn operation(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.operations);
        self.http.request(method, url)
    }

    pub async fn operations_text(&self, path: &str) -> String {
        let answer = self.operation(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    }

    /// What is logged, as the service says.
    pub async fn log_level(&self) -> Value {
        serde_json::from_str(&self.operations_text("/log-level").await).unwrap()
    }

    pub fn scrape(&self) -> RequestBuilder {
        self.http.get(format!("http://{}/metrics", self.operations))
    }

    pub async fn metrics(&self) -> String {
        self.scrape().send().await.unwrap().text().await.unwrap()
    }

    /// Waits until the metrics have a line that begins so.
    pub async fn until_metrics(&self, start: &str) {
        let scraping = async {
            while !self.metrics().await.lines().any(|l| l.starts_with(start)) {
                sleep(PAUSE).await;
            }
        };
        let seen = timeout(PATIENCE, scraping).await;
        seen.unwrap_or_else(|_| panic!("{start} is never in the metrics"));
    }

    /// Waits for the first line of the log that fits.
    pub async fn log_line(&self, fits: impl Fn(&Value) -> bool) -> Value {
        self.log.line(fits).await
    }

    /// What its threads are called.
    #[cfg(target_os = "linux")]
    pub fn thread_names(&self) -> Vec<String> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id()));
        let names = threads.unwrap().filter_map(|thread| {
            // One may end meanwhile.
            let name = std::fs::read_to_string(thread.ok()?.path().join("comm"));
            Some(name.ok()?.trim().to_owned())
        });
        names.collect()
    }

    pub fn lines(&self) -> Vec<Value> {
        self.log.lines()
    }

    /// Where a further listener listens.
    pub async fn listening(&self, listener: &str) -> SocketAddr {
        self.log.listening(listener).await
    }

    /// Waits until a series of the metrics has a value that fits, and gives that.
    pub async fn series(&self, series: &str, fits: impl Fn(f64) -> bool) -> f64 {
        let scraping = async {
            loop {
                if let Some(value) = value(&self.metrics().await, series).filter(|v| fits(*v)) {
                    return value;
                }
                sleep(PAUSE).await;
            }
        };
        match timeout(PATIENCE, scraping).await {
            Ok(value) => value,
            Err(_) => panic!("{series} is not as it should be:\n{}", self.metrics().await),
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn signal(&self, name: &str) {
        let process = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn stop(self) -> Stopped {
        self.signal("TERM");
        self.ended().await
    }

    pub async fn ended(mut self) -> Stopped {
        let log = self.log.end().await;
        let code = self.process.wait().unwrap().code();
        Stopped { code, log }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client that does not wait for ever.
pub fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().timeout(PATIENCE);
    client.build().unwrap()
}

/// The value of a series that begins like this.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Asks again and again, until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            sleep(PAUSE).await;
        }
    };
    let answered = timeout(PATIENCE, asking).await;
    answered.unwrap_or_else(|_| panic!("it is never so that {what}"));
}

/// The problem+json of an error.
pub async fn problem(answer: Response) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    problem
}
