use std::{
    fmt::{self, Debug, Write},
    time::SystemTime,
};

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt},
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::LookupSpan,
};

use super::text::{Text, quoted};

/// Formats events as lines of JSON. See the [module](super) for what is in a line.
///
/// The fields of spans are those that the subscriber's field formatter has made:
/// let it be [`JsonFields`](tracing_subscriber::fmt::format::JsonFields).
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

/// The names that a line has of its own.
const RESERVED: [&str; 6] = [
    "timestamp",
    "level",
    "target",
    "trace_id",
    "span_id",
    "span",
];

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
        let metadata = event.metadata();
        let now = humantime::format_rfc3339_micros(SystemTime::now());
        write!(writer, r#"{{"timestamp":"{now}"#)?;
        writer.write_str(r#"","level":""#)?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_str(r#"","target":"#)?;
        quoted(&mut writer, metadata.target())?;
        let mut fields = Fields {
            writer: &mut writer,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        Context::map_current(|current| ids(&mut writer, current.span().span_context()))?;
        span(ctx, &mut writer)?;
        writer.write_str("}\n")
    }
}

fn ids(writer: &mut Writer<'_>, span: &SpanContext) -> fmt::Result {
    if !span.is_valid() {
        return Ok(());
    }
    writer.write_str(r#","trace_id":""#)?;
    writer.write_str(const_hex::Buffer::<16>::new().format(&span.trace_id().to_bytes()))?;
    writer.write_str(r#"","span_id":""#)?;
    writer.write_str(const_hex::Buffer::<8>::new().format(&span.span_id().to_bytes()))?;
    writer.write_char('"')
}

/// The innermost span, whose fields are JSON already.
fn span<S, N>(ctx: &FmtContext<'_, S, N>, writer: &mut Writer<'_>) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let Some(span) = ctx.lookup_current() else {
        return Ok(());
    };
    writer.write_str(r#","span":{"name":"#)?;
    quoted(writer, span.name())?;
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<N>>();
    let fields = fields.and_then(|fields| fields.strip_prefix('{')?.strip_suffix('}'));
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        writer.write_char(',')?;
        members(writer, fields)?;
    }
    writer.write_char('}')
}

/// Those of a span, whose own name stands before them. Within a text each quote is
/// escaped, so that this is found where a name is, and nowhere else.
fn members(writer: &mut Writer<'_>, fields: &str) -> fmt::Result {
    let Some((before, after)) = fields.split_once(r#""name":"#) else {
        return writer.write_str(fields);
    };
    writer.write_str(before)?;
    writer.write_str(r#""name_":"#)?;
    writer.write_str(after)
}

/// Writes the fields of an event as members of the line.
struct Fields<'a, 'w> {
    writer: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl Fields<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = self.name(field.name()).and_then(|()| value(self.writer));
        }
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.writer.write_str(",\"")?;
        Text(self.writer).write_str(name)?;
        if RESERVED.contains(&name) {
            self.writer.write_char('_')?;
        }
        self.writer.write_str("\":")
    }

    fn plain(&mut self, field: &Field, value: &str) {
        self.member(field, |writer| writer.write_str(value));
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, zmij::Buffer::new().format_finite(value));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, itoa::Buffer::new().format(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, if value { "true" } else { "false" });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |writer| quoted(writer, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |writer| {
            writer.write_char('"')?;
            write!(Text(writer), "{value:?}")?;
            writer.write_char('"')
        });
    }
}
