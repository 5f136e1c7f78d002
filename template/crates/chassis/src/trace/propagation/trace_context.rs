//! `traceparent` and `tracestate`: [W3C Trace Context, level 2][level-2].
//!
//! [level-2]: https://www.w3.org/TR/trace-context-2/

use http::{HeaderMap, HeaderName};
use opentelemetry::trace::SpanContext;

use super::{Remote, insert, traceparent::Traceparent, tracestate};
use crate::request::header;

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A missing, repeated or malformed `traceparent` is none, a malformed
/// `tracestate` is left out.
pub(super) fn extract(headers: &HeaderMap) -> Option<Remote> {
    let mut parents = header(headers, TRACEPARENT);
    let (Some(only), None) = (parents.next(), parents.next()) else {
        return None;
    };
    let parent = Traceparent::parse(only.as_bytes())?;
    let state = tracestate::parse(header(headers, TRACESTATE)).unwrap_or_default();
    Remote::new(parent.into_remote(state), false)
}

/// An empty `tracestate` is not sent.
pub(super) fn inject(context: &SpanContext, headers: &mut HeaderMap) {
    insert(headers, TRACEPARENT, Traceparent::of(context).to_string());
    headers.remove(TRACESTATE);
    let state = context.trace_state().header();
    if !state.is_empty() {
        insert(headers, TRACESTATE, state);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect()
    }

    fn extract(headers: &HeaderMap) -> Option<SpanContext> {
        super::extract(headers).map(|remote| remote.context)
    }

    #[test]
    fn without_a_traceparent_a_tracestate_means_nothing() {
        assert_eq!(extract(&headers(&[(TRACESTATE, "a=1")])), None);
    }

    #[test]
    fn two_traceparents_are_none() {
        assert_eq!(
            extract(&headers(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)])),
            None
        );
    }

    #[test]
    fn several_tracestates_are_one() {
        let headers = headers(&[
            (TRACEPARENT, PARENT),
            (TRACESTATE, "a=1"),
            (TRACESTATE, "b=2,c=3"),
        ]);
        assert_eq!(
            extract(&headers).unwrap().trace_state().header(),
            "a=1,b=2,c=3"
        );
    }

    #[test]
    fn a_malformed_tracestate_leaves_the_traceparent() {
        let caller = extract(&headers(&[(TRACEPARENT, PARENT), (TRACESTATE, "A=1")])).unwrap();
        assert_eq!(caller.span_id().to_string(), "b7ad6b7169203331");
        assert_eq!(caller.trace_state(), &TraceState::NONE);
    }

    #[test]
    fn what_was_there_before_is_replaced() {
        let mut headers = headers(&[(TRACEPARENT, "stale"), (TRACESTATE, "stale=1")]);
        inject(&span(1, 2, 1, TraceState::NONE), &mut headers);
        let expected = "00-00000000000000000000000000000001-0000000000000002-01";
        assert_eq!(headers[TRACEPARENT], expected);
        assert!(!headers.contains_key(TRACESTATE));
    }

    fn span(trace_id: u128, span_id: u64, flags: u8, state: TraceState) -> SpanContext {
        let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
        SpanContext::new(trace_id, span_id, TraceFlags::new(flags), true, state)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            trace_id in 1..=u128::MAX,
            span_id in 1..=u64::MAX,
            flags in 0..4_u8,
            state in proptest::collection::btree_map("[a-z0-9][a-z0-9_*/-]{0,9}", "[!-+--<>-~]{1,9}", 0..9),
        ) {
            let state = TraceState::from_key_value(state).unwrap();
            let context = span(trace_id, span_id, flags, state);
            let mut headers = HeaderMap::new();
            inject(&context, &mut headers);
            prop_assert_eq!(extract(&headers), Some(context));
        }

        #[test]
        fn no_header_whatever_makes_it_panic(
            parent in "[ -~]{0,60}",
            state in proptest::collection::vec(32..=255_u8, 0..600),
        ) {
            for parent in [parent.as_str(), PARENT] {
                let mut headers = headers(&[(TRACEPARENT, parent)]);
                headers.insert(TRACESTATE, HeaderValue::from_bytes(&state).unwrap_or(HeaderValue::from_static("")));
                let _ = extract(&headers);
            }
        }
    }
}
