use std::net::{SocketAddr, TcpListener};

/// Free ones, below those that the system gives to whoever connects: a replica must find
/// its own again.
pub fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap_or_default();
    (first..32_000)
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .filter(|address| TcpListener::bind(address).is_ok())
        .take(count)
        .collect()
}
