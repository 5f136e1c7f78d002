//! Headers of every answer: they keep it from being used for what it is not meant for, and
//! say where it came from.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};
use axum_chassis::trace::current_trace_id;

/// What leads to the trace, and to the lines of the log; a proxy logs it too.
pub(crate) const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// For an API, as OWASP's REST Security Cheat Sheet has them: its answers are data, and
/// no page.
const ALWAYS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

/// Sets those that the handler has not set itself. What has an ETag may be kept by its
/// client, but is asked for each time; nothing else is kept by anyone (RFC 9111
/// section 5.2.2).
pub(crate) fn secure<B>(mut response: Response<B>) -> Response<B> {
    let headers = response.headers_mut();
    // At once: else the table grows, and is filled anew, twice.
    headers.reserve(ALWAYS.len() + 4);
    for (name, value) in ALWAYS {
        set(headers, name, value);
    }
    let caching = match headers.contains_key(ETAG) {
        true => "private, no-cache",
        false => "no-store",
    };
    set(headers, CACHE_CONTROL, caching);
    response
}

/// Says in which trace it was made.
pub(crate) fn name_trace<B>(mut response: Response<B>) -> Response<B> {
    let id = current_trace_id().map(|id| HeaderValue::try_from(id.to_string()));
    if let Some(Ok(id)) = id {
        response.headers_mut().insert(X_TRACE_ID, id);
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}
