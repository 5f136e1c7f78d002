//! What both layers read from the head of a message.

use http::{HeaderMap, Method, Request, Version, header::CONTENT_LENGTH, uri::Scheme};

/// Stands for every method that is not known.
pub(crate) const OTHER: &str = "_OTHER";

/// The method if it is one of RFC 9110, section 9, PATCH (RFC 5789) or QUERY
/// (RFC 10008), else [`OTHER`]. Methods are case-sensitive.
pub(crate) fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 10] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or(OTHER)
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
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_other_case_or_name_is_other() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        for unknown in ["get", "PROPFIND", "X"] {
            assert_eq!(method(&unknown.parse().unwrap()), "_OTHER");
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
