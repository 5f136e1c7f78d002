//! Addresses of this machine at which nobody listens now.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use anyhow::{Result, anyhow};

/// So many, each another.
pub fn addresses<const COUNT: usize>() -> Result<[SocketAddr; COUNT]> {
    let listeners = (0..COUNT).map(|_| TcpListener::bind("127.0.0.1:0"));
    // All are held until the last one is known.
    let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr);
    let addresses = addresses.collect::<io::Result<Vec<_>>>()?;
    let all = <[_; COUNT]>::try_from(addresses);
    all.map_err(|others| anyhow!("{} addresses", others.len()))
}

pub fn port() -> Result<u16> {
    let [address] = addresses()?;
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_not_the_same() {
        let [one, two] = addresses().unwrap();
        assert_ne!(one, two);
    }
}
