//! A gRPC call, whose failure is a 200 to HTTP.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::StreamBody;
use tower::service_fn;

use crate::{Observed, ended, support::*};

type Frame = http_body::Frame<Bytes>;

fn status(number: &'static str) -> HeaderMap {
    let name = HeaderName::from_static("grpc-status");
    HeaderMap::from_iter([(name, HeaderValue::from_static(number))])
}

#[tokio::test]
async fn a_servers_fault_is_an_error_and_a_clients_is_not() {
    for (number, error) in [
        ("0", ""),
        ("5", ""),
        ("13", "INTERNAL"),
        ("14", "UNAVAILABLE"),
        ("99", "UNKNOWN"),
    ] {
        let observed = Observed::new();
        let answers = service_fn(async move |_| {
            let frames = [Frame::data("hello".into()), Frame::trailers(status(number))];
            let frames = frames.map(Ok::<_, Broken>);
            let body = StreamBody::new(tokio_stream::iter(frames));
            Ok::<_, Broken>(Response::new(body))
        });
        read(observed.around(answers), get("/shop.Cart/Add")).await;
        assert_eq!(observed.ending(), ended("200", error), "{number}");
    }
}

#[tokio::test]
async fn a_status_may_come_with_the_head_and_that_of_http_goes_before() {
    for (http, error) in [(200, "UNAVAILABLE"), (503, "503")] {
        let observed = Observed::new();
        let refuses = service_fn(move |_| async move {
            let mut response = with_status(http);
            *response.headers_mut() = status("14");
            Ok::<_, Broken>(response)
        });
        read(observed.around(refuses), get("/shop.Cart/Add")).await;
        assert_eq!(observed.ending(), ended(&http.to_string(), error));
    }
}
