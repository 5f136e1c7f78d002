//! Addresses for programs that must be told where to listen.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// A free one, by TCP and by UDP, and never the same twice: a program may not listen yet
/// when the next asks. It is below those that the system gives to whoever connects, so
/// that a program that is started again finds its own.
///
/// # Panics
///
/// If there is none.
pub fn free_address() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Who runs beside this begins elsewhere.
    let first = 20_000 + process::id() % 10_000;
    let next = || first + GIVEN.fetch_add(1, Relaxed);
    std::iter::repeat_with(next)
        .take_while(|port| *port < 32_000)
        .filter_map(|port| u16::try_from(port).ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok())
        .expect("some port between 30,000 and 32,000 is free")
}
