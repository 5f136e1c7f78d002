use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue,
    metrics::{Counter, Meter},
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor},
};

use super::names::export as names;

/// How many spans wait at most, unless [`QUEUE_SIZE`] says otherwise.
const DEFAULT_QUEUE_SIZE: usize = 2048;
const QUEUE_SIZE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";

/// Sends spans in batches, and counts those that do not arrive: the SDK only logs that
/// there are some.
#[derive(Debug)]
pub(super) struct CountedSpans {
    batches: BatchSpanProcessor,
    queue: Arc<Queue>,
}

/// The spans that wait to be sent, and what became of the others.
#[derive(Debug)]
struct Queue {
    waiting: AtomicUsize,
    size: usize,
    processed: Counter<u64>,
    exported: Counter<u64>,
}

/// Takes spans out of the queue.
#[derive(Debug)]
struct Exporter<E> {
    inner: E,
    queue: Arc<Queue>,
}

impl CountedSpans {
    pub(super) fn new<E: SpanExporter + 'static>(exporter: E, meter: &Meter) -> Self {
        let queue = Arc::new(Queue::new(queue_size(), meter));
        let config = BatchConfigBuilder::default().with_max_queue_size(queue.size);
        let exporter = Exporter {
            inner: exporter,
            queue: Arc::clone(&queue),
        };
        Self {
            batches: BatchSpanProcessor::new(exporter, config.build()),
            queue,
        }
    }
}

/// As the SDK reads it.
fn queue_size() -> usize {
    let set = env::var(QUEUE_SIZE).ok();
    let set = set.and_then(|size| size.parse().ok());
    set.unwrap_or(DEFAULT_QUEUE_SIZE)
}

impl Queue {
    fn new(size: usize, meter: &Meter) -> Self {
        let counter = |name, description| {
            let counter = meter.u64_counter(name).with_description(description);
            counter.with_unit("{span}").build()
        };
        let queue = Self {
            waiting: AtomicUsize::new(0),
            size,
            processed: counter(
                names::PROCESSED,
                "Spans that left the queue to be sent, or found it full.",
            ),
            exported: counter(names::EXPORTED, "Spans that were sent, or could not be."),
        };
        // The series are there before the first loss, so that a rate sees that one too.
        queue.processed.add(0, &[error("queue_full")]);
        queue.exported.add(0, &[error("failed")]);
        queue
    }

    /// Whether there was a place.
    fn enter(&self) -> bool {
        let entered = self.waiting.fetch_update(Relaxed, Relaxed, |waiting| {
            (waiting < self.size).then_some(waiting + 1)
        });
        if entered.is_err() {
            self.processed.add(1, &[error("queue_full")]);
        }
        entered.is_ok()
    }

    fn leave(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Relaxed);
        self.processed.add(spans as u64, &[]);
    }

    fn sent(&self, spans: usize, outcome: &OTelSdkResult) {
        let spans = spans as u64;
        match outcome {
            Ok(()) => self.exported.add(spans, &[]),
            Err(OTelSdkError::Timeout(_)) => self.exported.add(spans, &[error("timeout")]),
            Err(_) => self.exported.add(spans, &[error("failed")]),
        }
    }
}

fn error(kind: &'static str) -> KeyValue {
    KeyValue::new(names::ERROR, kind)
}

impl SpanProcessor for CountedSpans {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.queue.enter() {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.queue.leave(spans);
        let outcome = self.inner.export(batch).await;
        self.queue.sent(spans, &outcome);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
