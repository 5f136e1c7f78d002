use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use http::{
    Request, Response,
    header::{HOST, USER_AGENT},
    uri::Authority,
};
use opentelemetry::KeyValue;
use tracing::{Level, Span, event, field, span};

use super::{ClientAddress, context, w3c};
use crate::{
    Cause, Route,
    names::{self, span::*},
    request::{self, OTHER},
    watch::{Outcome, Watch},
};

const TARGET: &str = "axum_chassis::trace";

/// The span of one request.
pub struct RequestSpan {
    span: Span,
    start: Instant,
    time_to_head: Option<Duration>,
    cause: Option<Cause>,
}

impl RequestSpan {
    pub(super) fn start<B>(request: &Request<B>) -> Self {
        let start = Instant::now();
        let span = server_span(request);
        if !span.is_disabled()
            && let Some(remote) = w3c::extract(request.headers())
        {
            context::continue_trace(&span, remote);
        }
        Self {
            span,
            start,
            time_to_head: None,
            cause: None,
        }
    }
}

impl Watch for RequestSpan {
    fn step<T>(&self, step: impl FnOnce() -> T) -> T {
        self.span.in_scope(step)
    }

    fn head<B>(&mut self, response: &Response<B>) {
        self.time_to_head = Some(self.start.elapsed());
        self.cause = response.extensions().get::<Cause>().cloned();
    }

    fn end(self, outcome: Outcome<'_>) {
        self.span.in_scope(|| self.log(&outcome));
        let failed = outcome.error_type().is_some();
        context::end(&self.span, failed, || self.attributes(&outcome));
    }
}

impl RequestSpan {
    fn log(&self, outcome: &Outcome<'_>) {
        macro_rules! finished {
            ($level:expr) => {
                event!(
                    target: TARGET,
                    $level,
                    { names::HTTP_RESPONSE_STATUS_CODE } = outcome.status.map(|s| s.as_u16()),
                    { names::ERROR_TYPE } = outcome.error_type().as_deref(),
                    duration_seconds = self.start.elapsed().as_secs_f64(),
                    cause = self.cause(outcome).map(field::display),
                    "request finished"
                )
            };
        }
        if outcome.is_server_error() {
            finished!(Level::ERROR);
        } else {
            finished!(Level::INFO);
        }
    }

    /// What ended the request, or else why its response is what it is.
    fn cause<'a>(&'a self, outcome: &Outcome<'a>) -> Option<&'a dyn Display> {
        let cause = self.cause.as_ref().map(|cause| cause as &dyn Display);
        outcome.error.or(cause)
    }

    /// What has become of the request: for the span only, the log event has its own.
    fn attributes(&self, outcome: &Outcome<'_>) -> Vec<KeyValue> {
        let status = outcome.status.map(|status| i64::from(status.as_u16()));
        let bytes = status.and(i64::try_from(outcome.body_bytes).ok());
        let seconds = self.time_to_head.as_ref().map(Duration::as_secs_f64);
        let optional = [
            status.map(|status| KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, status)),
            bytes.map(|bytes| KeyValue::new(HTTP_RESPONSE_BODY_SIZE, bytes)),
            seconds.map(|seconds| KeyValue::new(TIME_TO_HEAD_SECONDS, seconds)),
            outcome
                .error_type()
                .map(|error| KeyValue::new(names::ERROR_TYPE, error)),
        ];
        let ending = KeyValue::new(ENDING, outcome.ending());
        optional.into_iter().flatten().chain([ending]).collect()
    }
}

/// The span with all that the request itself tells.
fn server_span<B>(request: &Request<B>) -> Span {
    let method = request::method(request.method());
    let original = (method == OTHER).then(|| request.method().as_str());
    let route = Route::matched(request.extensions());
    let route = route.as_ref().map(Route::as_str);
    let client = request.extensions().get::<ClientAddress>();
    let server = server(request);
    span!(
        target: TARGET,
        Level::INFO,
        "request",
        { OTEL_NAME } = name(method, route),
        { OTEL_KIND } = "server",
        { names::HTTP_REQUEST_METHOD } = method,
        { HTTP_REQUEST_METHOD_ORIGINAL } = original,
        { names::HTTP_ROUTE } = route,
        { names::URL_SCHEME } = request::scheme(request),
        { URL_PATH } = request.uri().path(),
        { SERVER_ADDRESS } = server.as_ref().map(host),
        { SERVER_PORT } = server.as_ref().and_then(Authority::port_u16),
        { CLIENT_ADDRESS } = client.map(|client| field::display(client.0)),
        { names::NETWORK_PROTOCOL_VERSION } = request::protocol_version(request.version()),
        { USER_AGENT_ORIGINAL } = user_agent(request),
    )
}

/// The conventions' name: an unknown method is `HTTP` here.
fn name(method: &str, route: Option<&str>) -> String {
    let method = if method == OTHER { "HTTP" } else { method };
    match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

/// Whom the client asked: HTTP/2's `:authority`, or the header `Host`.
fn server<B>(request: &Request<B>) -> Option<Authority> {
    let told = request.uri().authority().cloned();
    told.or_else(|| request.headers().get(HOST)?.as_bytes().try_into().ok())
}

/// The name or address, an IPv6 address without its brackets.
fn host(server: &Authority) -> &str {
    let host = server.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host)
}

fn user_agent<B>(request: &Request<B>) -> Option<&str> {
    request.headers().get(USER_AGENT)?.to_str().ok()
}
