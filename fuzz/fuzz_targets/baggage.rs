//! Baggage is within the limits, in and out; what is written is part of what was
//! read, and all of it unless the limits are near.

#![no_main]

use axum_chassis::trace::Propagation;
use fuzz::{append_lines, baggage, written};
use http::{HeaderMap, HeaderName};
use libfuzzer_sys::fuzz_target;

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const MAX_MEMBERS: usize = 64;
const MAX_BYTES: usize = 8192;

/// A byte that is no UTF-8 is three when it is read (`%FF`) and nine when it is
/// written (`%EF%BF%BD`).
const GROWTH: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    let w3c = Propagation::w3c();
    let mut headers = HeaderMap::new();
    append_lines(&mut headers, BAGGAGE, bytes);
    let context = w3c.extract_context(&headers);
    let read = baggage(&context);
    assert!(read.len() <= MAX_MEMBERS);

    let onward = written(w3c, &context);
    assert!(
        onward
            .get(BAGGAGE)
            .is_none_or(|list| list.len() <= MAX_BYTES)
    );
    let again = baggage(&w3c.extract_context(&onward));
    assert!(
        again
            .iter()
            .all(|(key, member)| read.get(key) == Some(member))
    );
    if bytes.len() * GROWTH <= MAX_BYTES {
        assert_eq!(again, read);
    }
});
