//! What stands for all whom Alertmanager tells: a webhook, Slack, the dead man's switch.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use axum::{
    Router,
    extract::{Path, State},
    routing::post,
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use crate::addresses::free_address;

const LOOK: Duration = Duration::from_millis(50);

/// It is gone when it goes out of scope.
pub struct Told {
    pub address: SocketAddr,
    messages: Messages,
    _serving: JoinSet<()>,
}

/// To whom, and what.
type Messages = Arc<Mutex<Vec<(String, Value)>>>;

impl Told {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(free_address()).await?;
        let address = listener.local_addr()?;
        let messages = Messages::default();
        let app = Router::new()
            .route("/{whom}", post(take))
            .with_state(messages.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            // It serves until the task is dropped.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self {
            address,
            messages,
            _serving: serving,
        })
    }

    /// The URL of one of them.
    pub fn url(&self, whom: &str) -> String {
        format!("http://{}/{whom}", self.address)
    }

    /// What somebody was told that fits; waits for it.
    pub async fn until(
        &self,
        whom: &str,
        patience: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let begun = Instant::now();
        loop {
            if let Some(message) = self.found(whom, &fits) {
                return Ok(message);
            }
            let is_over = begun.elapsed() > patience;
            ensure!(!is_over, "{whom} was not told in {patience:?}");
            sleep(LOOK).await;
        }
    }

    fn found(&self, whom: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let messages = self.messages.lock();
        let messages = messages.expect("nobody panics while it is held");
        let mut to_them = messages.iter().filter(|(to, _)| to == whom);
        let found = to_them.find(|(_, message)| fits(message));
        found.map(|(_, message)| message.clone())
    }
}

async fn take(
    State(messages): State<Messages>,
    Path(whom): Path<String>,
    body: String,
) -> &'static str {
    let message = serde_json::from_str(&body).unwrap_or_default();
    let mut messages = messages.lock().expect("nobody panics while it is held");
    messages.push((whom, message));
    // As Slack answers.
    "ok"
}
