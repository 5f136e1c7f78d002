//! What a request costs that is like one before.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum_chassis::{
    Route,
    metrics::{Labels, Metrics},
};
use bytes::Bytes;
use http::{Request, Response, header::CONTENT_LENGTH};
use http_body::Body;
use http_body_util::Full;
use tower::{Service, service_fn};

use crate::{DURATION, Observed};

fn request() -> Request<()> {
    let mut request = Request::post("/items/7")
        .header(CONTENT_LENGTH, "12")
        .body(())
        .expect("a valid request");
    let extensions = request.extensions_mut();
    extensions.insert(Route::new("/items/{id}"));
    extensions.insert(Labels::new([("tier", "gold"), ("ignored", "yes")]));
    request
}

fn answer(status: u16) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    let mut response = Response::new(Full::from("hello"));
    *response.status_mut() = status.try_into().expect("a valid status");
    ready(Ok(response))
}

/// Calls and reads to the end, without a runtime.
fn call<S>(service: &mut Metrics<S>, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible>,
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

#[test]
fn a_request_like_one_before_allocates_nothing() {
    for status in [200, 404, 503] {
        let observed = Observed::with(|layer| layer.label("tier"));
        let mut service = observed.around(service_fn(move |_| answer(status)));
        call(&mut service, request());

        let next = request();
        let allocations = allocation_counter::measure(|| call(&mut service, next));

        assert_eq!(allocations.count_total, 0, "{status}");
        assert!(observed.only(DURATION).ends_with(" 2"));
    }
}

#[test]
fn a_request_beyond_the_ceiling_allocates_nothing_either() {
    let observed = Observed::with(|layer| layer.series_ceiling(0));
    let mut service = observed.around(service_fn(|_| answer(200)));
    call(&mut service, request());

    let next = request();
    let allocations = allocation_counter::measure(|| call(&mut service, next));

    assert_eq!(allocations.count_total, 0);
}
