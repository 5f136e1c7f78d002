//! Clients that connect anew for each request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use hyper::Version;
use tokio::task::JoinSet;

use super::{Next, Tally, asking::Target};
use crate::{
    service::Service,
    shared::client::{Client, Transport},
};

/// Clients at work.
pub struct Connecting {
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Connecting {
    /// So many clients of each version begin.
    pub fn begin(transport: &Transport, service: &Service, clients: &[(Version, usize)]) -> Self {
        let target = Target {
            transport: transport.clone(),
            ..Target::items(service)
        };
        let (tally, stop) = (Arc::<Tally>::default(), Arc::<AtomicBool>::default());
        let all = clients
            .iter()
            .flat_map(|&(version, count)| std::iter::repeat_n(version, count));
        let clients = all.map(|version| {
            let (target, tally, stop) = (target.clone(), Arc::clone(&tally), Arc::clone(&stop));
            async move {
                while !stop.load(Relaxed) {
                    once(&target, version, &tally).await;
                }
            }
        });
        Self {
            clients: clients.collect(),
            tally,
            stop,
        }
    }

    pub async fn end(self) -> Arc<Tally> {
        self.stop.store(true, Relaxed);
        self.clients.join_all().await;
        self.tally
    }
}

async fn once(target: &Target, version: Version, tally: &Tally) {
    let mut client = match Client::connect(&target.transport, version, target.address).await {
        Ok(client) => client,
        Err(error) => return tally.unconnected(format!("no connection by {version:?}: {error}")),
    };
    let sent = client.send_request(target.request()).await;
    if let Next::Repeat = tally.settle(sent).await {
        tally.unconnected("closed before a request");
    }
}
