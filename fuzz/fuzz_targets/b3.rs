//! What is taken of B3 is a trace, and is read back from either of its two forms.
//!
//! Each line is a header; its first letter says which.

#![no_main]

use axum_chassis::trace::Propagation;
use fuzz::{append_lines, span, written};
use http::{HeaderMap, HeaderName};
use libfuzzer_sys::fuzz_target;

fn header(letter: u8) -> Option<HeaderName> {
    let name = match letter {
        b'b' => "b3",
        b't' => "x-b3-traceid",
        b's' => "x-b3-spanid",
        b'p' => "x-b3-parentspanid",
        b'd' => "x-b3-sampled",
        b'f' => "x-b3-flags",
        _ => return None,
    };
    Some(HeaderName::from_static(name))
}

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some((letter, value)) = line.split_first()
            && let Some(name) = header(*letter)
        {
            append_lines(&mut headers, name, value);
        }
    }
    let (single, multi) = (
        Propagation::none().with_b3(),
        Propagation::none().with_b3_multi(),
    );
    let context = single.extract_context(&headers);
    let caller = span(&context);
    for propagation in [single, multi] {
        let onward = written(propagation, &context);
        assert_eq!(onward.is_empty(), !caller.is_valid());
        let again = propagation.extract_context(&onward);
        assert_eq!(span(&again), caller);
        // The wish for a trace in any case is not in the span.
        assert_eq!(written(propagation, &again), onward);
    }
});
