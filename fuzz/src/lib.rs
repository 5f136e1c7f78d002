//! Fuzz targets, and what they share.
//!
//! ```sh
//! rustup toolchain install nightly
//! cargo install cargo-fuzz
//! cargo xtask fuzz                            # each target for a minute
//! cargo xtask fuzz --seconds 600 baggage      # one of them for ten
//! ```
//!
//! A target sends bytes through the public API, as a client could, and holds that
//! some property is kept. What breaks it is left in `fuzz/artifacts/`; run that file
//! again by `cargo +nightly fuzz run <target> <file>`. A new target is a file in
//! `fuzz_targets/`, its `[[bin]]` in `Cargo.toml`, and a few inputs in `seeds/`.

pub mod jwt;

use std::collections::BTreeMap;

use axum_chassis::trace::Propagation;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    trace::{SpanContext, TraceContextExt},
};

/// Adds a header for each line, as far as the bytes can be a header's value.
pub fn append_lines(headers: &mut HeaderMap, name: HeaderName, lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name.clone(), value);
        }
    }
}

/// What is written of a context.
pub fn written(propagation: Propagation, context: &Context) -> HeaderMap {
    let mut headers = HeaderMap::new();
    propagation.inject(context, &mut headers);
    headers
}

/// The span of a context; not valid if there is none.
pub fn span(context: &Context) -> SpanContext {
    context.span().span_context().clone()
}

/// The baggage of a context: values and properties by their keys.
pub fn baggage(context: &Context) -> BTreeMap<String, (String, String)> {
    let members = context.baggage().iter();
    let members = members.map(|(key, (value, properties))| {
        let member = (value.to_string(), properties.as_str().to_owned());
        (key.to_string(), member)
    });
    members.collect()
}
