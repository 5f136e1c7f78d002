use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};

use crate::names::metric::{
    ACTIVE_REQUESTS, REQUEST_BODY_SIZE, REQUEST_DURATION, RESPONSE_BODY_SIZE,
};

/// As the conventions advise for `http.server.request.duration`.
const DURATION_BOUNDS_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The conventions advise none; these go from 64 B to 64 MiB by factors of four.
const SIZE_BOUNDS_BYTES: [f64; 11] = [
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// What all requests are recorded with.
#[derive(Debug)]
pub(super) struct Instruments {
    pub(super) active_requests: UpDownCounter<i64>,
    pub(super) request_body_bytes: Histogram<u64>,
    pub(super) request_duration_seconds: Histogram<f64>,
    pub(super) response_body_bytes: Histogram<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            active_requests: meter
                .i64_up_down_counter(ACTIVE_REQUESTS)
                .with_description("Number of active HTTP server requests.")
                .with_unit("{request}")
                .build(),
            request_body_bytes: size(
                meter,
                REQUEST_BODY_SIZE,
                "Size of HTTP server request bodies.",
            ),
            request_duration_seconds: meter
                .f64_histogram(REQUEST_DURATION)
                .with_description("Duration of HTTP server requests.")
                .with_unit("s")
                .with_boundaries(DURATION_BOUNDS_SECONDS.to_vec())
                .build(),
            response_body_bytes: size(
                meter,
                RESPONSE_BODY_SIZE,
                "Size of HTTP server response bodies.",
            ),
        }
    }
}

fn size(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<u64> {
    meter
        .u64_histogram(name)
        .with_description(description)
        .with_unit("By")
        .with_boundaries(SIZE_BOUNDS_BYTES.to_vec())
        .build()
}
