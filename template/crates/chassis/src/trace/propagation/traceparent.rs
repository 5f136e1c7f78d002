use std::fmt;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use super::hex::hex;

/// The length of version 00, and the least of all later ones.
const LENGTH: usize = 55;

/// Sampled and random; all other flags are set to zero, as section 3.2.2.5 asks.
const KNOWN_FLAGS: TraceFlags = TraceFlags::new(0b11);

/// `00-{trace id}-{parent id}-{flags}`: W3C Trace Context, level 2, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Traceparent {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
}

impl Traceparent {
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let (fields, future) = header.split_at_checked(LENGTH)?;
        let [dash_1, dash_2, dash_3] = [fields[2], fields[35], fields[52]];
        if [dash_1, dash_2, dash_3] != *b"---" || !follows(hex(&fields[..2])?, future) {
            return None;
        }
        let parsed = Self {
            trace_id: hex(&fields[3..35])?.into(),
            span_id: u64::try_from(hex(&fields[36..52])?).ok()?.into(),
            flags: TraceFlags::new(hex(&fields[53..])?.try_into().ok()?) & KNOWN_FLAGS,
        };
        let valid = parsed.trace_id != TraceId::INVALID && parsed.span_id != SpanId::INVALID;
        valid.then_some(parsed)
    }

    pub(super) fn of(context: &SpanContext) -> Self {
        Self {
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            flags: context.trace_flags() & KNOWN_FLAGS,
        }
    }

    pub(super) fn into_remote(self, state: TraceState) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags, true, state)
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            flags,
        } = self;
        write!(f, "00-{trace_id}-{span_id}-{flags:02x}")
    }
}

/// Whether a version may have this after the four fields: 00 has nothing, a
/// later one another field, and ff is forbidden.
fn follows(version: u128, future: &[u8]) -> bool {
    match version {
        0x00 => future.is_empty(),
        0xff => false,
        _ => future.is_empty() || future.starts_with(b"-"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn parse(header: &str) -> Option<Traceparent> {
        Traceparent::parse(header.as_bytes())
    }

    fn flags(header: &str) -> u8 {
        parse(header).unwrap().flags.to_u8()
    }

    #[test]
    fn version_00_is_read() {
        let parsed = parse(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        assert_eq!(parsed.trace_id.to_string(), TRACE);
        assert_eq!(parsed.span_id.to_string(), SPAN);
        assert!(parsed.flags.is_sampled());
    }

    #[test]
    fn the_random_flag_is_kept_and_unknown_flags_are_not() {
        assert_eq!(flags(&format!("00-{TRACE}-{SPAN}-02")), 0b10);
        assert_eq!(flags(&format!("00-{TRACE}-{SPAN}-ff")), 0b11);
    }

    #[test]
    fn version_00_has_nothing_more() {
        assert_eq!(parse(&format!("00-{TRACE}-{SPAN}-01-")), None);
        assert_eq!(parse(&format!("00-{TRACE}-{SPAN}-01.")), None);
    }

    #[test]
    fn a_later_version_is_read_by_its_prefix() {
        for more in ["", "-", "-what-the-future-will-be-like"] {
            assert_eq!(flags(&format!("cc-{TRACE}-{SPAN}-01{more}")), 0b01);
        }
        assert_eq!(parse(&format!("cc-{TRACE}-{SPAN}-01.what")), None);
        assert_eq!(parse(&format!("cc-{TRACE}-{SPAN}-0")), None);
    }

    #[test]
    fn version_ff_is_forbidden() {
        assert_eq!(parse(&format!("ff-{TRACE}-{SPAN}-01")), None);
    }

    #[test]
    fn ids_of_zeros_are_refused() {
        assert_eq!(parse(&format!("00-{}-{SPAN}-01", "0".repeat(32))), None);
        assert_eq!(parse(&format!("00-{TRACE}-{}-01", "0".repeat(16))), None);
    }

    #[test]
    fn upper_case_is_refused_everywhere() {
        assert_eq!(
            parse(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase())),
            None
        );
        assert_eq!(
            parse(&format!("00-{TRACE}-{}-01", SPAN.to_uppercase())),
            None
        );
        assert_eq!(parse(&format!("00-{TRACE}-{SPAN}-0A")), None);
        assert_eq!(parse(&format!("CC-{TRACE}-{SPAN}-01")), None);
    }

    #[test]
    fn fields_of_another_length_are_refused() {
        let long = format!("0{TRACE}");
        for malformed in [
            String::new(),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("000-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{long}-{}-01", &SPAN[1..]),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(parse(&malformed), None, "{malformed}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(header in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Traceparent::parse(&header);
        }

        #[test]
        fn one_wrong_byte_is_never_taken_for_a_digit(at in 0..LENGTH, byte in b'g'..=b'z') {
            let mut header = format!("00-{TRACE}-{SPAN}-01").into_bytes();
            header[at] = byte;
            prop_assert_eq!(Traceparent::parse(&header), None);
        }
    }
}
