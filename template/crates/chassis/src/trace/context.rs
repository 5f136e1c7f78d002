use std::borrow::Cow;

use opentelemetry::{
    Context,
    trace::{
        Span, SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags, TraceId, Tracer,
    },
};

/// The id of the trace that is current, sampled or not.
///
/// A service can show it to a client, who can then ask about it. It displays as
/// 32 lower-case hexadecimal digits. There is none outside of a span, and none
/// with a tracer that gives no ids.
///
/// ```
/// use axum_chassis::trace::current_trace_id;
///
/// let hint = match current_trace_id() {
///     Some(id) => format!("something went wrong, ask us about {id}"),
///     None => "something went wrong".to_owned(),
/// };
/// # assert_eq!(hint, "something went wrong");
/// ```
pub fn current_trace_id() -> Option<TraceId> {
    Context::map_current(|current| {
        let id = current.span().span_context().trace_id();
        (id != TraceId::INVALID).then_some(id)
    })
}

/// How many attributes a span has at most, in most cases.
const ATTRIBUTES: usize = 16;

/// A span that has started.
pub(super) struct Started {
    /// Holds the span.
    pub(super) context: Context,
    pub(super) is_recording: bool,
}

/// Starts a span. Whether it is sampled is decided by its name and its parent; only
/// one that is recorded is described by attributes.
pub(super) fn start_span<T>(
    tracer: &T,
    kind: SpanKind,
    name: Cow<'static, str>,
    parent: &Context,
    describe: impl FnOnce(&mut T::Span),
) -> Started
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let mut builder = SpanBuilder::from_name(name).with_kind(kind);
    // Room for all attributes at once; of an unsampled parent it is hardly ever used.
    if !parent.has_active_span() || parent.span().span_context().is_sampled() {
        builder.attributes = Some(Vec::with_capacity(ATTRIBUTES));
    }
    let mut span = tracer.build_with_context(builder, parent);
    let is_recording = span.is_recording();
    let context = if is_recording {
        describe(&mut span);
        parent.with_span(span)
    } else {
        parent.with_remote_span_context(unrecorded(span.span_context(), parent))
    };
    Started {
        context,
        is_recording,
    }
}

/// What a span that is not recorded leaves: its ids, so that logs can name them and
/// others continue the trace. The SDK has forgotten the caller's random flag.
fn unrecorded(span: &SpanContext, parent: &Context) -> SpanContext {
    let inherited = parent.span().span_context().trace_flags() & RANDOM;
    SpanContext::new(
        span.trace_id(),
        span.span_id(),
        span.trace_flags() | inherited,
        false,
        span.trace_state().clone(),
    )
}

/// Whether the trace id is random: W3C Trace Context, level 2, section 3.2.2.5.2.
const RANDOM: TraceFlags = TraceFlags::new(0b10);
