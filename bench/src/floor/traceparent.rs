//! The header `traceparent`, version 00, without a word on what is wrong.

/// The caller's span.
#[derive(Clone, Copy)]
pub struct Remote {
    pub trace_id: u128,
    pub span_id: u64,
    pub sampled: bool,
}

/// W3C Trace Context, section 3.2.
pub fn parse(header: &str) -> Option<Remote> {
    let digits = |from: usize, to: usize| header.get(from..to);
    Some(Remote {
        trace_id: u128::from_str_radix(digits(3, 35)?, 16).ok()?,
        span_id: u64::from_str_radix(digits(36, 52)?, 16).ok()?,
        sampled: u8::from_str_radix(digits(53, 55)?, 16).ok()? & 1 == 1,
    })
}
