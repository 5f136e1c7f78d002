//! By which headers a trace and its baggage go from process to process.

mod b3;
mod baggage;
mod hex;
mod jaeger;
mod parse;
mod text_map;
mod trace_context;
mod traceparent;
mod tracestate;

use std::hash::{BuildHasher, RandomState};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    baggage::{Baggage, BaggageExt},
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceId, TraceState},
};

pub use self::parse::UnknownPropagator;

/// By which headers a trace and its baggage go from process to process.
///
/// | format | headers |
/// |---|---|
/// | [W3C Trace Context, level 2] | `traceparent`, `tracestate` |
/// | [W3C Baggage] | `baggage` |
/// | [B3] | `b3` or `X-B3-*`; both are read, the chosen one is written |
/// | [Jaeger] | `uber-trace-id`, `uberctx-*` |
///
/// The default is W3C alone. Every format that is on is read and written. Where a
/// request has several, the first that is well-formed counts, in the order of this
/// table; so a migration from one to another can begin at either end.
///
/// # What is malformed
///
/// Each format is read to the letter. A trace with malformed ids is none, and so is one
/// whose header is repeated: a new one begins. A malformed `tracestate` is left out, and
/// so is each malformed member of the baggage, of which at most 64 members and 8192 bytes
/// are passed on. Of a longer `tracestate` 512 characters are. One whose keys have more
/// than one `@`, or one that is not near their end, is taken for malformed: level 2 allows
/// that, opentelemetry's [`TraceState`] does not.
///
/// The random flag of level 2 goes on as it came. A trace that begins here has it if the
/// tracer sets it: nobody else knows how its ids are made. OpenTelemetry's SDK, whose own
/// are random, sets none as of 0.33.
///
/// # Sampling
///
/// B3 and Jaeger can ask for a trace in any case (`d`, the debug flag): then it is
/// sampled, and the wish is passed on. B3 can leave the decision open: then it is
/// not sampled, for OpenTelemetry has no word for that. `b3: 0` denies a trace that
/// has no ids: then one begins here that is not sampled.
///
/// # Example
///
/// ```
/// use axum_chassis::trace::Propagation;
/// use http::{HeaderMap, HeaderValue};
/// use opentelemetry::trace::TraceContextExt;
///
/// let propagation = Propagation::w3c().with_b3();
///
/// let mut headers = HeaderMap::new();
/// let parent = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1";
/// headers.insert("b3", HeaderValue::from_static(parent));
/// let context = propagation.extract_context(&headers);
/// assert!(context.span().span_context().is_sampled());
///
/// let mut onward = http::Request::get("http://inventory/items").body(()).unwrap();
/// propagation.inject(&context, onward.headers_mut());
/// assert_eq!(
///     onward.headers()["traceparent"],
///     "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"
/// );
/// ```
///
/// [W3C Trace Context, level 2]: https://www.w3.org/TR/trace-context-2/
/// [W3C Baggage]: https://www.w3.org/TR/baggage/
/// [B3]: https://github.com/openzipkin/b3-propagation
/// [Jaeger]: https://www.jaegertracing.io/docs/1.76/client-libraries/#propagation-format
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Propagation {
    trace_context: bool,
    baggage: bool,
    b3: bool,
    b3_multi: bool,
    jaeger: bool,
}

impl Propagation {
    /// Nothing goes from process to process: every request begins a trace.
    pub const fn none() -> Self {
        Self {
            trace_context: false,
            baggage: false,
            b3: false,
            b3_multi: false,
            jaeger: false,
        }
    }

    /// The default: W3C Trace Context and W3C Baggage.
    pub const fn w3c() -> Self {
        Self::none().with_trace_context().with_baggage()
    }

    /// Adds W3C Trace Context; alone, it keeps baggage from leaving the process.
    #[must_use]
    pub const fn with_trace_context(mut self) -> Self {
        self.trace_context = true;
        self
    }

    /// Adds W3C Baggage.
    #[must_use]
    pub const fn with_baggage(mut self) -> Self {
        self.baggage = true;
        self
    }

    /// Adds B3, written as the one header `b3`.
    #[must_use]
    pub const fn with_b3(mut self) -> Self {
        self.b3 = true;
        self
    }

    /// Adds B3, written as the headers `X-B3-*`.
    #[must_use]
    pub const fn with_b3_multi(mut self) -> Self {
        self.b3_multi = true;
        self
    }

    /// Adds Jaeger's own format, with its baggage.
    #[must_use]
    pub const fn with_jaeger(mut self) -> Self {
        self.jaeger = true;
        self
    }

    /// Reads the caller's span.
    ///
    /// ```
    /// use axum_chassis::trace::Propagation;
    /// use http::{HeaderMap, HeaderValue};
    ///
    /// let mut headers = HeaderMap::new();
    /// let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// headers.insert("traceparent", HeaderValue::from_static(parent));
    ///
    /// let caller = Propagation::w3c().extract(&headers).unwrap();
    /// assert_eq!(caller.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    /// assert!(caller.is_remote() && caller.is_sampled());
    /// ```
    pub fn extract(&self, headers: &HeaderMap) -> Option<SpanContext> {
        self.remote(headers).map(|remote| remote.context)
    }

    /// Reads the caller's span and baggage into a context, the parent of what is to
    /// come; without their headers it is empty.
    pub fn extract_context(&self, headers: &HeaderMap) -> Context {
        self.extract_onto(Context::new(), headers)
    }

    fn extract_onto(&self, mut context: Context, headers: &HeaderMap) -> Context {
        if let Some(remote) = self.remote(headers) {
            if remote.is_debug {
                context = context.with_value(DebugTrace(remote.context.trace_id()));
            }
            context = context.with_remote_span_context(remote.context);
        }
        match self.extract_baggage(headers) {
            Some(baggage) => context.with_baggage(baggage),
            None => context,
        }
    }

    /// Writes the span and the baggage of a context into the headers of a request
    /// to another service, whose spans then become children of that span.
    ///
    /// What was there before is replaced; what the context does not have is left
    /// as it is.
    ///
    /// ```
    /// use axum_chassis::trace::Propagation;
    /// use opentelemetry::Context;
    ///
    /// let mut request = http::Request::get("http://inventory/items").body(()).unwrap();
    /// Propagation::w3c().inject(&Context::current(), request.headers_mut());
    /// ```
    pub fn inject(&self, context: &Context, headers: &mut HeaderMap) {
        let span = context.span().span_context().clone();
        let is_debug = context.get() == Some(&DebugTrace(span.trace_id()));
        if let Some(remote) = Remote::new(span, is_debug) {
            self.inject_remote(&remote, headers);
        }
        let baggage = context.baggage();
        if self.baggage && !baggage.is_empty() {
            baggage::inject(baggage, headers);
        }
        if self.jaeger && !baggage.is_empty() {
            jaeger::inject_baggage(baggage, headers);
        }
    }

    fn inject_remote(&self, remote: &Remote, headers: &mut HeaderMap) {
        if self.trace_context {
            trace_context::inject(&remote.context, headers);
        }
        if self.b3 {
            b3::inject_single(remote, headers);
        }
        if self.b3_multi {
            b3::inject_multi(remote, headers);
        }
        if self.jaeger {
            jaeger::inject(remote, headers);
        }
    }

    fn remote(&self, headers: &HeaderMap) -> Option<Remote> {
        let read = |on: bool, extract: fn(&HeaderMap) -> Option<Remote>| {
            on.then(|| extract(headers)).flatten()
        };
        read(self.trace_context, trace_context::extract)
            .or_else(|| read(self.b3 || self.b3_multi, b3::extract))
            .or_else(|| read(self.jaeger, jaeger::extract))
    }

    fn extract_baggage(&self, headers: &HeaderMap) -> Option<Baggage> {
        let read = |on: bool, extract: fn(&HeaderMap) -> Option<Baggage>| {
            on.then(|| extract(headers)).flatten()
        };
        read(self.baggage, baggage::extract).or_else(|| read(self.jaeger, jaeger::extract_baggage))
    }
}

impl Default for Propagation {
    fn default() -> Self {
        Self::w3c()
    }
}

/// In a context: this trace is wanted in any case, and every service is to know.
#[derive(PartialEq)]
struct DebugTrace(TraceId);

/// A span as it is told from one process to another.
#[derive(Clone, Debug, PartialEq)]
struct Remote {
    context: SpanContext,
    is_debug: bool,
}

impl Remote {
    /// None without a trace.
    fn new(context: SpanContext, is_debug: bool) -> Option<Self> {
        context.is_valid().then_some(Self { context, is_debug })
    }

    /// Stands for the caller of a trace that is denied and has no ids.
    fn denied() -> Self {
        let random = || RandomState::new().hash_one(()).max(1);
        let trace_id = u128::from(random()) << 64 | u128::from(random());
        let context = SpanContext::new(
            trace_id.into(),
            random().into(),
            TraceFlags::NOT_SAMPLED,
            true,
            TraceState::NONE,
        );
        Self {
            context,
            is_debug: false,
        }
    }
}

/// Replaces a header; all that the formats write fits into one.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W3C: (&str, &str) = (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
    );
    const B3: (&str, &str) = ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d");
    const JAEGER: (&str, &str) = ("uber-trace-id", "a:b:0:3");

    fn all() -> Propagation {
        Propagation::w3c().with_b3().with_jaeger()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|&(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    fn trace_id(
        propagation: Propagation,
        pairs: &[(&'static str, &'static str)],
    ) -> Option<String> {
        let caller = propagation.extract(&headers(pairs))?;
        Some(
            caller
                .trace_id()
                .to_string()
                .trim_start_matches('0')
                .to_owned(),
        )
    }

    fn injected(propagation: Propagation, context: &Context) -> HeaderMap {
        let mut headers = HeaderMap::new();
        propagation.inject(context, &mut headers);
        headers
    }

    #[test]
    fn the_first_that_is_well_formed_counts() {
        let malformed = ("traceparent", "malformed");
        for (pairs, expected) in [
            (
                &[JAEGER, B3, W3C][..],
                Some("af7651916cd43dd8448eb211c80319c"),
            ),
            (&[JAEGER, B3], Some("80f198ee56343ba864fe8b2a57d3eff7")),
            (&[JAEGER], Some("a")),
            (&[malformed, B3], Some("80f198ee56343ba864fe8b2a57d3eff7")),
            (&[malformed], None),
            (&[], None),
        ] {
            assert_eq!(trace_id(all(), pairs).as_deref(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_is_off_is_neither_read_nor_written() {
        let everything = headers(&[W3C, B3, JAEGER, ("baggage", "a=1"), ("uberctx-a", "1")]);
        let context = all().extract_context(&everything);
        assert!(injected(Propagation::none(), &context).is_empty());
        let context = Propagation::none().extract_context(&everything);
        assert!(!context.has_active_span() && context.baggage().is_empty());

        let spans_only = Propagation::none().with_trace_context();
        let context = spans_only.extract_context(&everything);
        assert_eq!(injected(all(), &context).len(), 3);
    }

    #[test]
    fn the_random_flag_goes_in_and_out() {
        let context = Propagation::w3c().extract_context(&headers(&[W3C]));
        assert_eq!(injected(Propagation::w3c(), &context)[W3C.0], W3C.1);
    }

    #[test]
    fn the_wish_for_a_trace_in_any_case_is_passed_on() {
        for wish in [B3, JAEGER] {
            let context = all().extract_context(&headers(&[wish]));
            let onward = injected(all().with_b3_multi(), &context);
            assert!(onward["b3"].to_str().unwrap().ends_with("-d"));
            assert_eq!(onward["x-b3-flags"], "1");
            assert!(onward["uber-trace-id"].to_str().unwrap().ends_with(":3"));
        }
    }

    #[test]
    fn the_wish_is_for_that_trace_alone() {
        let wished = all().extract_context(&headers(&[B3]));
        let other = all().extract_onto(wished, &headers(&[W3C]));
        let onward = injected(all(), &other);
        assert!(onward["b3"].to_str().unwrap().ends_with("-1"));
    }

    #[test]
    fn w3c_baggage_goes_before_jaegers() {
        let both = headers(&[("baggage", "a=1"), ("uberctx-a", "2")]);
        let context = all().extract_context(&both);
        let onward = injected(all(), &context);
        assert_eq!(onward["baggage"], "a=1");
        assert_eq!(onward["uberctx-a"], "1");
    }

    #[test]
    fn what_the_context_does_not_have_is_left_as_it_is() {
        let before = headers(&[W3C, ("tracestate", "a=1"), ("baggage", "a=1")]);
        let mut after = before.clone();
        all().inject(&Context::new(), &mut after);
        assert_eq!(after, before);
    }

    #[test]
    fn without_headers_there_is_no_context_whatever_is_current() {
        let current = all().extract_context(&headers(&[W3C, ("baggage", "a=1")]));
        let _current = current.attach();
        let context = all().extract_context(&HeaderMap::new());
        assert!(!context.has_active_span() && context.baggage().is_empty());
    }
}
