//! W3C Trace Context, level 2: the headers by which a trace goes from process to process.

mod traceparent;
mod tracestate;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt, TraceState},
};

use self::traceparent::Traceparent;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Reads the caller's span from `traceparent` and `tracestate`.
///
/// [`TraceLayer`](super::TraceLayer) does this by itself; it is public for what
/// comes by another way, such as a queue. It follows [W3C Trace Context, level 2]
/// to the letter: a missing, repeated or malformed `traceparent` is none, a
/// malformed `tracestate` is left out.
///
/// ```
/// use axum_chassis::trace::extract;
/// use http::{HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// headers.insert("traceparent", HeaderValue::from_static(parent));
///
/// let caller = extract(&headers).unwrap();
/// assert_eq!(caller.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
/// assert!(caller.is_remote() && caller.is_sampled());
/// ```
///
/// [W3C Trace Context, level 2]: https://www.w3.org/TR/trace-context-2/
pub fn extract(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let (Some(only), None) = (parents.next(), parents.next()) else {
        return None;
    };
    let parent = Traceparent::parse(only.as_bytes())?;
    let state = tracestate::parse(headers.get_all(TRACESTATE)).unwrap_or_default();
    Some(parent.into_remote(state))
}

/// Writes the current span into the headers of a request to another service,
/// whose spans then become its children.
///
/// `traceparent` is replaced, `tracestate` replaced or removed. Where no span is
/// current, the headers are left as they are.
///
/// ```
/// use axum_chassis::trace::inject;
///
/// let mut request = http::Request::get("http://inventory/items").body(()).unwrap();
/// inject(request.headers_mut());
/// ```
pub fn inject(headers: &mut HeaderMap) {
    Context::map_current(|current| {
        let context = current.span().span_context().clone();
        if context.is_valid() {
            write(&context, headers);
        }
    });
}

fn write(context: &SpanContext, headers: &mut HeaderMap) {
    let parent = Traceparent::of(context).to_string();
    let parent = HeaderValue::try_from(parent).expect("hexadecimal digits make a header");
    headers.insert(TRACEPARENT, parent);
    match to_header(context.trace_state()) {
        Some(state) => headers.insert(TRACESTATE, state),
        None => headers.remove(TRACESTATE),
    };
}

/// An empty `tracestate` is not sent.
fn to_header(state: &TraceState) -> Option<HeaderValue> {
    let state = state.header();
    (!state.is_empty()).then(|| state.try_into().ok())?
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect()
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
        write(&span(1, 2, 1, TraceState::NONE), &mut headers);
        let expected = "00-00000000000000000000000000000001-0000000000000002-01";
        assert_eq!(headers[TRACEPARENT], expected);
        assert!(!headers.contains_key(TRACESTATE));
    }

    #[test]
    fn without_a_span_the_headers_are_left_alone() {
        let mut headers = HeaderMap::new();
        inject(&mut headers);
        assert!(headers.is_empty());
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
            write(&context, &mut headers);
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
