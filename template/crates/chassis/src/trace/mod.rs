//! One OpenTelemetry server span a request, and one log event at its end.
//!
//! The span begins with the call and ends with the **body** of the response:
//! when that has ended, has failed, or was dropped by a client that hung up;
//! `axum_chassis.ending` says which, `axum_chassis.time_to_head_seconds` when the
//! head was there. Whenever the request is polled, its span is the current one of
//! [`opentelemetry::Context`]: spans made below it by OpenTelemetry, or by
//! `#[instrument]` with [tracing-opentelemetry], are its children, and a log
//! formatter finds its ids there, sampled or not.
//!
//! Whether the span is sampled is decided before any attribute is made, by its
//! name and its parent; a span that is not costs its ids and little else.
//!
//! # Names and attributes
//!
//! By the [semantic conventions for HTTP server spans][http] the name is
//! `{method} {route}`, or `{method}` where no route matched, and the status is
//! Error for a 5xx and whenever the response was not passed on whole; a 4xx
//! leaves it unset. The route is axum's `MatchedPath` (feature `axum`) or the
//! extension [`Route`](crate::Route). Query strings and headers are recorded only
//! if [the layer is told to](TraceLayer), and no forwarding header is believed:
//! who knows the client sets [`ClientAddress`], who terminates TLS sets
//! [`http::uri::Scheme`], both as extensions of the request. A gRPC call has the
//! attributes of the [conventions for gRPC][grpc] instead.
//!
//! # The log
//!
//! `request finished`, with the target `axum_chassis::trace`, has the method, the
//! route, the path, `http.response.status_code`, `duration_seconds`, `error.type`
//! if it did not end well, and `cause`: the error that ended it, or the
//! [`Cause`](crate::Cause) that the response carries. A 5xx, a panic and a failed
//! body are logged at level `ERROR`, all else at `INFO`.
//!
//! # Context
//!
//! The span continues the trace of the caller, and takes its baggage, by W3C's headers
//! or [others](Propagation), read to the letter: whatever is malformed begins a new
//! trace. [`Propagation::inject`] writes the headers of a request to another service; around a client, [`client::ClientTraceLayer`]
//! does it. A task that is spawned takes the context along by
//! [`FutureExt::with_current_context`](opentelemetry::trace::FutureExt).
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use axum_chassis::trace::TraceLayer;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn hello(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     tracing::info!("inside the span");
//!     Ok(Response::new("hello".into()))
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Infallible> {
//! let tracer = opentelemetry::global::tracer("my-service");
//! let service = ServiceBuilder::new()
//!     .layer(TraceLayer::new(tracer))
//!     .service_fn(hello);
//!
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! [http]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
//! [grpc]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
//! [tracing-opentelemetry]: https://docs.rs/tracing-opentelemetry

mod address;
mod capture;
pub mod client;
mod context;
mod grpc;
mod head;
mod layer;
mod propagation;
#[cfg(feature = "sampler")]
mod sampler;
mod service;
mod span;

#[cfg(feature = "sampler")]
pub use self::sampler::RouteSampler;
use self::span::RequestSpan;
pub use self::{
    address::ClientAddress,
    context::current_trace_id,
    layer::TraceLayer,
    propagation::{Propagation, UnknownPropagator},
    service::Trace,
};

/// The future of [`Trace`].
pub type ResponseFuture<F> = crate::watch::ResponseFuture<F, RequestSpan>;

/// The body of the responses of [`Trace`]: the span ends with it.
pub type ResponseBody<B> = crate::watch::ResponseBody<B, RequestSpan>;
