//! What a request costs that is not sampled.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum_chassis::trace::TraceLayer;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::{Layer, Service, service_fn};

use crate::PARENT;

fn answer() -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::from("hello"))))
}

/// Calls and reads to the end, without a runtime.
fn call<S, B>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = pin!(service.call(request));
    let Poll::Ready(Ok(response)) = call.as_mut().poll(&mut cx) else {
        panic!("the service is ready at once");
    };
    let mut body = pin!(response.into_body());
    while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut cx) {
        frame.expect("a body that does not fail");
    }
}

fn allocations(traceparent: &str) -> u64 {
    let provider = SdkTracerProvider::builder().build();
    let layer = TraceLayer::new(provider.tracer("test"));
    let request = || {
        let request = Request::get("/").header("traceparent", traceparent);
        request.body(()).expect("a valid request")
    };
    let mut service = layer.layer(service_fn(|_| answer()));
    call(&mut service, request());

    let next = request();
    allocation_counter::measure(|| call(&mut service, next)).count_total
}

#[test]
fn a_request_that_is_not_sampled_allocates_its_callers_context_and_its_own() {
    let unsampled = format!("{}-00", &PARENT[..52]);
    assert_eq!(allocations(&unsampled), 2);
}

#[test]
fn a_request_that_is_sampled_allocates_its_span_and_its_attributes_at_once() {
    // Both contexts, the span's box, the list of attributes, and the path.
    assert_eq!(allocations(PARENT), 5);
}

#[test]
fn a_layer_that_axum_applies_to_each_request_allocates_nothing() {
    let provider = SdkTracerProvider::builder().build();
    let layer = TraceLayer::new(provider.tracer("test"));
    let applied = allocation_counter::measure(|| drop(layer.layer(())));
    assert_eq!(applied.count_total, 0);
}
