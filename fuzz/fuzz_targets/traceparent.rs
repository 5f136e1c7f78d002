//! A `traceparent` that is taken is valid, is read back as it was written, and one
//! of version 00 is written as it came.

#![no_main]

use axum_chassis::trace::Propagation;
use fuzz::{append_lines, span, written};
use http::{HeaderMap, HeaderName};
use libfuzzer_sys::fuzz_target;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The flags of level 2; all others are to be zero.
const SAMPLED_AND_RANDOM: u8 = 0b11;

fuzz_target!(|bytes: &[u8]| {
    let w3c = Propagation::w3c();
    let mut headers = HeaderMap::new();
    append_lines(&mut headers, TRACEPARENT, bytes);
    let context = w3c.extract_context(&headers);
    let caller = span(&context);
    assert_eq!(
        w3c.extract(&headers),
        Some(caller.clone()).filter(|caller| caller.is_valid())
    );
    if !caller.is_valid() {
        return;
    }
    assert!(caller.is_remote());
    assert_eq!(caller.trace_flags().to_u8() & !SAMPLED_AND_RANDOM, 0);
    let onward = written(w3c, &context);
    assert_eq!(w3c.extract(&onward), Some(caller));
    let (came, went) = (
        headers[TRACEPARENT].as_bytes(),
        onward[TRACEPARENT].as_bytes(),
    );
    assert_eq!(went.len(), 55);
    assert_eq!(came[2..53], went[2..53]);
    assert!(!came.starts_with(b"00") || came.len() == went.len());
});
