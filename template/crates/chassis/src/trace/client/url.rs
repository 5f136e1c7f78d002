use http::{Request, uri::Authority};

use super::SecretUrl;
use crate::trace::capture::{Capture, REDACTED};

/// The scheme of the URL. An extension of the request is of another request: one that
/// is being served, and may be passed on with all that it has.
pub(super) fn scheme<B>(request: &Request<B>) -> &str {
    request.uri().scheme_str().unwrap_or("http")
}

/// `url.full`: what goes over the wire, without what is nobody's business.
pub(super) fn full<B>(request: &Request<B>, server: &Authority, capture: &Capture) -> String {
    let (scheme, uri) = (scheme(request), request.uri());
    let mut url = format!("{scheme}://");
    let address = match server.as_str().rsplit_once('@') {
        Some((_credentials, address)) => {
            url.push_str(&format!("{REDACTED}:{REDACTED}@"));
            address
        }
        None => server.as_str(),
    };
    url.push_str(address);
    if request.extensions().get::<SecretUrl>().is_some() {
        url.push('/');
        url.push_str(REDACTED);
        return url;
    }
    url.push_str(uri.path());
    if let Some(query) = uri.query() {
        url.push('?');
        url.push_str(&capture.redacted(query));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::head::server;

    fn shown(request: http::request::Builder) -> String {
        let request = request.body(()).unwrap();
        let mut capture = Capture::default();
        capture.query_parameters(["page".to_owned()].into_iter());
        full(&request, &server(&request).unwrap(), &capture)
    }

    #[test]
    fn credentials_and_values_are_kept_back() {
        for (url, expected) in [
            ("http://inventory", "http://inventory/"),
            ("https://[::1]:8443/a%20b", "https://[::1]:8443/a%20b"),
            ("http://ada:secret@h/", "http://REDACTED:REDACTED@h/"),
            ("http://token@h:1/", "http://REDACTED:REDACTED@h:1/"),
            (
                "http://h/?page=2&token=x&s3cret",
                "http://h/?page=2&token=REDACTED&REDACTED",
            ),
        ] {
            assert_eq!(shown(Request::get(url)), expected);
        }
    }

    #[test]
    fn of_a_secret_url_no_more_is_shown_than_whose_it_is() {
        for url in [
            "https://ada:s3cret@chat:81/hooks/s3cret?key=s3cret",
            "https://chat:81",
        ] {
            let request = Request::post(url).extension(SecretUrl);
            let shown = shown(request);
            assert!(shown.ends_with("chat:81/REDACTED"), "{shown}");
            assert!(shown.starts_with("https://"), "{shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }

    #[test]
    fn the_scheme_of_a_request_that_is_passed_on_is_not_that_of_its_url() {
        let request = Request::get("http://inventory/").extension(http::uri::Scheme::HTTPS);
        assert_eq!(shown(request), "http://inventory/");
    }

    #[test]
    fn a_path_alone_is_of_the_host_that_the_header_names() {
        let request = Request::get("/items?page=1").header("host", "inventory:81");
        assert_eq!(shown(request), "http://inventory:81/items?page=1");
    }
}
