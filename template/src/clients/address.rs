use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, header::FORWARDED},
};
use axum_chassis::trace::ClientAddress;
use ipnet::IpNet;

use crate::config::{Clients, ForwardedBy};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are believed when they say whom they speak for.
#[derive(Clone, Debug)]
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    forwarded_by: ForwardedBy,
}

impl Proxies {
    pub(crate) fn new(clients: &Clients) -> Self {
        Self {
            trusted: clients.trusted_proxies.clone(),
            forwarded_by: clients.forwarded_by,
        }
    }

    /// Puts the client's address into the request's extensions.
    pub(crate) fn name_client(&self, mut request: Request) -> Request {
        if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
            let client = self.client(peer.ip().to_canonical(), request.headers());
            request.extensions_mut().insert(ClientAddress(client));
        }
        request
    }

    /// The nearest address that no trusted proxy has.
    ///
    /// Every proxy adds whom it heard from at the end, so the list is read from there,
    /// and only for as long as the one who wrote an entry is trusted. What comes before
    /// may be made up by the client. An entry that is no address ends the search: the
    /// proxy that wrote it is then as far as one can see.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let mut heard = self.heard(headers);
        while self.trusts(client) {
            match heard.next().and_then(parse) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whom each proxy says that it heard from, the nearest first. Read only as far as is
    /// asked for: how long the list is, is the client's to say.
    fn heard<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let (name, address): (_, fn(&'a str) -> &'a str) = match self.forwarded_by {
            ForwardedBy::XForwardedFor => (&X_FORWARDED_FOR, |entry| entry),
            ForwardedBy::Forwarded => (&FORWARDED, for_parameter),
        };
        let fields = headers.get_all(name).iter().rev();
        // Entry by entry: a client may have begun the field with what is no text.
        let entries = fields.flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
        entries.map(move |entry| address(str::from_utf8(entry).unwrap_or_default()))
    }
}

/// The `for` of an element such as `for="[2001:db8::1]:4711";proto=https` (RFC 7239
/// section 4).
fn for_parameter(element: &str) -> &str {
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    value.unwrap_or_default().trim().trim_matches('"')
}

/// An address as proxies write it, with a port or without: `192.0.2.1`, `192.0.2.1:80`,
/// `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn client(forwarded_by: ForwardedBy, peer: &str, fields: &[&str]) -> String {
        let name = match forwarded_by {
            ForwardedBy::XForwardedFor => X_FORWARDED_FOR,
            ForwardedBy::Forwarded => FORWARDED,
        };
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(&name, field.parse().unwrap());
        }
        let proxies = Proxies::new(&Clients {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            forwarded_by,
            ..Clients::default()
        });
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    fn by_list(peer: &str, fields: &[&str]) -> String {
        client(ForwardedBy::XForwardedFor, peer, fields)
    }

    #[test]
    fn who_is_no_proxy_of_ours_is_not_believed() {
        assert_eq!(by_list("192.0.2.7", &["198.51.100.1"]), "192.0.2.7");
    }

    #[test]
    fn a_trusted_proxy_says_whom_it_heard_from() {
        assert_eq!(by_list(PROXY, &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(by_list("fd00::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(by_list(PROXY, &[]), PROXY);
    }

    #[test]
    fn what_the_client_wrote_itself_is_passed_over() {
        assert_eq!(by_list(PROXY, &["127.0.0.1, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(
            by_list(PROXY, &["127.0.0.1", "192.0.2.7, 10.9.9.9"]),
            "192.0.2.7"
        );
        assert_eq!(by_list(PROXY, &["\u{fc}, 192.0.2.7"]), "192.0.2.7");
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_search() {
        for entry in ["unknown", "_hidden", "", "192.0.2", "999.0.0.1"] {
            assert_eq!(by_list(PROXY, &["192.0.2.7", entry]), PROXY, "{entry}");
        }
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        for (written, read) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(by_list(PROXY, &[written]), read);
        }
    }

    #[test]
    fn the_standard_field_is_read_by_its_for_parameter() {
        let by_standard = |fields: &[&str]| client(ForwardedBy::Forwarded, PROXY, fields);
        assert_eq!(
            by_standard(&["for=192.0.2.7;proto=https;by=10.0.0.1"]),
            "192.0.2.7"
        );
        assert_eq!(
            by_standard(&["proto=https; FOR=\"[2001:db8::7]:4711\""]),
            "2001:db8::7"
        );
        assert_eq!(by_standard(&["for=127.0.0.1, for=192.0.2.7"]), "192.0.2.7");
        assert_eq!(by_standard(&["for=192.0.2.7, proto=https"]), PROXY);
    }
}
