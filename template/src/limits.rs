//! What the service refuses because a bound is reached: answered, explained and
//! counted in one place.

use std::time::Duration;

use axum::{
    BoxError,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use axum_chassis::Cause;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};
use tower::timeout::error::Elapsed;

use crate::telemetry::names;

/// A bound of what clients may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Requests in work at one time.
    Concurrency,
    /// Time until the head of the answer.
    Time,
    /// Requests of one client.
    Rate,
    /// Bytes of a request's body.
    BodySize,
    /// Time for a request's body.
    BodyTime,
}

impl Limit {
    /// The setting that moves it.
    const fn setting(self) -> &'static str {
        match self {
            Self::Concurrency => "http.concurrent_requests",
            Self::Time => "http.request_timeout",
            Self::Rate => "clients.requests_per_second",
            Self::BodySize => "http.request_body_limit_bytes",
            Self::BodyTime => "http.request_body_timeout",
        }
    }

    /// The refusal: when to come back, and for the log the setting that it hit.
    pub(crate) fn refuse(self, status: StatusCode, wait: Duration) -> Response {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let mut response = (status, [(RETRY_AFTER, seconds.max(1).to_string())]).into_response();
        let cause = format!("the bound {} is reached", self.setting());
        response.extensions_mut().insert(Cause::new(cause));
        response.extensions_mut().insert(self);
        response
    }

    /// The limit that made this answer. Those of the body answer by their status alone.
    fn of<B>(response: &axum::http::Response<B>) -> Option<Self> {
        let marked = response.extensions().get().copied();
        marked.or(match response.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::BodySize),
            StatusCode::REQUEST_TIMEOUT => Some(Self::BodyTime),
            _ => None,
        })
    }
}

/// Answers for a service that had no room or took too long.
pub(crate) async fn refuse(error: BoxError) -> Response {
    let limit = if error.is::<Elapsed>() {
        Limit::Time
    } else {
        Limit::Concurrency
    };
    limit.refuse(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1))
}

/// Counts what is refused, by the setting that was hit.
#[derive(Clone, Debug)]
pub(crate) struct Refusals(Counter<u64>);

impl Refusals {
    pub(crate) fn new(meter: &Meter) -> Self {
        let refused = meter
            .u64_counter(names::limits::REFUSED)
            .with_description("Requests that were refused because a bound was reached.")
            .with_unit("{request}");
        Self(refused.build())
    }

    pub(crate) fn count<B>(&self, response: axum::http::Response<B>) -> axum::http::Response<B> {
        if let Some(limit) = Limit::of(&response) {
            let setting = KeyValue::new(names::limits::SETTING, limit.setting());
            self.0.add(1, &[setting]);
        }
        response
    }
}
