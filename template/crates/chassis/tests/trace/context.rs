//! How traces go from process to process, and what belongs to a span.

use std::sync::{Arc, Mutex};

use axum_chassis::trace::{Propagation, current_trace_id};
use http::{HeaderMap, Response};
use opentelemetry::Context;
use tower::service_fn;
use tracing::{Instrument, info_span};

use crate::{Exported, PARENT, support::*, traced};

#[tokio::test]
async fn the_trace_of_the_caller_goes_on() {
    let exported = Exported::new();
    let mut request = get("/");
    request
        .headers_mut()
        .insert("traceparent", PARENT.parse().unwrap());
    request
        .headers_mut()
        .append("tracestate", "a=1".parse().unwrap());
    request
        .headers_mut()
        .append("tracestate", "b=2".parse().unwrap());
    let sent = Arc::new(Mutex::new(HeaderMap::new()));
    let calls_on = service_fn(async |_| {
        assert_eq!(current_trace_id().unwrap().to_string(), PARENT[3..35]);
        Propagation::w3c().inject(&Context::current(), &mut sent.lock().unwrap());
        Ok::<_, Broken>(with_status(200))
    });

    read(traced(calls_on), request).await;

    let span = exported.only();
    assert_eq!(span.span_context.trace_id().to_string(), PARENT[3..35]);
    assert_eq!(span.parent_span_id.to_string(), PARENT[36..52]);
    assert!(span.parent_span_is_remote);
    let (sent, span_id) = (sent.lock().unwrap(), span.span_context.span_id());
    assert_eq!(
        sent["traceparent"],
        format!("00-{}-{span_id}-01", &PARENT[3..35])
    );
    assert_eq!(sent["tracestate"], "a=1,b=2");
}

#[tokio::test]
async fn a_malformed_traceparent_begins_a_new_trace() {
    let exported = Exported::new();
    let mut request = get("/");
    request
        .headers_mut()
        .insert("traceparent", PARENT.to_uppercase().parse().unwrap());
    read(traced(sends(&[])), request).await;

    let span = exported.only();
    assert_ne!(span.span_context.trace_id().to_string(), PARENT[3..35]);
    assert!(!span.parent_span_is_remote);
}

#[tokio::test]
async fn what_the_service_does_is_below_the_span() {
    let exported = Exported::new();
    let works = service_fn(|_| {
        async {
            tracing::warn!("nearly full");
            Ok::<_, Broken>(with_status(200))
        }
        .instrument(info_span!("work"))
    });
    read(traced(works), get("/")).await;

    let spans = exported.spans();
    let [work, request] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(work.name, "work");
    assert_eq!(work.parent_span_id, request.span_context.span_id());
    assert_eq!(work.events[0].name, "nearly full");
}

#[tokio::test]
async fn what_a_service_says_when_it_is_cancelled_is_in_its_span() {
    let exported = Exported::new();
    struct SaysGoodbye;
    impl Drop for SaysGoodbye {
        fn drop(&mut self) {
            tracing::info!("goodbye");
        }
    }
    let hangs = service_fn(async |_| {
        let _goodbye = SaysGoodbye;
        std::future::pending::<Result<Response<Script>, Broken>>().await
    });
    cancel(traced(hangs), get("/")).await;

    let events = exported.only().events;
    let names: Vec<_> = events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["goodbye", "request finished"]);
}
