//! What is taken of Jaeger's format is read back as it was written.
//!
//! The first line is `uber-trace-id`, each other one a key and a value.

#![no_main]

use axum_chassis::trace::Propagation;
use fuzz::{append_lines, baggage, span, written};
use http::{HeaderMap, HeaderName};
use libfuzzer_sys::fuzz_target;

const UBER_TRACE_ID: HeaderName = HeaderName::from_static("uber-trace-id");
const MAX_MEMBERS: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let jaeger = Propagation::none().with_jaeger();
    let mut headers = HeaderMap::new();
    let mut lines = bytes.split(|byte| *byte == b'\n');
    append_lines(
        &mut headers,
        UBER_TRACE_ID,
        lines.next().unwrap_or_default(),
    );
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        if let Ok(name) = HeaderName::from_bytes(&[b"uberctx-", key].concat()) {
            append_lines(&mut headers, name, value);
        }
    }
    let context = jaeger.extract_context(&headers);
    let read = baggage(&context);
    assert!(read.len() <= MAX_MEMBERS);
    let onward = written(jaeger, &context);
    let again = jaeger.extract_context(&onward);
    assert_eq!(span(&again), span(&context));
    let mut kept = baggage(&again).into_iter();
    assert!(kept.all(|(key, member)| read.get(&key) == Some(&member)));
    // The wish for a trace in any case is not in the span.
    assert_eq!(
        written(jaeger, &again).get(UBER_TRACE_ID),
        onward.get(UBER_TRACE_ID)
    );
});
