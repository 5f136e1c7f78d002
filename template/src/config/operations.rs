use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The private listener. It has no authentication: keep it off public networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Operations {
    /// Where probes and metrics are served. In a container that is probed from
    /// outside it must be `0.0.0.0:9090`.
    pub address: SocketAddr,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            address: ([127, 0, 0, 1], 9090).into(),
        }
    }
}
