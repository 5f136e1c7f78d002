//! The cases of W3C's own test suite for Trace Context, as far as headers go.
//!
//! White space around a header's value is HTTP's: whoever reads the connection has
//! removed it.

use axum_chassis::trace::Propagation;
use http::{HeaderMap, HeaderName};
use opentelemetry::trace::SpanContext;

const TRACE: &str = "12345678901234567890123456789012";
const PARENT: &str = "00-12345678901234567890123456789012-1234567890123456-00";

fn extract<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<SpanContext> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().expect("a header's name");
        headers.append(name, value.parse().expect("a header's value"));
    }
    Propagation::w3c().extract(&headers)
}

/// What is left of these `tracestate`s beside a good `traceparent`.
fn state(tracestates: &[&str]) -> String {
    let states = tracestates.iter().map(|state| ("tracestate", *state));
    let caller = extract([("traceparent", PARENT)].into_iter().chain(states));
    let caller = caller.expect("a tracestate never spoils the traceparent");
    assert_eq!(caller.trace_id().to_string(), TRACE);
    caller.trace_state().header()
}

#[test]
fn a_traceparent_is_taken() {
    for (name, value) in [
        ("traceparent", PARENT),
        ("TraceParent", PARENT),
        ("TrAcEpArEnT", PARENT),
        ("TRACEPARENT", PARENT),
        (
            "traceparent",
            "cc-12345678901234567890123456789012-1234567890123456-01",
        ),
        (
            "traceparent",
            "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        ),
    ] {
        let caller = extract([(name, value)]).unwrap_or_else(|| panic!("{name}: {value}"));
        assert_eq!(caller.trace_id().to_string(), TRACE, "{name}: {value}");
        assert_eq!(caller.span_id().to_string(), "1234567890123456");
    }
}

#[test]
fn a_traceparent_that_is_malformed_begins_a_new_trace() {
    for malformed in [
        "00-12345678901234567890123456789012-1234567890123456-01.",
        "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
        "ff-12345678901234567890123456789012-1234567890123456-01",
        ".0-12345678901234567890123456789012-1234567890123456-01",
        "0.-12345678901234567890123456789012-1234567890123456-01",
        "000-12345678901234567890123456789012-1234567890123456-01",
        "0000-12345678901234567890123456789012-1234567890123456-01",
        "0-12345678901234567890123456789012-1234567890123456-01",
        "00-00000000000000000000000000000000-1234567890123456-01",
        "00-.2345678901234567890123456789012-1234567890123456-01",
        "00-1234567890123456789012345678901.-1234567890123456-01",
        "00-123456789012345678901234567890123-1234567890123456-01",
        "00-1234567890123456789012345678901-1234567890123456-01",
        "00-12345678901234567890123456789012-0000000000000000-01",
        "00-12345678901234567890123456789012-.234567890123456-01",
        "00-12345678901234567890123456789012-123456789012345.-01",
        "00-12345678901234567890123456789012-12345678901234567-01",
        "00-12345678901234567890123456789012-123456789012345-01",
        "00-12345678901234567890123456789012-1234567890123456-.0",
        "00-12345678901234567890123456789012-1234567890123456-0.",
        "00-12345678901234567890123456789012-1234567890123456-001",
        "00-12345678901234567890123456789012-1234567890123456-1",
    ] {
        assert_eq!(extract([("traceparent", malformed)]), None, "{malformed}");
    }
}

#[test]
fn headers_that_are_missing_repeated_or_misnamed_begin_a_new_trace() {
    for pairs in [
        &[][..],
        &[("trace-parent", PARENT)],
        &[("trace.parent", PARENT)],
        &[("tracestate", "foo=1")],
        &[("traceparent", PARENT), ("traceparent", PARENT)],
    ] {
        assert_eq!(extract(pairs.iter().copied()), None, "{pairs:?}");
    }
}

#[test]
fn a_tracestate_is_inherited() {
    let all_keys = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let all_values: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    let without_vendor = format!("{all_keys}={all_values}");
    let with_vendor = format!("{all_keys}@a-z0-9_-*/={all_values}");
    let long_key = format!("{}=1", "z".repeat(256));
    let long_value = format!("foo={}", "v".repeat(256));
    for (tracestates, expected) in [
        (&["foo=1,bar=2"][..], "foo=1,bar=2"),
        (&[""], ""),
        (&["foo=1", ""], "foo=1"),
        (&["", "foo=1"], "foo=1"),
        (
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
            "foo=1,bar=2,rojo=1,congo=2,baz=3",
        ),
        (&["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (&["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        (&[&without_vendor], &without_vendor),
        (&[&with_vendor], &with_vendor),
        (&[&long_key], &long_key),
        (&[&long_value], &long_value),
    ] {
        assert_eq!(state(tracestates), expected, "{tracestates:?}");
    }
}

#[test]
fn a_tracestate_that_is_malformed_is_left_out() {
    let long_key = format!("{}=1", "z".repeat(257));
    let long_value = format!("foo={}", "v".repeat(257));
    for malformed in [
        &["foo=1,foo=1"][..],
        &["foo=1,foo=2"],
        &["foo=1", "foo=1"],
        &["foo=1", "foo=2"],
        &["foo =1"],
        &["FOO=1"],
        &["foo.bar=1"],
        &["@foo=1,bar=2"],
        &["foo=bar=baz"],
        &["foo=,bar=3"],
        &[&long_key],
        &[&long_value],
    ] {
        assert_eq!(state(malformed), "", "{malformed:?}");
    }
}

/// Here the suite is of level 1. By level 2 an `@` may be anywhere but at the
/// beginning; opentelemetry takes one, with 13 characters behind it at most.
#[test]
fn an_at_sign_in_a_key_is_as_opentelemetry_has_it() {
    let near_the_end = format!("{}@{}=1", "t".repeat(242), "v".repeat(13));
    for taken in ["foo@=1,bar=2", "fw529a3039@dt=1", &near_the_end] {
        assert_eq!(state(&[taken]), taken);
    }
    let early = format!("{}@{}=1", "t".repeat(241), "v".repeat(14));
    for refused in ["foo@@bar=1,bar=2", "foo@bar@baz=1,bar=2", &early] {
        assert_eq!(state(&[refused]), "");
    }
}

#[test]
fn a_tracestate_has_32_members_at_most() {
    let members = |count| {
        let members = (1..=count).map(|n| format!("bar{n:02}={n:02}"));
        members.collect::<Vec<_>>().join(",")
    };
    assert_eq!(state(&[&members(32)]), members(32));
    assert_eq!(state(&[&members(33)]), "");
}
