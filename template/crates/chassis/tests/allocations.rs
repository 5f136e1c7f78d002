//! What is allocated on the way of every request.

#![cfg(feature = "trace")]

use allocation_counter::measure;
use axum_chassis::trace::Propagation;
use http::{HeaderMap, HeaderValue, header::HOST};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost"))])
}

fn allocations(propagation: Propagation, headers: &HeaderMap) -> u64 {
    measure(|| drop(propagation.extract_context(headers))).count_total
}

#[test]
fn a_request_without_a_trace_costs_nothing() {
    let all = Propagation::w3c().with_b3().with_jaeger();
    assert_eq!(allocations(Propagation::w3c(), &headers()), 0);
    assert_eq!(allocations(all, &headers()), 0);
}

#[test]
fn a_traceparent_costs_the_context_alone() {
    let mut headers = headers();
    headers.insert("traceparent", HeaderValue::from_static(PARENT));
    assert_eq!(allocations(Propagation::w3c(), &headers), 1);
}

#[test]
fn a_malformed_traceparent_costs_nothing() {
    let mut headers = headers();
    headers.insert("traceparent", HeaderValue::from_static("malformed"));
    assert_eq!(allocations(Propagation::w3c(), &headers), 0);
}
