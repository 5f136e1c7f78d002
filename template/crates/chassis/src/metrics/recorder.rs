use std::{sync::Arc, time::Instant};

use http::Request;
use opentelemetry::KeyValue;

use super::Instruments;
use crate::{
    Route,
    names::{
        ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE,
        NETWORK_PROTOCOL_VERSION, URL_SCHEME,
    },
    request,
    watch::{Outcome, Watch},
};

/// Counts one request while it is there, and records it when it is over.
pub struct Recorder {
    instruments: Arc<Instruments>,
    start: Instant,
    method: &'static str,
    scheme: &'static str,
    protocol_version: Option<&'static str>,
    route: Option<Route>,
    request_bytes: Option<u64>,
}

impl Recorder {
    pub(super) fn start<B>(instruments: Arc<Instruments>, request: &Request<B>) -> Self {
        let recorder = Self {
            instruments,
            start: Instant::now(),
            method: request::method(request.method()),
            scheme: request::scheme(request),
            protocol_version: request::protocol_version(request.version()),
            route: Route::matched(request.extensions()),
            request_bytes: request::content_length(request.headers()),
        };
        recorder.count(1);
        recorder
    }

    /// More, or fewer, requests in flight.
    fn count(&self, change: i64) {
        let attributes = [
            KeyValue::new(HTTP_REQUEST_METHOD, self.method),
            KeyValue::new(URL_SCHEME, self.scheme),
        ];
        self.instruments.active_requests.add(change, &attributes);
    }

    fn attributes(&self, outcome: &Outcome<'_>) -> Vec<KeyValue> {
        let version = self.protocol_version;
        let status = outcome.status.map(|status| i64::from(status.as_u16()));
        let optional = [
            version.map(|version| KeyValue::new(NETWORK_PROTOCOL_VERSION, version)),
            self.route
                .as_ref()
                .map(|route| KeyValue::new(HTTP_ROUTE, route.as_str().to_owned())),
            status.map(|status| KeyValue::new(HTTP_RESPONSE_STATUS_CODE, status)),
            outcome
                .error_type()
                .map(|error| KeyValue::new(ERROR_TYPE, error)),
        ];
        let always = [
            KeyValue::new(HTTP_REQUEST_METHOD, self.method),
            KeyValue::new(URL_SCHEME, self.scheme),
        ];
        always
            .into_iter()
            .chain(optional.into_iter().flatten())
            .collect()
    }
}

impl Watch for Recorder {
    fn end(self, outcome: Outcome<'_>) {
        self.count(-1);
        let seconds = self.start.elapsed().as_secs_f64();
        let attributes = self.attributes(&outcome);
        let instruments = &self.instruments;
        instruments
            .request_duration_seconds
            .record(seconds, &attributes);
        if let Some(bytes) = self.request_bytes {
            instruments.request_body_bytes.record(bytes, &attributes);
        }
        if outcome.status.is_some() {
            instruments
                .response_body_bytes
                .record(outcome.body_bytes, &attributes);
        }
    }
}
