//! The headers `uber-trace-id` and `uberctx-*`: [Jaeger's propagation format][format].
//!
//! [format]: https://www.jaegertracing.io/docs/1.76/client-libraries/#propagation-format

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use opentelemetry::{
    baggage::Baggage,
    trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState},
};
use percent_encoding::{percent_decode, utf8_percent_encode};

use super::{
    Remote,
    baggage::{ENCODED, Room},
    hex::hex_of_any_case,
    insert,
};

pub(super) const UBER_TRACE_ID: HeaderName = HeaderName::from_static("uber-trace-id");

/// What the names of the headers with the baggage begin with; a key follows.
pub(super) const BAGGAGE_PREFIX: &str = "uberctx-";

const SAMPLED: u8 = 0b01;
const DEBUG: u8 = 0b10;

/// Reads `{trace id}:{span id}:{parent span id}:{flags}`, in which a client may
/// have encoded the colons. Leading zeros may be missing.
pub(super) fn extract(headers: &HeaderMap) -> Option<Remote> {
    let mut values = headers.get_all(UBER_TRACE_ID).iter();
    let (Some(only), None) = (values.next(), values.next()) else {
        return None;
    };
    let decoded: Cow<'_, [u8]> = percent_decode(only.as_bytes()).into();
    let mut fields = decoded.split(|byte| *byte == b':');
    let mut number = |max_digits| number(fields.next()?, max_digits);
    let (trace_id, span_id) = (number(32)?, number(16)?);
    // The parent of the caller's span is of no use here, but of a known form.
    number(16)?;
    let flags = u8::try_from(number(2)?).ok()?;
    if fields.next().is_some() {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from(trace_id),
        SpanId::from(u64::try_from(span_id).ok()?),
        TraceFlags::NOT_SAMPLED.with_sampled(flags & (SAMPLED | DEBUG) != 0),
        true,
        TraceState::NONE,
    );
    Remote::new(context, flags & DEBUG != 0)
}

/// The format does not say in which case digits are.
fn number(digits: &[u8], max_digits: usize) -> Option<u128> {
    let is_number = (1..=max_digits).contains(&digits.len());
    is_number.then(|| hex_of_any_case(digits))?
}

pub(super) fn inject(remote: &Remote, headers: &mut HeaderMap) {
    let Remote { context, is_debug } = remote;
    let flags = match (context.is_sampled(), is_debug) {
        (_, true) => SAMPLED | DEBUG,
        (true, false) => SAMPLED,
        (false, false) => 0,
    };
    let (trace_id, span_id) = (context.trace_id(), context.span_id());
    let value = format!("{trace_id}:{span_id}:0:{flags:x}");
    insert(headers, UBER_TRACE_ID, value);
}

/// Reads `uberctx-{key}: {value}`, as much as there is room for.
pub(super) fn extract_baggage(headers: &HeaderMap) -> Option<Baggage> {
    let mut room = Room::new();
    let mut baggage = Baggage::new();
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix(BAGGAGE_PREFIX) else {
            continue;
        };
        if room.take(key.len() + value.len()).is_none() {
            break;
        }
        let value = percent_decode(value.as_bytes()).decode_utf8_lossy();
        baggage.insert(key.to_owned(), value.into_owned());
    }
    (!baggage.is_empty()).then_some(baggage)
}

/// Writes what there is room for. A key is of lower case then, as all headers'
/// names are, and properties stay behind: the format has none.
pub(super) fn inject_baggage(baggage: &Baggage, headers: &mut HeaderMap) {
    let mut room = Room::new();
    for (key, (value, _)) in baggage {
        let name = format!("{BAGGAGE_PREFIX}{key}");
        let value = utf8_percent_encode(value.as_str(), ENCODED).to_string();
        if let Ok(name) = HeaderName::try_from(name)
            && room.take(key.as_str().len() + value.len()).is_some()
        {
            insert(headers, name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn read(header: &str) -> Option<Remote> {
        extract(&HeaderMap::from_iter([(
            UBER_TRACE_ID,
            header.parse().unwrap(),
        )]))
    }

    fn baggage(pairs: &[(&str, &str)]) -> Option<Baggage> {
        let pairs = pairs.iter();
        let headers = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        extract_baggage(&HeaderMap::from_iter(headers))
    }

    #[test]
    fn the_header_has_the_ids_and_what_was_decided() {
        for (flags, sampled, debug) in [
            ("0", false, false),
            ("1", true, false),
            ("01", true, false),
            ("2", true, true),
            ("3", true, true),
            ("8", false, false),
            ("ff", true, true),
        ] {
            let remote = read(&format!("{TRACE}:{SPAN}:0:{flags}")).unwrap();
            assert_eq!(remote.context.trace_id().to_string(), TRACE);
            assert_eq!(remote.context.span_id().to_string(), SPAN);
            assert_eq!(remote.context.is_sampled(), sampled, "{flags}");
            assert_eq!(remote.is_debug, debug, "{flags}");
        }
    }

    #[test]
    fn leading_zeros_may_be_missing_and_the_case_is_free() {
        let remote = read("ABC:d:a1:1").unwrap();
        assert_eq!(remote.context.trace_id(), TraceId::from(0xabc));
        assert_eq!(remote.context.span_id(), SpanId::from(0xd));
    }

    #[test]
    fn the_colons_may_be_encoded() {
        assert_eq!(read("a%3Ab%3a0%3A1"), read("a:b:0:1"));
        assert!(read("a%3Ab%3a0%3A1").is_some());
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for malformed in [
            "",
            "a",
            "a:b:0",
            "a:b:0:",
            "a:b::1",
            ":b:0:1",
            "a::0:1",
            "a:b:0:1:",
            "g:b:0:1",
            "a:b:g:1",
            "a:b:0:g",
            "a:b:0:001",
            "0:b:0:1",
            "a:0:0:1",
            "+a:b:0:1",
            "a:b:0: 1",
        ] {
            assert_eq!(read(malformed), None, "{malformed}");
        }
        assert_eq!(read(&format!("0{TRACE}:{SPAN}:0:1")), None);
        assert_eq!(read(&format!("{TRACE}:0{SPAN}:0:1")), None);
    }

    #[test]
    fn two_headers_are_none() {
        let header = (UBER_TRACE_ID, "a:b:0:1".parse().unwrap());
        let mut headers = HeaderMap::from_iter([header.clone()]);
        headers.extend([header]);
        assert_eq!(extract(&headers), None);
    }

    #[test]
    fn baggage_comes_by_a_header_a_key() {
        let headers = [
            ("uberctx-User", "Am%C3%A9lie"),
            ("uberctx-flag", ""),
            ("x", "y"),
        ];
        let baggage = baggage(&headers).unwrap();
        assert_eq!(baggage.len(), 2);
        assert_eq!(baggage.get("user").unwrap().as_str(), "Amélie");
        assert_eq!(baggage.get("flag").unwrap().as_str(), "");
    }

    #[test]
    fn a_header_without_a_key_is_no_baggage() {
        assert!(baggage(&[("uberctx-", "1"), ("uberctx", "1")]).is_none());
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
            let mut headers = HeaderMap::new();
            inject(&remote, &mut headers);
            prop_assert_eq!(extract(&headers), Some(remote));
        }

        #[test]
        fn baggage_that_is_written_is_read_back(
            pairs in proptest::collection::btree_map("[a-z0-9!#$%&'*+.^_`|~-]{1,9}", "\\PC{0,30}", 1..9),
        ) {
            let mut sent = Baggage::new();
            for (key, value) in &pairs {
                sent.insert(key.clone(), value.clone());
            }
            let mut headers = HeaderMap::new();
            inject_baggage(&sent, &mut headers);
            let received = extract_baggage(&headers).expect("there is some");
            prop_assert_eq!(received.len(), pairs.len());
            for (key, value) in &pairs {
                prop_assert_eq!(received.get(key).unwrap().as_str(), value);
            }
        }

        #[test]
        fn no_header_whatever_makes_it_panic(header in "[0-9A-Fa-f:%]{0,70}|[ -~]{0,70}") {
            let _ = read(&header);
        }
    }
}
