use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};

use super::report::{Report, Status};

/// Answers a probe: a word, or with `?verbose` the whole report.
pub(super) fn answer<ReqBody, ResBody>(
    request: &Request<ReqBody>,
    report: &Report,
) -> Response<ResBody>
where
    ResBody: From<Bytes>,
{
    let by_get = request.method() == Method::GET;
    if !by_get && request.method() != Method::HEAD {
        return method_not_allowed();
    }
    let (status, word) = match report.status {
        Status::Pass | Status::Warn => (StatusCode::OK, "ok\n"),
        Status::Fail => (StatusCode::SERVICE_UNAVAILABLE, "unavailable\n"),
    };
    let (content_type, content) = match is_verbose(request.uri().query()) {
        true => ("application/health+json", Bytes::from(report.to_json())),
        false => (
            "text/plain; charset=utf-8",
            Bytes::from_static(word.as_bytes()),
        ),
    };
    let length = content.len();
    let content = if by_get { content } else { Bytes::new() };

    let mut response = Response::new(ResBody::from(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
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

/// Whether the query has `verbose`, with a value or without.
fn is_verbose(query: Option<&str>) -> bool {
    let mut names = query
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split('=').next());
    names.any(|name| name == Some("verbose"))
}
