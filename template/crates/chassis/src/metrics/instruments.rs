use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

use crate::names::metric::{
    ACTIVE_REQUESTS, OVERFLOWED_REQUESTS, REQUEST_BODY_SIZE, REQUEST_DURATION, RESPONSE_BODY_SIZE,
};

/// The conventions advise none; these go from 64 B to 64 MiB by factors of four.
const SIZE_BOUNDARIES_BYTES: [f64; 11] = [
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
    pub(super) overflowed_requests: Counter<u64>,
    pub(super) request_body_bytes: Histogram<u64>,
    pub(super) request_duration_seconds: Histogram<f64>,
    pub(super) response_body_bytes: Histogram<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, duration_boundaries_seconds: Vec<f64>) -> Self {
        Self {
            active_requests: meter
                .i64_up_down_counter(ACTIVE_REQUESTS)
                .with_description("Number of active HTTP server requests.")
                .with_unit("{request}")
                .build(),
            overflowed_requests: meter
                .u64_counter(OVERFLOWED_REQUESTS)
                .with_description("HTTP server requests beyond the ceiling of series.")
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
                .with_boundaries(duration_boundaries_seconds)
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
        .with_boundaries(SIZE_BOUNDARIES_BYTES.to_vec())
        .build()
}
