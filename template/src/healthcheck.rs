use std::{
    io::{self, BufRead, BufReader, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks this host's own readiness probe, for images that have neither shell nor curl.
///
/// # Errors
///
/// What the probe answered, or why it could not be asked.
pub(crate) fn ask(address: SocketAddr) -> Result<(), io::Error> {
    let address = reachable(address);
    let probe = format!("http://{address}/readyz");
    let status = status(address).map_err(|error| {
        let reason = format!("{probe} (operations.address) cannot be asked: {error}");
        io::Error::new(error.kind(), reason)
    })?;
    match status.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        _ => Err(io::Error::other(format!(
            "not ready: {probe}?verbose tells why: {}",
            status.trim()
        ))),
    }
}

fn status(address: SocketAddr) -> Result<String, io::Error> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    Ok(status)
}

/// A listener on all addresses is asked on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
