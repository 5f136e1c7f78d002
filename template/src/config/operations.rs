use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Faults;

/// The private listener. It has no authentication: keep it off public networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Operations {
    /// Where probes and metrics are served. In a container that is probed from
    /// outside it must be `0.0.0.0:9090`.
    pub address: SocketAddr,
    /// Connections at one time; above it they wait to be accepted.
    pub connections: usize,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            address: ([127, 0, 0, 1], 9090).into(),
            connections: 64,
        }
    }
}

impl Operations {
    pub(super) fn validate(&self, faults: &mut Faults) {
        if self.connections == 0 {
            faults.add("operations.connections", 0, "must be 1 or more");
        }
    }
}
