mod output;

use std::{
    fmt,
    io::{self, IsTerminal},
};

use axum_chassis::log::Json;
use opentelemetry::{
    metrics::Meter,
    trace::{SpanContext, TraceContextExt},
};
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{
    Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{self, JsonFields, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use self::output::Output;
use crate::{config::Format, lines};

/// How it is logged, and where.
pub(super) fn layer<S>(format: Format, meter: &Meter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let terminal = io::stdout().is_terminal();
    let pretty = match format {
        Format::Auto => terminal,
        Format::Json => false,
        Format::Pretty => true,
    };
    let output = Output::new(io::stdout, &lines::STDOUT, meter);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(terminal)
        .with_writer(move || output.clone())
        // By `eprintln!`, which panics where standard error is on the same full disk.
        .log_internal_errors(false);
    if pretty {
        layer
            .fmt_fields(format::debug_fn(pretty_field))
            .event_format(Pretty)
            .boxed()
    } else {
        layer
            .fmt_fields(JsonFields::new())
            .event_format(Json)
            .boxed()
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

/// Of a request a person needs the method, the path and the status; JSON has all
/// the rest.
fn pretty_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, " {value:?}"),
        "http.request.method" | "url.path" => {
            write!(writer, " {}", format!("{value:?}").trim_matches('"'))
        }
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
