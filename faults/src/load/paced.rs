//! Clients that ask at a rate, whatever the answers take.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{Request, Version, body::Bytes};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant as Tick, interval_at},
};
use uuid::Uuid;

use super::{Next, Tally, Times};
use crate::shared::client::{Client, Transport};

const CONNECTIONS: u32 = 64;
/// Every tenth request makes an item; the others list them.
const WRITES: u64 = 10;

/// Clients at work.
pub struct Paced {
    pub tally: Arc<Tally>,
    /// From the moment in which it was time to ask.
    pub times: Arc<Times>,
    begun: Instant,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Paced {
    /// So many requests a second, over kept connections of HTTP/1.1.
    pub fn begin(address: SocketAddr, bearer: &str, per_second: u32) -> Self {
        Self::by(&Transport::Plain, address, bearer, per_second)
    }

    /// The same by a transport.
    pub fn by(transport: &Transport, address: SocketAddr, bearer: &str, per_second: u32) -> Self {
        let mut paced = Self {
            tally: Arc::default(),
            times: Arc::default(),
            begun: Instant::now(),
            stop: Arc::default(),
            clients: JoinSet::new(),
        };
        let period = Duration::from_secs(1) * CONNECTIONS / per_second;
        for number in 0..CONNECTIONS {
            // They do not ask all at once.
            let first = Tick::now() + period * number / CONNECTIONS;
            let mut client = PacedClient {
                transport: transport.clone(),
                address,
                bearer: bearer.to_owned(),
                connection: None,
                tally: Arc::clone(&paced.tally),
            };
            let (times, stop) = (Arc::clone(&paced.times), Arc::clone(&paced.stop));
            paced.clients.spawn(async move {
                let mut ticks = interval_at(first, period);
                for count in 0.. {
                    let due = ticks.tick().await;
                    if stop.load(Relaxed) {
                        return;
                    }
                    client.ask((count + u64::from(number)) % WRITES == 0).await;
                    times.took(due.elapsed());
                }
            });
        }
        paced
    }

    /// Ends it: what became of the requests, and how many there were a second.
    pub async fn end(self) -> (Arc<Tally>, f64) {
        self.stop.store(true, Relaxed);
        self.clients.join_all().await;
        let per_second = self.tally.all() as f64 / self.begun.elapsed().as_secs_f64();
        (self.tally, per_second)
    }
}

struct PacedClient {
    transport: Transport,
    address: SocketAddr,
    bearer: String,
    connection: Option<Client>,
    tally: Arc<Tally>,
}

impl PacedClient {
    /// One request, over another connection if the server has closed this one.
    async fn ask(&mut self, writes: bool) {
        loop {
            let client = match &mut self.connection {
                Some(client) => client,
                None => {
                    match Client::connect(&self.transport, Version::HTTP_11, self.address).await {
                        Ok(client) => self.connection.insert(client),
                        Err(error) => return self.tally.unconnected(error),
                    }
                }
            };
            let sent = client.send_request(request(&self.bearer, writes)).await;
            match self.tally.settle(sent).await {
                Next::Ask => return,
                Next::Leave => {
                    self.connection = None;
                    return;
                }
                Next::Repeat => self.connection = None,
            }
        }
    }
}

fn request(bearer: &str, writes: bool) -> Request<Full<Bytes>> {
    let request = Request::builder()
        .uri("/api/v1/items")
        .header("host", "localhost")
        .header("authorization", bearer);
    let request = if writes {
        let item = json!({ "name": Uuid::now_v7().to_string(), "quantity": 1 });
        request
            .method("POST")
            .header("content-type", "application/json")
            .body(Full::from(item.to_string()))
    } else {
        request.body(Full::default())
    };
    request.expect("a request of constants")
}
