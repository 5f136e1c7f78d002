use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response};
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanKind, SpanRef, Status, TraceContextExt, Tracer},
};
use tracing::{Level, event, field, level_filters::LevelFilter};

use super::{
    capture::{Capture, clip},
    context::{Started, start_span},
    grpc,
    head::Head,
    layer::Settings,
};
use crate::{
    Cause,
    names::{self, span::*},
    request::OTHER,
    watch::{Outcome, Watch},
};

const TARGET: &str = "axum_chassis::trace";

/// The span of one request.
pub struct RequestSpan {
    /// Holds the span; it is current whenever the request is polled.
    context: Context,
    is_recording: bool,
    head: Head,
    /// If anything of the response is to be recorded.
    capture: Option<Arc<Capture>>,
    start: Instant,
    time_to_head: Option<Duration>,
    grpc_status: Option<grpc::Status>,
    cause: Option<Cause>,
}

impl RequestSpan {
    pub(super) fn start<T, B>(settings: &Settings<T>, request: &Request<B>) -> Self
    where
        T: Tracer,
        T::Span: Send + Sync + 'static,
    {
        let start = Instant::now();
        let head = Head::of(request, &settings.methods);
        let parent = settings.propagation.extract_context(request.headers());
        let (kind, name) = (SpanKind::Server, head.span_name());
        let Started {
            context,
            is_recording,
        } = start_span(&*settings.tracer, kind, name, &parent, |span| {
            head.describe(request, &settings.capture, span);
        });
        let captures = is_recording && settings.capture.is_of_responses();
        Self {
            context,
            is_recording,
            head,
            capture: captures.then(|| settings.capture.clone()),
            start,
            time_to_head: None,
            grpc_status: None,
            cause: None,
        }
    }
}

impl Watch for RequestSpan {
    fn step<T>(&self, step: impl FnOnce() -> T) -> T {
        let _current = self.context.clone().attach();
        step()
    }

    fn head<B>(&mut self, response: &Response<B>) {
        self.time_to_head = self.is_recording.then(|| self.start.elapsed());
        self.cause = response.extensions().get::<Cause>().cloned();
        if let Some(capture) = &self.capture {
            let attributes = capture.of_response(response.headers());
            self.context.span().set_attributes(attributes);
        }
        if self.head.is_grpc && !grpc::is_answer(response.headers()) {
            self.be_http();
        }
        self.trailers(response.headers());
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        if self.head.is_grpc && self.grpc_status.is_none() {
            self.grpc_status = grpc::Status::of(trailers);
        }
    }

    fn end(self, outcome: Outcome<'_>) {
        self.log(&outcome);
        if self.is_recording {
            let span = self.context.span();
            span.set_attributes(self.attributes(&outcome));
            if self.error_type(&outcome).is_some() {
                span.set_status(Status::error(""));
            }
            if self.head.is_grpc {
                self.tell_method(&span);
            }
            span.end();
        }
    }
}

impl RequestSpan {
    fn log(&self, outcome: &Outcome<'_>) {
        macro_rules! finished {
            ($level:expr) => {
                event!(
                    target: TARGET,
                    $level,
                    { names::HTTP_REQUEST_METHOD } = self.head.method,
                    { names::HTTP_ROUTE } = self.head.route.as_ref().map(|route| route.as_str()),
                    { URL_PATH } = clip(self.head.path()),
                    { names::HTTP_RESPONSE_STATUS_CODE } = outcome.status.map(|s| s.as_u16()),
                    { RPC_RESPONSE_STATUS_CODE } = self.grpc_status.map(grpc::Status::name),
                    duration_seconds = self.start.elapsed().as_secs_f64(),
                    { names::ERROR_TYPE } = self.error_type(outcome),
                    cause = self.cause(outcome).map(field::display),
                    "request finished"
                )
            };
        }
        let failed = outcome.is_server_error() || self.grpc_error().is_some();
        let level = if failed { Level::ERROR } else { Level::INFO };
        // Who writes the event down finds its ids there; where no level is on, nobody does.
        let is_on = level <= LevelFilter::current();
        let _current = is_on.then(|| self.context.clone().attach());
        if failed {
            finished!(Level::ERROR);
        } else {
            finished!(Level::INFO);
        }
    }

    /// What ended the request, or else why its response is what it is.
    fn cause<'a>(&'a self, outcome: &Outcome<'a>) -> Option<&'a dyn Display> {
        let cause = self.cause.as_ref().map(|cause| cause as &dyn Display);
        outcome.error.or(cause)
    }

    fn error_type(&self, outcome: &Outcome<'_>) -> Option<&'static str> {
        outcome.error_type().or_else(|| self.grpc_error())
    }

    fn grpc_error(&self) -> Option<&'static str> {
        self.grpc_status.and_then(grpc::Status::server_error)
    }

    /// What has become of the request.
    fn attributes(&self, outcome: &Outcome<'_>) -> impl Iterator<Item = KeyValue> {
        let status = outcome.status.filter(|_| !self.head.is_grpc);
        let bytes = outcome.status.and(i64::try_from(outcome.body_bytes).ok());
        let seconds = self.time_to_head.as_ref().map(Duration::as_secs_f64);
        let optional = [
            status.map(|code| {
                KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, i64::from(code.as_u16()))
            }),
            self.grpc_status
                .map(|status| KeyValue::new(RPC_RESPONSE_STATUS_CODE, status.name())),
            bytes.map(|bytes| KeyValue::new(HTTP_RESPONSE_BODY_SIZE, bytes)),
            seconds.map(|seconds| KeyValue::new(TIME_TO_HEAD_SECONDS, seconds)),
            self.error_type(outcome)
                .map(|error| KeyValue::new(names::ERROR_TYPE, error)),
            Some(KeyValue::new(ENDING, outcome.ending())),
        ];
        optional.into_iter().flatten()
    }

    /// Nobody here speaks gRPC, whatever the request said: else any client could keep
    /// route and status out of its span, and make up names.
    fn be_http(&mut self) {
        self.head.is_grpc = false;
        if self.is_recording {
            let span = self.context.span();
            span.update_name(self.head.span_name());
            span.set_attributes(self.head.as_http());
        }
    }

    /// The method of a gRPC call. One that does not exist, or that nobody has answered, is
    /// of the client's making, and there is no end to those: it is no name.
    fn tell_method(&self, span: &SpanRef<'_>) {
        span.set_attribute(KeyValue::new(RPC_SYSTEM_NAME, "grpc"));
        let method = clip(grpc::method(self.head.path())).to_owned();
        let is_refused = self.grpc_status.is_some_and(grpc::Status::is_unimplemented);
        if is_refused || self.time_to_head.is_none() {
            span.update_name("grpc");
            span.set_attribute(KeyValue::new(RPC_METHOD, OTHER));
            span.set_attribute(KeyValue::new(RPC_METHOD_ORIGINAL, method));
        } else {
            span.set_attribute(KeyValue::new(RPC_METHOD, method));
        }
    }
}
