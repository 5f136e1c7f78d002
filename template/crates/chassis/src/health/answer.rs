use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};

use super::report::{Report, Status};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/health+json");

/// Answers a probe: a word, with `?verbose` a line for each check, or a document.
pub(super) fn answer<ReqBody, ResBody>(
    request: &Request<ReqBody>,
    mut report: Report,
) -> Response<ResBody>
where
    ResBody: From<Bytes>,
{
    let by_get = request.method() == Method::GET;
    if !by_get && request.method() != Method::HEAD {
        return method_not_allowed();
    }
    let query = request.uri().query();
    for name in values(query, "exclude") {
        report.exclude(name);
    }
    let (status, word) = match report.status() {
        Status::Pass | Status::Warn => (StatusCode::OK, "ok\n"),
        Status::Fail => (StatusCode::SERVICE_UNAVAILABLE, "unavailable\n"),
    };
    let (content_type, content) = if accepts_json(request.headers()) {
        (JSON, Bytes::from(report.to_json()))
    } else if values(query, "verbose").next().is_some() {
        (TEXT, Bytes::from(report.to_text()))
    } else {
        (TEXT, Bytes::from_static(word.as_bytes()))
    };
    let length = content.len();
    let content = if by_get { content } else { Bytes::new() };

    let mut response = Response::new(ResBody::from(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CONTENT_LENGTH, length.into());
    response
}

fn method_not_allowed<ResBody: From<Bytes>>() -> Response<ResBody> {
    let mut response = Response::new(ResBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// The values of all parameters of this name; empty where there is a name alone.
fn values<'a>(query: Option<&'a str>, name: &str) -> impl Iterator<Item = &'a str> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.filter_map(move |pair| match pair.split_once('=') {
        Some((key, value)) => (key == name).then_some(value),
        None => (pair == name).then_some(""),
    })
}

/// Whether JSON is asked for by name: a browser and a probe of Kubernetes do not.
fn accepts_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let mut ranges = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next());
    ranges.any(|range| {
        let range = range.trim();
        range.eq_ignore_ascii_case("application/health+json")
            || range.eq_ignore_ascii_case("application/json")
    })
}
