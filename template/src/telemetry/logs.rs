use std::{
    fmt,
    io::{self, IsTerminal},
};

use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, DefaultFields, JsonFields, Writer},
    },
    registry::LookupSpan,
};

use crate::config::{Format, Log};

/// What is logged: `RUST_LOG` where it is set, else the configuration.
pub(super) fn filter(log: &Log) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&log.filter))
}

/// How it is logged.
pub(super) fn layer<S>(format: Format) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let terminal = io::stdout().is_terminal();
    let pretty = match format {
        Format::Auto => terminal,
        Format::Json => false,
        Format::Pretty => true,
    };
    let layer = tracing_subscriber::fmt::layer().with_ansi(terminal);
    if pretty {
        let line = format::format().with_target(false).with_ansi(terminal);
        layer
            .fmt_fields(DefaultFields::new())
            .event_format(Pretty(line))
            .boxed()
    } else {
        let json = format::json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false);
        layer
            .fmt_fields(JsonFields::new())
            .event_format(Json(json))
            .boxed()
    }
}

/// A line of JSON with the ids of the span in which the event happened.
struct Json(format::Format<format::Json>);

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(span) = current_span() else {
            return self.0.format_event(ctx, writer, event);
        };
        let mut line = String::with_capacity(512);
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        // The formatter closes the object last, so the ids go before its brace.
        let object = line.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        let (trace_id, span_id) = (span.trace_id(), span.span_id());
        writeln!(
            writer,
            r#"{object},"trace_id":"{trace_id}","span_id":"{span_id}"}}"#
        )
    }
}

/// A line for a person, the ids at its end.
struct Pretty(format::Format);

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(span) = current_span() else {
            return self.0.format_event(ctx, writer, event);
        };
        let mut line = String::with_capacity(256);
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        let (trace_id, span_id) = (span.trace_id(), span.span_id());
        writeln!(writer, "{} trace_id={trace_id} span_id={span_id}", line.trim_end())
    }
}

/// The span that is entered, also when it is not sampled.
fn current_span() -> Option<SpanContext> {
    opentelemetry::Context::map_current(|context| {
        let span = context.span().span_context().clone();
        span.is_valid().then_some(span)
    })
}
