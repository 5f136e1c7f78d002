//! Clients that ask, one request after the other, over connections that are kept.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use http_body_util::Full;
use hyper::{Request, Version, body::Bytes};
use tokio::task::JoinSet;

use super::{Next, Tally};
use crate::{
    service::Service,
    shared::client::{Client, Transport},
};

/// What all clients ask, and whom.
#[derive(Clone)]
pub struct Target {
    pub transport: Transport,
    pub address: SocketAddr,
    pub path: &'static str,
    /// For `Authorization`.
    pub bearer: String,
}

/// Clients at work.
pub struct Asking {
    pub tally: Arc<Tally>,
    stop: Arc<Stop>,
    clients: JoinSet<()>,
}

/// What the clients are told.
#[derive(Default)]
struct Stop {
    connecting: AtomicBool,
    asking: AtomicBool,
}

impl Target {
    /// The list of items, by plain HTTP.
    pub fn items(service: &Service) -> Self {
        Self {
            transport: Transport::Plain,
            address: service.public,
            path: "/api/v1/items",
            bearer: service.bearer(),
        }
    }

    pub fn request(&self) -> Request<Full<Bytes>> {
        self.request_of(self.path)
    }

    pub fn request_of(&self, path: &str) -> Request<Full<Bytes>> {
        Request::get(format!("http://localhost{path}"))
            .header("host", "localhost")
            .header("authorization", &self.bearer)
            .body(Full::default())
            .expect("a request of constants")
    }
}

impl Asking {
    /// So many clients of each version begin.
    pub fn begin(target: &Target, clients: &[(Version, usize)]) -> Self {
        let mut asking = Self {
            tally: Arc::default(),
            stop: Arc::default(),
            clients: JoinSet::new(),
        };
        for &(version, count) in clients {
            for _ in 0..count {
                let (tally, stop) = (Arc::clone(&asking.tally), Arc::clone(&asking.stop));
                asking
                    .clients
                    .spawn(ask(target.clone(), version, tally, stop));
            }
        }
        asking
    }

    /// From now on nobody connects any more: what a load balancer knows.
    pub fn stop_connecting(&self) {
        self.stop.connecting.store(true, Relaxed);
    }

    /// Nobody asks any more either.
    pub fn stop_asking(&self) {
        self.stop_connecting();
        self.stop.asking.store(true, Relaxed);
    }

    /// Waits until every client's connection is over.
    pub async fn finished(self) -> Arc<Tally> {
        self.clients.join_all().await;
        self.tally
    }
}

/// Asks as long as its connection may be used, and then over the next one.
async fn ask(target: Target, version: Version, tally: Arc<Tally>, stop: Arc<Stop>) {
    while !stop.connecting.load(Relaxed) {
        match Client::connect(&target.transport, version, target.address).await {
            Ok(client) => over(client, &target, &tally, &stop).await,
            // Later than the load balancer: it knows at once, and asks another.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return,
            Err(error) => tally.unconnected(format!("no connection by {version:?}: {error}")),
        }
    }
}

async fn over(mut client: Client, target: &Target, tally: &Tally, stop: &Stop) {
    while !stop.asking.load(Relaxed) {
        match tally
            .settle(client.send_request(target.request()).await)
            .await
        {
            Next::Ask => {}
            Next::Leave | Next::Repeat => return,
        }
    }
}
