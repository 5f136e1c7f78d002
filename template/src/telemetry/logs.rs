use std::{
    fmt,
    io::{self, IsTerminal},
};

use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{self, JsonFields, Writer},
        time::{FormatTime, SystemTime},
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
        layer
            .fmt_fields(format::debug_fn(pretty_field))
            .event_format(Pretty)
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

/// A line for a person: when, how grave, what, in which spans, and their ids.
struct Pretty;

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
        SystemTime.format_time(&mut writer)?;
        let level = event.metadata().level();
        match (writer.has_ansi_escapes(), *level) {
            (true, Level::ERROR) => write!(writer, " \x1b[31m{level:5}\x1b[0m")?,
            (true, Level::WARN) => write!(writer, " \x1b[33m{level:5}\x1b[0m")?,
            (true, _) => write!(writer, " \x1b[2m{level:5}\x1b[0m")?,
            (false, _) => write!(writer, " {level:5}")?,
        }
        ctx.field_format().format_fields(writer.by_ref(), event)?;
        for span in ctx.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                write!(writer, "{fields}")?;
            }
        }
        if let Some(span) = current_span() {
            let (trace_id, span_id) = (span.trace_id(), span.span_id());
            write!(writer, " trace_id={trace_id} span_id={span_id}")?;
        }
        writeln!(writer)
    }
}

/// Of a request's span a person needs the name; JSON has all the rest.
fn pretty_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, " {value:?}"),
        "otel.name" => write!(writer, " {value:?}"),
        "http.response.status_code" => write!(writer, " status={value:?}"),
        convention if convention.contains('.') => Ok(()),
        name => write!(writer, " {name}={value:?}"),
    }
}

/// The span that is entered, also when it is not sampled.
fn current_span() -> Option<SpanContext> {
    opentelemetry::Context::map_current(|context| {
        let span = context.span().span_context().clone();
        span.is_valid().then_some(span)
    })
}
