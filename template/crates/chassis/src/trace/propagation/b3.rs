//! The headers `b3` and `X-B3-*`: [B3 propagation](https://github.com/openzipkin/b3-propagation).

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use super::{Remote, hex::hex, insert};

pub(super) const B3: HeaderName = HeaderName::from_static("b3");
const TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
const SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
const PARENT_SPAN_ID: HeaderName = HeaderName::from_static("x-b3-parentspanid");
const SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");

/// The many headers that do for the one.
pub(super) const MULTI: [HeaderName; 5] = [TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED, FLAGS];

/// What has been decided about the trace. Without a decision a trace is not sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sampling {
    Deny,
    Accept,
    Debug,
}

impl Sampling {
    fn of(remote: &Remote) -> Self {
        if remote.is_debug {
            Self::Debug
        } else if remote.context.is_sampled() {
            Self::Accept
        } else {
            Self::Deny
        }
    }

    const fn letter(self) -> &'static str {
        match self {
            Self::Deny => "0",
            Self::Accept => "1",
            Self::Debug => "d",
        }
    }
}

/// Reads the one header, or else the many.
pub(super) fn extract(headers: &HeaderMap) -> Option<Remote> {
    single(headers).or_else(|| multi(headers))
}

/// `{trace id}-{span id}-{sampling}-{parent span id}`; the last two may be missing.
fn single(headers: &HeaderMap) -> Option<Remote> {
    let mut values = headers.get_all(B3).iter();
    let (Some(only), None) = (values.next(), values.next()) else {
        return None;
    };
    if only == "0" {
        return Some(Remote::denied());
    }
    let mut fields = only.as_bytes().split(|byte| *byte == b'-');
    let ids = (fields.next()?, fields.next()?);
    let sampling = match fields.next() {
        Some(b"0") => Some(Sampling::Deny),
        Some(b"1") => Some(Sampling::Accept),
        Some(b"d") => Some(Sampling::Debug),
        Some(_) => return None,
        None => None,
    };
    if let Some(parent) = fields.next() {
        span_id(parent)?;
    }
    match fields.next() {
        Some(_) => None,
        None => remote(ids, sampling),
    }
}

/// As the one header, so is each of the many none at all if it is repeated.
fn multi(headers: &HeaderMap) -> Option<Remote> {
    let is_repeated = |name: HeaderName| headers.get_all(name).iter().nth(1).is_some();
    if MULTI.into_iter().any(is_repeated) {
        return None;
    }
    let sampled = match headers.get(SAMPLED).map(HeaderValue::as_bytes) {
        // The words are from before the specification, which suggests to take them.
        Some(b"0" | b"false") => Some(Sampling::Deny),
        Some(b"1" | b"true") => Some(Sampling::Accept),
        Some(_) => return None,
        None => None,
    };
    let is_debug = headers.get(FLAGS).is_some_and(|flags| flags == "1");
    let sampling = if is_debug {
        Some(Sampling::Debug)
    } else {
        sampled
    };
    let ids = (headers.get(TRACE_ID), headers.get(SPAN_ID));
    if ids == (None, None) && sampling == Some(Sampling::Deny) {
        return Some(Remote::denied());
    }
    if let Some(parent) = headers.get(PARENT_SPAN_ID) {
        span_id(parent.as_bytes())?;
    }
    remote((ids.0?.as_bytes(), ids.1?.as_bytes()), sampling)
}

fn remote((trace, span): (&[u8], &[u8]), sampling: Option<Sampling>) -> Option<Remote> {
    let flags = match sampling {
        Some(Sampling::Accept | Sampling::Debug) => TraceFlags::SAMPLED,
        Some(Sampling::Deny) | None => TraceFlags::NOT_SAMPLED,
    };
    let (trace, span) = (trace_id(trace)?, span_id(span)?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    Remote::new(context, sampling == Some(Sampling::Debug))
}

/// 128 bits, or the lower 64 of them.
fn trace_id(digits: &[u8]) -> Option<TraceId> {
    matches!(digits.len(), 16 | 32).then(|| hex(digits).map(TraceId::from))?
}

fn span_id(digits: &[u8]) -> Option<SpanId> {
    let id = u64::try_from(hex(digits)?).ok()?;
    (digits.len() == 16).then(|| id.into())
}

pub(super) fn inject_single(remote: &Remote, headers: &mut HeaderMap) {
    let (context, sampling) = (&remote.context, Sampling::of(remote).letter());
    let value = format!("{}-{}-{sampling}", context.trace_id(), context.span_id());
    insert(headers, B3, value);
}

pub(super) fn inject_multi(remote: &Remote, headers: &mut HeaderMap) {
    insert(headers, TRACE_ID, remote.context.trace_id().to_string());
    insert(headers, SPAN_ID, remote.context.span_id().to_string());
    for stale in [PARENT_SPAN_ID, SAMPLED, FLAGS] {
        headers.remove(stale);
    }
    match Sampling::of(remote) {
        Sampling::Debug => headers.insert(FLAGS, HeaderValue::from_static("1")),
        decided => headers.insert(SAMPLED, HeaderValue::from_static(decided.letter())),
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";
    const PARENT: &str = "05e3ac9a4f6e3b90";

    fn read(pairs: &[(HeaderName, &str)]) -> Option<Remote> {
        let pairs = pairs.iter().cloned();
        let headers = pairs.map(|(name, value)| (name, value.parse().unwrap()));
        extract(&headers.collect())
    }

    fn read_single(header: &str) -> Option<Remote> {
        read(&[(B3, header)])
    }

    fn is_sampled_and_debug(remote: &Remote) -> (bool, bool) {
        (remote.context.is_sampled(), remote.is_debug)
    }

    #[test]
    fn one_header_has_the_ids_and_what_was_decided() {
        for (rest, decided) in [
            ("", (false, false)),
            ("-0", (false, false)),
            ("-1", (true, false)),
            ("-d", (true, true)),
            ("-1-05e3ac9a4f6e3b90", (true, false)),
        ] {
            let remote = read_single(&format!("{TRACE}-{SPAN}{rest}")).unwrap();
            assert_eq!(remote.context.trace_id().to_string(), TRACE);
            assert_eq!(remote.context.span_id().to_string(), SPAN);
            assert!(remote.context.is_remote());
            assert_eq!(is_sampled_and_debug(&remote), decided, "{rest}");
        }
    }

    #[test]
    fn many_headers_have_the_ids_and_what_was_decided() {
        let ids = [(TRACE_ID, TRACE), (SPAN_ID, SPAN), (PARENT_SPAN_ID, PARENT)];
        for (more, decided) in [
            (vec![], (false, false)),
            (vec![(SAMPLED, "0")], (false, false)),
            (vec![(SAMPLED, "false")], (false, false)),
            (vec![(SAMPLED, "1")], (true, false)),
            (vec![(SAMPLED, "true")], (true, false)),
            (vec![(FLAGS, "1")], (true, true)),
            (vec![(FLAGS, "0")], (false, false)),
        ] {
            let remote = read(&[&ids[..], &more[..]].concat()).unwrap();
            assert_eq!(remote.context.trace_id().to_string(), TRACE);
            assert_eq!(remote.context.span_id().to_string(), SPAN);
            assert_eq!(is_sampled_and_debug(&remote), decided, "{more:?}");
        }
    }

    #[test]
    fn a_trace_id_of_64_bits_is_padded_on_the_left() {
        let remote = read_single(&format!("{SPAN}-{PARENT}-1")).unwrap();
        let padded = format!("{}{SPAN}", "0".repeat(16));
        assert_eq!(remote.context.trace_id().to_string(), padded);
    }

    #[test]
    fn the_one_header_goes_before_the_many() {
        let single = format!("{TRACE}-{SPAN}-1");
        let many = [(TRACE_ID, PARENT), (SPAN_ID, PARENT)];
        let remote = read(&[&[(B3, &*single)], &many[..]].concat()).unwrap();
        assert_eq!(remote.context.span_id().to_string(), SPAN);
        let remote = read(&[&[(B3, "malformed")], &many[..]].concat()).unwrap();
        assert_eq!(remote.context.span_id().to_string(), PARENT);
    }

    #[test]
    fn who_denies_a_trace_need_not_name_it() {
        for deny in [[(B3, "0")], [(SAMPLED, "0")]] {
            let (one, other) = (read(&deny).unwrap(), read(&deny).unwrap());
            assert!(one.context.is_valid());
            assert_eq!(is_sampled_and_debug(&one), (false, false));
            assert_ne!(one.context.trace_id(), other.context.trace_id());
        }
    }

    #[test]
    fn who_asks_for_a_trace_without_naming_one_leaves_it_to_the_sampler() {
        for wish in [(B3, "1"), (B3, "d"), (SAMPLED, "1"), (FLAGS, "1")] {
            assert_eq!(read(&[wish]), None);
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let upper = TRACE.to_uppercase();
        for malformed in [
            String::new(),
            TRACE.to_owned(),
            format!("{TRACE}-"),
            format!("{TRACE}-{SPAN}-"),
            format!("{TRACE}-{SPAN}-2"),
            format!("{TRACE}-{SPAN}-true"),
            format!("{TRACE}-{SPAN}-1-"),
            format!("{TRACE}-{SPAN}-1-{TRACE}"),
            format!("{TRACE}-{SPAN}-1-{PARENT}-"),
            format!("{upper}-{SPAN}-1"),
            format!("{}-{SPAN}-1", &TRACE[1..]),
            format!("{TRACE}-{}-1", &SPAN[1..]),
            format!("{}-{SPAN}-1", "0".repeat(32)),
            format!("{TRACE}-{}-1", "0".repeat(16)),
        ] {
            assert_eq!(read_single(&malformed), None, "{malformed}");
        }
        let ids = [(TRACE_ID, TRACE), (SPAN_ID, SPAN)];
        for malformed in [(SAMPLED, ""), (SAMPLED, "d"), (PARENT_SPAN_ID, "-")] {
            let headers = [&ids[..], &[malformed]].concat();
            assert_eq!(read(&headers), None, "{headers:?}");
        }
        assert_eq!(read(&[(TRACE_ID, TRACE)]), None);
        assert_eq!(read(&[(B3, "0"), (B3, "0")]), None);
    }

    #[test]
    fn two_of_any_header_are_none() {
        let many = [
            (TRACE_ID, TRACE),
            (SPAN_ID, SPAN),
            (PARENT_SPAN_ID, PARENT),
            (SAMPLED, "1"),
            (FLAGS, "1"),
        ];
        assert!(read(&many).is_some());
        for again in &many {
            let headers = [&many[..], std::slice::from_ref(again)].concat();
            assert_eq!(read(&headers), None, "{again:?}");
        }
    }

    #[test]
    fn what_was_there_before_is_replaced() {
        let stale = [(TRACE_ID, TRACE), (PARENT_SPAN_ID, PARENT), (FLAGS, "1")];
        let stale = stale.map(|(name, value)| (name, value.parse().unwrap()));
        let mut headers: HeaderMap = stale.into_iter().collect();
        let remote = read_single(&format!("{TRACE}-{SPAN}-1")).unwrap();
        inject_multi(&remote, &mut headers);
        assert_eq!(extract(&headers), Some(remote));
        assert_eq!(headers.len(), 3);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            trace_id in 1..=u128::MAX,
            span_id in 1..=u64::MAX,
            sampled: bool,
            is_debug: bool,
        ) {
            let flags = TraceFlags::new(u8::from(sampled || is_debug));
            let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
            let context = SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE);
            let remote = Remote { context, is_debug };
            for inject in [inject_single, inject_multi] {
                let mut headers = HeaderMap::new();
                inject(&remote, &mut headers);
                prop_assert_eq!(extract(&headers), Some(remote.clone()));
            }
        }

        #[test]
        fn no_header_whatever_makes_it_panic(header in "[0-9a-fd-]{0,70}|[ -~]{0,70}") {
            for name in [B3, TRACE_ID, SPAN_ID, SAMPLED] {
                let _ = read(&[(name, &header), (SPAN_ID, SPAN)]);
            }
        }
    }
}
