//! How traces go from process to process, and what belongs to a span.

use std::sync::{Arc, Mutex};

use axum_chassis::trace::{Propagation, current_trace_id};
use http::{HeaderMap, Response};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{Link, SpanKind, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};
use tower::{Layer, service_fn};
use tracing::{Instrument, info_span};

use crate::{Exported, PARENT, support::*};

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

    read(exported.traced(calls_on), request).await;

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
    read(exported.traced(sends(&[])), request).await;

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
    read(exported.traced(works), get("/")).await;

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
    cancel(exported.traced(hangs), get("/")).await;

    let trace_id = exported.only().span_context.trace_id();
    let said = exported.events();
    let said: Vec<_> = said
        .iter()
        .map(|event| (event.field("message"), event.trace_id))
        .collect();
    assert_eq!(
        said,
        [("goodbye", trace_id), ("request finished", trace_id)]
    );
}

#[tokio::test]
async fn a_span_that_is_not_sampled_has_its_ids_and_keeps_the_random_flag() {
    let exported = Exported::sampled_by(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
    let mut request = get("/");
    let unsampled = format!("{}-02", &PARENT[..52]);
    request
        .headers_mut()
        .insert("traceparent", unsampled.parse().unwrap());
    let sent = Arc::new(Mutex::new(HeaderMap::new()));
    let calls_on = service_fn(async |_| {
        Propagation::w3c().inject(&Context::current(), &mut sent.lock().unwrap());
        let _below = info_span!("work").entered();
        Ok::<_, Broken>(with_status(200))
    });

    read(exported.traced(calls_on), request).await;

    assert!(exported.spans().is_empty());
    let sent = sent.lock().unwrap()["traceparent"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(sent[..35], PARENT[..35]);
    assert_ne!(sent[36..52], PARENT[36..52]);
    assert_eq!(sent[52..], *"-02");
    assert_eq!(exported.events()[0].trace_id.to_string(), PARENT[3..35]);
}

#[tokio::test]
async fn the_decision_is_taken_before_any_attribute_is_made() {
    #[derive(Clone, Debug)]
    struct Asked;
    impl ShouldSample for Asked {
        fn should_sample(
            &self,
            _: Option<&Context>,
            _: TraceId,
            name: &str,
            _: &SpanKind,
            attributes: &[KeyValue],
            _: &[Link],
        ) -> SamplingResult {
            assert_eq!((name, attributes), ("GET", &[][..]));
            SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            }
        }
    }
    let exported = Exported::sampled_by(Asked);
    read(exported.traced(sends(&[])), get("/")).await;
    assert!(exported.spans().is_empty());
    assert_eq!(exported.events().len(), 1);
}

#[tokio::test]
async fn the_callers_baggage_is_at_hand_and_goes_on() {
    let exported = Exported::sampled_by(Sampler::AlwaysOff);
    let mut request = get("/");
    request
        .headers_mut()
        .insert("baggage", "user=ada;p=1".parse().unwrap());
    let sent = Arc::new(Mutex::new(HeaderMap::new()));
    let calls_on = service_fn(async |_| {
        let current = Context::current();
        assert_eq!(current.baggage().get("user").unwrap().as_str(), "ada");
        Propagation::w3c().inject(&current, &mut sent.lock().unwrap());
        Ok::<_, Broken>(with_status(200))
    });
    read(exported.traced(calls_on), request).await;

    assert_eq!(sent.lock().unwrap()["baggage"], "user=ada;p=1");
}

#[tokio::test]
async fn the_caller_is_read_by_the_formats_that_are_on() {
    let b3 = format!("{}-{}-1", &PARENT[3..35], &PARENT[36..52]);
    for (propagation, is_continued) in [
        (Propagation::w3c(), false),
        (Propagation::w3c().with_b3(), true),
    ] {
        let exported = Exported::new();
        let layer = exported.layer().propagation(propagation);
        let mut request = get("/");
        request.headers_mut().insert("b3", b3.parse().unwrap());
        read(layer.layer(sends(&[])), request).await;

        let span = exported.only();
        assert_eq!(span.parent_span_is_remote, is_continued);
        let is_same = span.span_context.trace_id().to_string() == PARENT[3..35];
        assert_eq!(is_same, is_continued);
    }
}
