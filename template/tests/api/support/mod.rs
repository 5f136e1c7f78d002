//! The service as its users meet it: a process, two addresses, a log.

pub mod collector;
mod log;
pub mod upstream;

use std::{
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use self::log::Log;
use crate::database::Database;

const BINARY: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
/// Far above what anything here takes; below what a person waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The binary with these arguments and settings, in the development profile.
fn command(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .env("APP_PROFILE", "development")
        .env("APP_LOG__FORMAT", "json")
        .envs(settings.iter().copied());
    command
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
        let database = Database::create().await;
        let mut command = command(&["serve"], &database.settings());
        let token = token("tester", "items:read items:write");
        let start = Instant::now();
        let mut process = command
            .env("APP_HTTP__ADDRESS", "127.0.0.1:0")
            .env("APP_OPERATIONS__ADDRESS", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::follow(process.stdout.take().unwrap());
        let mut service = Self {
            operations: log.listening("operations").await,
            public: log.listening("public").await,
            http: reqwest::Client::new(),
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
        let body = json!({ "name": name }).to_string();
        let head = format!(
            "POST /api/v1/items HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\
             expect: 100-continue\r\n\r\n",
            self.public,
            self.token,
            body.len(),
        );
        let mut stream = TcpStream::connect(self.public).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The service asks for the body only when a handler wants to read it.
        let status = read_status(&mut stream).await;
        assert_eq!(status, StatusCode::CONTINUE);
        Unfinished { stream, body }
    }

    pub async fn probe(&self, path: &str) -> StatusCode {
        let url = format!("http://{}{path}", self.operations);
        self.http.get(url).send().await.unwrap().status()
    }

    pub async fn until_probe(&self, path: &str, expected: StatusCode) {
        let probing = async {
            while self.probe(path).await != expected {
                tokio::task::yield_now().await;
            }
        };
        let answered = timeout(PATIENCE, probing).await;
        answered.unwrap_or_else(|_| panic!("{path} is never {expected}: {:#?}", self.log.lines()));
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
                tokio::task::yield_now().await;
            }
        };
        let seen = timeout(PATIENCE, scraping).await;
        seen.unwrap_or_else(|_| panic!("{start} is never in the metrics"));
    }

    /// Waits for the first line of the log that fits.
    pub async fn log_line(&self, fits: impl Fn(&Value) -> bool) -> Value {
        self.log.line(fits).await
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub fn signal(&self, name: &str) {
        let process = self.process_id().to_string();
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

/// A request whose body has not been sent yet.
pub struct Unfinished {
    stream: TcpStream,
    body: String,
}

impl Unfinished {
    pub async fn finish(mut self) -> StatusCode {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        self.answer().await
    }

    /// Waits for an answer without sending the rest.
    pub async fn answer(mut self) -> StatusCode {
        read_status(&mut self.stream).await
    }
}

/// Reads one head of an answer, up to its empty line.
async fn read_status(stream: &mut TcpStream) -> StatusCode {
    use tokio::io::AsyncReadExt;

    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await;
        head.push(byte.expect("an answer in time").unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The problem+json of an error.
pub async fn problem(answer: Response) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    problem
}
