//! One server span a request, by the OpenTelemetry conventions, with one log event at its end.
//!
//! The span begins with the call and ends with the **body** of the response:
//! when that has ended, has failed, or was dropped by a client that hung up;
//! `axum_chassis.ending` says which, `axum_chassis.time_to_head_seconds` when the
//! head was there. Everything that the service does is polled inside the span,
//! so that events and `#[instrument]` spans nest below it.
//!
//! At its end it logs `request finished` with `http.response.status_code`,
//! `duration_seconds`, `error.type` if it did not end well, and `cause`: the error
//! that ended it, or the [`Cause`](crate::Cause) that the response carries. A 5xx,
//! a panic and a failed body are logged at level `ERROR`, all else at `INFO`. Span
//! and event have the target `axum_chassis::trace`; a filter that turns off `INFO`
//! there turns off the spans.
//!
//! # Names and attributes
//!
//! By the [semantic conventions for HTTP server spans][http] the name is
//! `{method} {route}`, or `{method}` where no route matched, and the status is
//! Error for a 5xx and whenever the response was not passed on whole; a 4xx
//! leaves it unset. The route is axum's `MatchedPath` (feature `axum`) or the
//! extension [`Route`](crate::Route). A query string is never recorded, and no
//! forwarding header is believed: who knows the client sets [`ClientAddress`],
//! who terminates TLS sets [`http::uri::Scheme`], both as extensions of the request.
//!
//! # Context
//!
//! With [tracing-opentelemetry] the span continues the trace of the caller by
//! [W3C Trace Context], read to the letter: whatever is malformed begins a new
//! trace. [`Propagation`] says which headers are read and written, and writes those of
//! a request to another service. Without tracing-opentelemetry there are just the logs.
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
//! let service = ServiceBuilder::new()
//!     .layer(TraceLayer::new())
//!     .service_fn(hello);
//!
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! [http]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
//! [tracing-opentelemetry]: https://docs.rs/tracing-opentelemetry
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context-2/

mod client;
mod context;
mod layer;
mod propagation;
mod service;
mod span;

use self::span::RequestSpan;
pub use self::{
    client::ClientAddress,
    context::current_trace_id,
    layer::TraceLayer,
    propagation::{Propagation, UnknownPropagator},
    service::Trace,
};

/// The future of [`Trace`].
pub type ResponseFuture<F> = crate::watch::ResponseFuture<F, RequestSpan>;

/// The body of the responses of [`Trace`]: the span ends with it.
pub type ResponseBody<B> = crate::watch::ResponseBody<B, RequestSpan>;
