use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, Status, TraceContextExt, TraceId},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The id of the trace that the current span belongs to, sampled or not.
///
/// A service can show it to a client, who can then ask about it. It displays as
/// 32 lower-case hexadecimal digits. There is none outside of a span, and none
/// without tracing-opentelemetry.
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
    span_context(&Span::current()).map(|context| context.trace_id())
}

/// Who the span is to others, if OpenTelemetry knows it.
pub(super) fn span_context(span: &Span) -> Option<SpanContext> {
    let context = span.context();
    let span = context.span();
    let known = span.span_context();
    known.is_valid().then(|| known.clone())
}

/// Makes the span a child of one in another process.
pub(super) fn continue_trace(span: &Span, remote: SpanContext) {
    let parent = Context::current().with_remote_span_context(remote);
    // It fails where there is no OpenTelemetry layer: then there is no trace to continue.
    let _ = span.set_parent(parent);
}

/// Ends the span for OpenTelemetry, though tasks that outlive it may hold it still.
/// The attributes are made only for a span that is sampled.
pub(super) fn end(span: &Span, failed: bool, attributes: impl FnOnce() -> Vec<KeyValue>) {
    let context = span.context();
    let span = context.span();
    if span.is_recording() {
        span.set_attributes(attributes());
        if failed {
            span.set_status(Status::error(""));
        }
    }
    span.end();
}
