//! Requests of all kinds, as long as it is in scope: good ones, those that a service refuses,
//! and clients that never finish.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{interval, timeout},
};

use crate::service::Service;

const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);

/// It ends when it goes out of scope.
pub struct Load(#[expect(dead_code, reason = "its tasks end with it")] JoinSet<()>);

impl Load {
    pub fn on(service: &Service) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(requests(
            service.http.clone(),
            service.url(""),
            service.token.clone(),
        ));
        tasks.spawn(unfinished(service.public));
        Self(tasks)
    }
}

async fn requests(http: Client, url: String, token: String) {
    let mut ticks = interval(PAUSE);
    for number in 0_u64.. {
        ticks.tick().await;
        let (method, path, is_known) = match number % 6 {
            0 => (Method::POST, "/api/v1/items", true),
            1 => (Method::GET, "/nowhere", true),
            2 => (Method::GET, "/api/v1/items", false),
            _ => (Method::GET, "/api/v1/items", true),
        };
        let mut request = http.request(method.clone(), format!("{url}{path}"));
        if is_known {
            request = request.bearer_auth(&token);
        }
        if method == Method::POST {
            // Each twice: the second is answered with what the first was.
            request = request
                .header("content-type", "application/json")
                .header("idempotency-key", format!("\"order-{}\"", number / 12))
                .body(r#"{"name": "lamp", "quantity": 3}"#);
        }
        // Whatever comes of it is what is looked at.
        let _ = request.send().await;
    }
}

/// Clients that begin a request and send no more: the service cuts them.
async fn unfinished(address: SocketAddr) {
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            return;
        };
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost:").await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    }
}
