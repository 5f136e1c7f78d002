use std::time::Instant;

use axum::http::{Method, Request};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};

use super::{
    Outcome,
    circuit::{Breaker, State},
};
use crate::telemetry::names::client as names;

/// The bounds that the semantic conventions advise, in seconds.
const DURATION_BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// What the calls to one service are counted by. Cheap to clone.
#[derive(Clone)]
pub(super) struct Metrics {
    client: KeyValue,
    duration: Histogram<f64>,
    retries: Counter<u64>,
    rejections: Counter<u64>,
}

/// An attempt that is measured until it ends, or is given up.
pub(super) struct Measured<'a> {
    metrics: &'a Metrics,
    start: Instant,
    attributes: Vec<KeyValue>,
}

impl Metrics {
    pub(super) fn new(name: &'static str, meter: &Meter, circuit: Breaker) -> Self {
        let client = KeyValue::new(names::CLIENT, name);
        observe(meter, client.clone(), circuit);
        Self {
            client,
            duration: meter
                .f64_histogram(names::REQUEST_DURATION)
                .with_description("Duration of HTTP client requests.")
                .with_unit("s")
                .with_boundaries(DURATION_BOUNDS.to_vec())
                .build(),
            retries: meter
                .u64_counter(names::RETRIES)
                .with_description("Requests to another service that could be repeated.")
                .with_unit("{request}")
                .build(),
            rejections: meter
                .u64_counter(names::REJECTIONS)
                .with_description("Requests that were not sent, as the circuit was open.")
                .with_unit("{request}")
                .build(),
        }
    }

    pub(super) fn start<B>(&self, request: &Request<B>) -> Measured<'_> {
        let uri = request.uri();
        let default_port = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(default_port);
        let attributes = vec![
            KeyValue::new(names::METHOD, method(request.method())),
            KeyValue::new(names::ADDRESS, uri.host().unwrap_or_default().to_owned()),
            KeyValue::new(names::PORT, i64::from(port)),
        ];
        Measured {
            metrics: self,
            start: Instant::now(),
            attributes,
        }
    }

    pub(super) fn retried(&self) {
        self.count_retry("sent");
    }

    pub(super) fn budget_was_empty(&self) {
        self.count_retry("no_budget");
    }

    fn count_retry(&self, outcome: &'static str) {
        let outcome = KeyValue::new(names::RETRY_OUTCOME, outcome);
        self.retries.add(1, &[self.client.clone(), outcome]);
    }

    pub(super) fn circuit_was_open(&self) {
        self.rejections.add(1, std::slice::from_ref(&self.client));
    }
}

impl Measured<'_> {
    pub(super) fn end(mut self, outcome: &Outcome) {
        let ended = match outcome {
            Ok(answer) => {
                let status = answer.status();
                let failed = status.is_client_error() || status.is_server_error();
                let error = failed.then(|| KeyValue::new(names::ERROR, status.as_str().to_owned()));
                let status = KeyValue::new(names::STATUS, i64::from(status.as_u16()));
                [Some(status), error]
            }
            Err(error) => [Some(KeyValue::new(names::ERROR, error.kind())), None],
        };
        self.attributes.extend(ended.into_iter().flatten());
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        let has_ended =
            |attribute: &KeyValue| [names::STATUS, names::ERROR].contains(&attribute.key.as_str());
        if !self.attributes.iter().any(has_ended) {
            self.attributes
                .push(KeyValue::new(names::ERROR, "cancelled"));
        }
        let seconds = self.start.elapsed().as_secs_f64();
        self.metrics.duration.record(seconds, &self.attributes);
    }
}

/// One of a few values, whatever a program sends.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

fn observe(meter: &Meter, client: KeyValue, circuit: Breaker) {
    const STATES: [(State, &str); 3] = [
        (State::Closed, "closed"),
        (State::HalfOpen, "half_open"),
        (State::Open, "open"),
    ];
    meter
        .u64_observable_gauge(names::CIRCUIT)
        .with_description("1 for the state in which the circuit is, 0 for the others.")
        .with_callback(move |observer| {
            let current = circuit.state();
            for (state, name) in STATES {
                let state_name = KeyValue::new(names::CIRCUIT_STATE, name);
                observer.observe(u64::from(state == current), &[client.clone(), state_name]);
            }
        })
        .build();
}
