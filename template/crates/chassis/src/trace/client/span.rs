use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response, Version, uri::Authority};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span, SpanKind, Status, TraceContextExt, Tracer},
};

use super::{ResendCount, SecretUrl, UrlTemplate, url};
use crate::{
    names::{self, span::*},
    request::{self, OTHER},
    trace::{
        capture::{Capture, clip},
        context::{Started, start_span},
        grpc,
        head::{host, server},
    },
    watch::{Outcome, Watch},
};

/// The span of one request to another service.
pub struct ClientSpan {
    /// Holds the span; it is current whenever the request is polled.
    context: Context,
    is_recording: bool,
    /// Whether it is a gRPC call, and not answered by HTTP alone.
    is_grpc: bool,
    grpc_status: Option<grpc::Status>,
    start: Instant,
    time_to_head: Option<Duration>,
    version: Option<Version>,
}

impl ClientSpan {
    /// `method` is the request's, if that is known.
    pub(super) fn start<T, B>(
        tracer: &T,
        method: &'static str,
        capture: &Capture,
        request: &Request<B>,
    ) -> Self
    where
        T: Tracer,
        T::Span: Send + Sync + 'static,
    {
        let start = Instant::now();
        let is_grpc = grpc::is_call(request) && !is_secret(request);
        let (kind, parent) = (SpanKind::Client, Context::current());
        let name = match is_grpc {
            true => rpc_method(request).into(),
            false => name(method, request),
        };
        let Started {
            context,
            is_recording,
        } = start_span(tracer, kind, name, &parent, |span| {
            let server = server(request);
            if is_grpc {
                span.set_attribute(KeyValue::new(RPC_SYSTEM_NAME, "grpc"));
                span.set_attribute(KeyValue::new(RPC_METHOD, rpc_method(request)));
            } else {
                span.set_attributes(attributes(method, request, server.as_ref(), capture));
            }
            span.set_attributes(peer(request, server.as_ref()));
        });
        Self {
            context,
            is_recording,
            is_grpc,
            grpc_status: None,
            start,
            time_to_head: None,
            version: None,
        }
    }

    /// What is to go along with the request.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }
}

impl Watch for ClientSpan {
    fn step<T>(&self, step: impl FnOnce() -> T) -> T {
        let _current = self.context.clone().attach();
        step()
    }

    fn head<B>(&mut self, response: &Response<B>) {
        self.time_to_head = Some(self.start.elapsed());
        self.version = Some(response.version());
        self.is_grpc = self.is_grpc && grpc::is_answer(response.headers());
        self.trailers(response.headers());
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        if self.is_grpc && self.grpc_status.is_none() {
            self.grpc_status = grpc::Status::of(trailers);
        }
    }

    fn end(self, outcome: Outcome<'_>) {
        if self.is_recording {
            let span = self.context.span();
            let error = outcome.client_error_type().or_else(|| self.grpc_error());
            if error.is_some() {
                let told = outcome.error.map(ToString::to_string).unwrap_or_default();
                span.set_status(Status::error(clip(&told).to_owned()));
            }
            span.set_attributes(self.attributes(&outcome, error));
            span.end();
        }
    }
}

impl ClientSpan {
    /// To who has called, every status but OK is an error.
    fn grpc_error(&self) -> Option<&'static str> {
        let error = self.grpc_status.filter(|status| !status.is_ok());
        error.map(grpc::Status::name)
    }

    /// What has become of the request.
    fn attributes(
        &self,
        outcome: &Outcome<'_>,
        error: Option<&'static str>,
    ) -> impl Iterator<Item = KeyValue> {
        let status = outcome.status.filter(|_| !self.is_grpc);
        let status = status.map(|status| i64::from(status.as_u16()));
        let bytes = outcome.status.and(i64::try_from(outcome.body_bytes).ok());
        let version = self.version.and_then(request::protocol_version);
        let seconds = self.time_to_head.as_ref().map(Duration::as_secs_f64);
        let optional = [
            status.map(|status| KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, status)),
            self.grpc_status
                .map(|status| KeyValue::new(RPC_RESPONSE_STATUS_CODE, status.name())),
            bytes.map(|bytes| KeyValue::new(HTTP_RESPONSE_BODY_SIZE, bytes)),
            version.map(|version| KeyValue::new(names::NETWORK_PROTOCOL_VERSION, version)),
            seconds.map(|seconds| KeyValue::new(TIME_TO_HEAD_SECONDS, seconds)),
            error.map(|error| KeyValue::new(names::ERROR_TYPE, error)),
            Some(KeyValue::new(ENDING, outcome.ending())),
        ];
        optional.into_iter().flatten()
    }
}

/// `{method} {template}`, an unknown method being `HTTP`.
fn name<B>(method: &'static str, request: &Request<B>) -> Cow<'static, str> {
    let method = match method {
        OTHER => "HTTP",
        known => known,
    };
    match request.extensions().get::<UrlTemplate>() {
        Some(template) => [method, " ", template.as_str()].concat().into(),
        None => method.into(),
    }
}

/// The name of a gRPC call: `package.Service/Method`.
fn rpc_method<B>(request: &Request<B>) -> String {
    clip(grpc::method(request.uri().path())).to_owned()
}

fn is_secret<B>(request: &Request<B>) -> bool {
    request.extensions().get::<SecretUrl>().is_some()
}

/// What the request itself tells, but for whom it is for.
fn attributes<B>(
    method: &'static str,
    request: &Request<B>,
    server: Option<&Authority>,
    capture: &Capture,
) -> impl Iterator<Item = KeyValue> {
    let original = (method == OTHER).then(|| clip(request.method().as_str()).to_owned());
    let template = request.extensions().get::<UrlTemplate>();
    let resend = request.extensions().get::<ResendCount>();
    let url = server.map(|server| url::full(request, server, capture));
    let optional = [
        Some(KeyValue::new(names::HTTP_REQUEST_METHOD, method)),
        original.map(|original| KeyValue::new(HTTP_REQUEST_METHOD_ORIGINAL, original)),
        url.map(|url| KeyValue::new(URL_FULL, clip(&url).to_owned())),
        template.map(|template| KeyValue::new(URL_TEMPLATE, template.as_str().to_owned())),
        resend.map(|ResendCount(n)| KeyValue::new(HTTP_REQUEST_RESEND_COUNT, i64::from(*n))),
    ];
    optional.into_iter().flatten()
}

/// Whom it is for.
fn peer<B>(request: &Request<B>, server: Option<&Authority>) -> impl Iterator<Item = KeyValue> {
    let address = server.map(|server| clip(host(server)).to_owned());
    let port = server.map(|server| port(request, server));
    let optional = [
        address.map(|address| KeyValue::new(SERVER_ADDRESS, address)),
        port.map(|port| KeyValue::new(SERVER_PORT, i64::from(port))),
    ];
    optional.into_iter().flatten()
}

/// The port that is named, or else the scheme's own.
fn port<B>(request: &Request<B>, server: &Authority) -> u16 {
    let default = if url::scheme(request) == "https" {
        443
    } else {
        80
    };
    server.port_u16().unwrap_or(default)
}
