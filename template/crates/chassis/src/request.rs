//! What both layers read from the head of a message.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header::CONTENT_LENGTH,
    uri::Scheme,
};

/// Stands for every method that is not known.
pub(crate) const OTHER: &str = "_OTHER";

/// The methods that become names and labels; each other one is [`OTHER`]. They are
/// case-sensitive.
#[derive(Clone, Debug)]
pub(crate) struct KnownMethods(Arc<[&'static str]>);

/// Those of RFC 9110, section 9, PATCH (RFC 5789) and QUERY (RFC 10008).
impl Default for KnownMethods {
    fn default() -> Self {
        Self(Arc::new([
            "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY",
        ]))
    }
}

impl FromIterator<&'static str> for KnownMethods {
    fn from_iter<I: IntoIterator<Item = &'static str>>(methods: I) -> Self {
        Self(methods.into_iter().collect())
    }
}

impl KnownMethods {
    /// Its place among them; that of all others comes after the last.
    pub(crate) fn number(&self, method: &Method) -> usize {
        let known = self.0.iter().position(|known| *known == method.as_str());
        known.unwrap_or(self.0.len())
    }

    /// The one with this number.
    pub(crate) fn name(&self, number: usize) -> &'static str {
        self.0.get(number).copied().unwrap_or(OTHER)
    }

    /// The one that it is.
    #[cfg(any(feature = "trace", test))]
    pub(crate) fn name_of(&self, method: &Method) -> &'static str {
        self.name(self.number(method))
    }

    /// How many numbers there are.
    #[cfg(feature = "metrics")]
    pub(crate) fn numbers(&self) -> usize {
        self.0.len() + 1
    }
}

/// `http` or `https`: from the extension [`Scheme`], which whoever terminates
/// TLS may set, else from the request's target.
pub(crate) fn scheme<B>(request: &Request<B>) -> &'static str {
    let told = request.extensions().get::<Scheme>();
    if told.or(request.uri().scheme()) == Some(&Scheme::HTTPS) {
        "https"
    } else {
        "http"
    }
}

/// `1.1`, `2` and so on, as `network.protocol.version` has it.
pub(crate) fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// How long the body is by the header, in bytes.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let length = header(headers, CONTENT_LENGTH).next()?;
    length.to_str().ok()?.parse().ok()
}

/// The values of a header, for what is asked of every message: to look at all names
/// takes less time than to hash one, as long as they are as few as servers let in.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    let of_name = headers.iter().filter(move |(known, _)| **known == name);
    of_name.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_other_case_or_name_is_other() {
        let methods = KnownMethods::default();
        assert_eq!(methods.name_of(&Method::PATCH), "PATCH");
        for unknown in ["get", "PROPFIND", "X"] {
            assert_eq!(methods.name_of(&unknown.parse().unwrap()), "_OTHER");
        }
    }

    #[test]
    fn who_terminates_tls_knows_the_scheme() {
        let mut request = Request::get("/").body(()).unwrap();
        assert_eq!(scheme(&request), "http");

        request.extensions_mut().insert(Scheme::HTTPS);
        assert_eq!(scheme(&request), "https");
    }

    #[test]
    fn a_scheme_that_a_client_made_up_is_http() {
        let request = Request::get("gopher://host/").body(()).unwrap();
        assert_eq!(scheme(&request), "http");
    }
}
