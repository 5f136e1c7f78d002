//! A `tracestate` never spoils its `traceparent`; what is kept of it is within the
//! limits, well-formed, and in the order in which it came.

#![no_main]

use axum_chassis::trace::Propagation;
use fuzz::{append_lines, written};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const PARENT: HeaderValue =
    HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

fuzz_target!(|bytes: &[u8]| {
    let w3c = Propagation::w3c();
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", PARENT);
    append_lines(&mut headers, TRACESTATE, bytes);
    let caller = w3c.extract(&headers).expect("the traceparent is good");
    let state = caller.trace_state().header();
    assert!(state.len() <= 512);
    assert!(state.split(',').count() <= 32);

    let mut rest = bytes;
    for member in state.split(',').filter(|member| !member.is_empty()) {
        let at = rest
            .windows(member.len())
            .position(|part| part == member.as_bytes());
        rest = &rest[at.expect("what is kept has come, in this order") + member.len()..];
    }

    let onward = written(w3c, &w3c.extract_context(&headers));
    assert_eq!(onward.get(TRACESTATE).is_some(), !state.is_empty());
    assert_eq!(w3c.extract(&onward), Some(caller));
});
