use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::ChildStdout,
    thread,
};

use serde_json::Value;
use tokio::{sync::watch, time::timeout};

use super::PATIENCE;

/// The lines that a process logs, as they come.
pub struct Log(watch::Receiver<Vec<Value>>);

impl Log {
    pub fn follow(output: ChildStdout) -> Self {
        let (lines, log) = watch::channel(Vec::new());
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let line = line.unwrap();
                let json = serde_json::from_str(&line);
                let json = json.unwrap_or_else(|_| panic!("no line of JSON: {line}"));
                lines.send_modify(|lines| lines.push(json));
            }
        });
        Self(log)
    }

    pub fn lines(&self) -> Vec<Value> {
        self.0.borrow().clone()
    }

    /// Where a listener listens, as the log says.
    pub async fn listening(&self, listener: &str) -> SocketAddr {
        let line = self
            .line(|line| line["message"] == "listening" && line["listener"] == listener)
            .await;
        line["address"].as_str().unwrap().parse().unwrap()
    }

    pub async fn line(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let mut log = self.0.clone();
        let found = timeout(PATIENCE, log.wait_for(|lines| lines.iter().any(&fits))).await;
        match found {
            Ok(Ok(lines)) => lines.iter().find(|line| fits(line)).unwrap().clone(),
            _ => panic!("no such line in the log: {:#?}", self.lines()),
        }
    }

    /// Waits until the process has closed its log, and gives all of it.
    pub async fn end(&self) -> Vec<Value> {
        let mut log = self.0.clone();
        let ended = timeout(PATIENCE, async { while log.changed().await.is_ok() {} }).await;
        ended.unwrap_or_else(|_| panic!("it does not end: {:#?}", self.lines()));
        self.lines()
    }
}
