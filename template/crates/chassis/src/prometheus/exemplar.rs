use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use opentelemetry::{
    Context, SpanId, TraceId,
    trace::{SpanContext, TraceContextExt},
};

use super::milliseconds::Milliseconds;

/// One measurement, and the trace that it was made in.
#[derive(Clone)]
pub(super) struct Exemplar {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) value: f64,
    pub(super) time: Milliseconds,
}

/// Where a counter, or a bucket of a histogram, keeps its exemplar.
///
/// It takes the first measurement after each scrape that was made in a sampled
/// span. All others cost one relaxed load: no clock is read, and nobody waits.
#[derive(Default)]
pub(super) struct ExemplarSlot {
    is_taken: AtomicBool,
    last: Mutex<Option<Exemplar>>,
}

impl ExemplarSlot {
    /// Keeps the measurement, if it is wanted and made in a sampled span.
    pub(super) fn offer(&self, value: f64) {
        if !self.is_taken.load(Ordering::Relaxed) {
            self.keep(value);
        }
    }

    #[cold]
    fn keep(&self, value: f64) {
        let Some(span) = sampled_span() else { return };
        let Ok(mut last) = self.last.try_lock() else {
            return;
        };
        *last = Some(Exemplar {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            value,
            time: Milliseconds::now(),
        });
        self.is_taken.store(true, Ordering::Relaxed);
    }

    /// The last one; from now on the next is wanted.
    pub(super) fn show(&self) -> Option<Exemplar> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_taken.store(false, Ordering::Relaxed);
        last.clone()
    }
}

fn sampled_span() -> Option<SpanContext> {
    Context::map_current(|context| {
        if !context.has_active_span() {
            return None;
        }
        let span = context.span();
        let span = span.span_context();
        (span.is_valid() && span.is_sampled()).then(|| span.clone())
    })
}
