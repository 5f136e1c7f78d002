//! A struct for each sampled request, in a channel that a thread drains.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    task::{Context, Poll},
    thread,
    time::{Duration, Instant, SystemTime},
};

use axum::extract::MatchedPath;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use tower::{Layer, Service};

pub use super::watch::Watch;
use super::{
    traceparent::{self, Remote},
    watch::{Begin, Guard},
};

/// As many as the SDK's batch processor holds.
const QUEUE_SPANS: usize = 2_048;
const DRAIN_INTERVAL: Duration = Duration::from_millis(1);

/// What a span says of a request. Text is shared with the request.
#[derive(Default)]
#[expect(dead_code, reason = "a span is there to be sent off")]
struct Span {
    trace_id: u128,
    parent_id: u64,
    id: u64,
    start: Option<SystemTime>,
    duration: Duration,
    method: &'static str,
    route: Option<MatchedPath>,
    uri: Uri,
    scheme: &'static str,
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    protocol_version: &'static str,
    status: u16,
    body_bytes: u64,
    time_to_head: Duration,
}

/// Makes spans, and counts those that were drained.
#[derive(Clone)]
pub struct Spans {
    queue: SyncSender<Span>,
    flushes: Sender<Sender<()>>,
    drained: Arc<AtomicU64>,
}

impl Spans {
    pub fn new() -> Self {
        let (queue, spans) = sync_channel(QUEUE_SPANS);
        let (flushes, to_flush) = channel();
        let drained = Arc::<AtomicU64>::default();
        let count = drained.clone();
        thread::spawn(move || drain(&spans, &to_flush, &count));
        Self {
            queue,
            flushes,
            drained,
        }
    }

    pub fn drained(&self) -> u64 {
        self.drained.load(Relaxed)
    }

    /// Waits until all that ended is drained.
    pub fn flush(&self) {
        let (done, flushed) = channel();
        // The thread lives as long as this does.
        let _ = self.flushes.send(done);
        let _ = flushed.recv();
    }
}

/// Looks into the queue now and then: one that waited at it would be woken by
/// every request, which costs that request a system call.
fn drain(spans: &Receiver<Span>, flushes: &Receiver<Sender<()>>, drained: &AtomicU64) {
    loop {
        let flush = flushes.recv_timeout(DRAIN_INTERVAL);
        for span in spans.try_iter() {
            std::hint::black_box(&span);
            drained.fetch_add(1, Relaxed);
        }
        match flush {
            Ok(done) => {
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Begin for Spans {
    type Guard = Open;

    fn begin<B>(&self, request: &Request<B>) -> Open {
        let remote = remote(request).filter(|remote| remote.sampled);
        let header = |name| request.headers().get(name).cloned();
        let span = remote.map(|remote| Span {
            trace_id: remote.trace_id,
            parent_id: remote.span_id,
            id: fastrand::u64(1..),
            start: Some(SystemTime::now()),
            method: "GET",
            route: request.extensions().get().cloned(),
            uri: request.uri().clone(),
            scheme: "http",
            host: header(header::HOST),
            user_agent: header(header::USER_AGENT),
            protocol_version: "1.1",
            ..Span::default()
        });
        Open {
            start: Instant::now(),
            span,
            queue: self.queue.clone(),
        }
    }
}

/// The span of a request that is not over.
pub struct Open {
    start: Instant,
    span: Option<Span>,
    queue: SyncSender<Span>,
}

impl Guard for Open {
    fn head(&mut self, status: StatusCode) {
        if let Some(span) = &mut self.span {
            span.status = status.as_u16();
            span.time_to_head = self.start.elapsed();
        }
    }

    fn data(&mut self, bytes: u64) {
        if let Some(span) = &mut self.span {
            span.body_bytes += bytes;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.duration = self.start.elapsed();
            // A full queue loses it, which shows in the count.
            let _ = self.queue.try_send(span);
        }
    }
}

/// Decides that nothing is to be done.
#[derive(Clone, Copy)]
pub struct Decide;

/// A service that decides, for each request, that nothing is to be done.
#[derive(Clone)]
pub struct Decided<S>(S);

impl<S> Layer<S> for Decide {
    type Service = Decided<S>;

    fn layer(&self, inner: S) -> Decided<S> {
        Decided(inner)
    }
}

impl<S, B> Service<Request<B>> for Decided<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let sampled = remote(&request).is_some_and(|remote| remote.sampled);
        assert!(!sampled, "there is nobody to take a span");
        self.0.call(request)
    }
}

fn remote<B>(request: &Request<B>) -> Option<Remote> {
    let header = request.headers().get("traceparent")?.to_str().ok()?;
    traceparent::parse(header)
}
