use std::net::IpAddr;

/// The address of the client, as an extension of the request: `client.address`.
///
/// It is for whoever knows it to set, outside of the layer: the address of the
/// connection where clients connect directly, or what a proxy that is known and
/// trusted has told. The layer itself believes no header.
///
/// ```
/// use std::net::Ipv4Addr;
///
/// use axum_chassis::trace::ClientAddress;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(ClientAddress(Ipv4Addr::LOCALHOST.into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);
