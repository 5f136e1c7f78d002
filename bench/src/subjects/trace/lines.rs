//! Log lines of JSON, written to where they are counted.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::{Context, Result, ensure};
use opentelemetry::trace::TraceContextExt;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{self, Writer},
    },
    registry::LookupSpan,
};

use crate::caller::TRACE_ID;

/// Takes a line with each write.
#[derive(Clone, Default)]
pub struct Lines(Arc<Written>);

#[derive(Default)]
struct Written {
    lines: AtomicU64,
    first: OnceLock<Vec<u8>>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl io::Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Lines(written) = self;
        written.lines.fetch_add(1, Relaxed);
        written.first.get_or_init(|| line.to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Checks that each request has its line with the trace's id and the status.
    pub fn prove(&self, requests: u64) -> Result<()> {
        let lines = self.0.lines.load(Relaxed);
        ensure!(lines == requests, "{lines} lines for {requests} requests");
        let first = self.0.first.get().context("no line")?;
        let _: serde_json::Value = serde_json::from_slice(first)?;
        let text = str::from_utf8(first)?;
        ensure!(text.contains(TRACE_ID), "no trace id in {text}");
        ensure!(text.contains("200"), "no status in {text}");
        Ok(())
    }
}

/// tracing-subscriber's JSON with the ids of the span in which the event
/// happened: what init-tracing-opentelemetry does for production, for which
/// tracing-subscriber itself has no setting.
pub struct WithIds(pub format::Format<format::Json>);

impl<S, N> FormatEvent<S, N> for WithIds
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let span = opentelemetry::Context::map_current(|current| {
            let span = current.span().span_context().clone();
            span.is_valid().then_some(span)
        });
        let Some(span) = span else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::with_capacity(512);
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        let rest = line.strip_prefix('{').ok_or(std::fmt::Error)?;
        let (trace_id, span_id) = (span.trace_id(), span.span_id());
        write!(
            writer,
            r#"{{"trace_id":"{trace_id}","span_id":"{span_id}",{rest}"#
        )
    }
}
