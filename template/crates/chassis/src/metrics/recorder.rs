use std::{sync::Arc, time::Instant};

use http::{HeaderMap, Request, Response, Version};

use super::{
    Labels,
    cache::{Measured, SeriesCache},
    series::{Fixed, LabelValues, Query},
};
use crate::{
    Route, grpc, request,
    watch::{Outcome, Watch},
};

/// Counts one request while it is there, and records it when it is over.
pub struct Recorder {
    cache: Arc<SeriesCache>,
    start: Instant,
    /// Its number among the known ones.
    method: usize,
    is_https: bool,
    version: Version,
    route: Option<Route>,
    request_bytes: Option<u64>,
    request_labels: Option<Labels>,
    response_labels: Option<Labels>,
    grpc_status: Option<grpc::Status>,
}

impl Recorder {
    pub(super) fn start<B>(cache: Arc<SeriesCache>, request: &Request<B>) -> Self {
        let extensions = request.extensions();
        let recorder = Self {
            start: Instant::now(),
            method: cache.methods().number(request.method()),
            is_https: request::scheme(request) == "https",
            version: request.version(),
            route: Route::matched(extensions),
            request_bytes: request::content_length(request.headers()),
            request_labels: cache.labels(extensions),
            response_labels: None,
            grpc_status: None,
            cache,
        };
        recorder.count(1);
        recorder
    }

    /// More, or fewer, requests in flight.
    fn count(&self, change: i64) {
        self.cache.count(self.method, self.is_https, change);
    }

    /// What tells its series from others.
    fn query(&self, outcome: &Outcome<'_>) -> Query<'_> {
        let grpc_error = self.grpc_status.and_then(grpc::Status::server_error);
        Query {
            fixed: Fixed {
                method: self.method,
                is_https: self.is_https,
                version: self.version,
                status: outcome.status,
                error_type: outcome.error_type().or(grpc_error),
            },
            route: self.route.as_ref().map(Route::as_str),
            labels: LabelValues {
                keys: self.cache.label_keys(),
                response: self.response_labels.as_ref(),
                request: self.request_labels.as_ref(),
            },
        }
    }
}

impl Watch for Recorder {
    fn head<B>(&mut self, response: &Response<B>) {
        self.response_labels = self.cache.labels(response.extensions());
        self.trailers(response.headers());
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        if self.grpc_status.is_none() {
            self.grpc_status = grpc::Status::of(trailers);
        }
    }

    fn end(self, outcome: Outcome<'_>) {
        self.count(-1);
        let measured = Measured {
            seconds: self.start.elapsed().as_secs_f64(),
            request_bytes: self.request_bytes,
            response_bytes: outcome.status.and(Some(outcome.body_bytes)),
        };
        self.cache.record(&self.query(&outcome), &measured);
    }
}
