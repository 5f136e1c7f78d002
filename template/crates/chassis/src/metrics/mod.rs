//! Duration, requests in flight and body sizes, as OpenTelemetry instruments.
//!
//! | instrument | kind, unit | Prometheus name |
//! |---|---|---|
//! | `http.server.request.duration` | histogram, s | `http_server_request_duration_seconds` |
//! | `http.server.active_requests` | up-down counter | `http_server_active_requests` |
//! | `http.server.request.body.size` | histogram, By | `http_server_request_body_size_bytes` |
//! | `http.server.response.body.size` | histogram, By | `http_server_response_body_size_bytes` |
//! | `axum_chassis.overflowed_requests` | counter | `axum_chassis_overflowed_requests_total` |
//!
//! All but the last are those of the [semantic conventions for HTTP server metrics][http],
//! with their attributes: `http.request.method`, `url.scheme`, and, but for
//! requests in flight, `http.route`, `http.response.status_code`,
//! `network.protocol.version` and `error.type`.
//!
//! All is recorded when the **body** of the response has ended, has failed, or
//! was dropped. What did not end well has an `error.type`: the status of a 5xx,
//! `cancelled` where the client hung up, `panic`, `body_error` or
//! `service_error`. The size of a response is what was passed on of it, before
//! any framing; that of a request is what its `Content-Length` says, so that one
//! without the header has none.
//!
//! To HTTP a gRPC call that fails is a 200. Its `error.type` is the status that its head
//! or its trailers tell, if that is the server's fault: `UNKNOWN`, `DEADLINE_EXCEEDED`,
//! `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE` or `DATA_LOSS`. The instruments of the
//! conventions for RPC, release candidates as of version 1.43, are not made.
//!
//! # Labels are bounded
//!
//! The route is axum's `MatchedPath` (feature `axum`) or the extension
//! [`Route`](crate::Route). An unmatched request has no `http.route`, as the
//! conventions say; an unknown method is `_OTHER`. The scheme is that of the
//! extension [`http::uri::Scheme`], set by whoever terminates TLS, else that of
//! the request's target, else `http`.
//!
//! Labels of your own come as [`Labels`] on the request or the response; only those
//! that the layer was [told](MetricsLayerBuilder::label) count. Whatever comes, a layer
//! has [so many](MetricsLayerBuilder::series_ceiling) series and no more: what is
//! beyond goes to the one with `otel.metric.overflow`, and is counted by
//! `axum_chassis.overflowed_requests`.
//!
//! # What it costs
//!
//! The instruments are bound to a series when its first request is over. A request that
//! is like one before finds them without a lock and allocates nothing.
//!
//! Any `Meter` will do: that of `prometheus::Registry`, that of the SDK, or
//! that of another provider whose instruments can be [bound][bind]. Records of one that
//! cannot are lost, by the default method of OpenTelemetry's `SyncInstrument`.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use axum_chassis::metrics::MetricsLayer;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn hello(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(Response::new("hello".into()))
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Infallible> {
//! let meter = opentelemetry::global::meter("my-service");
//! let service = ServiceBuilder::new()
//!     .layer(MetricsLayer::new(&meter))
//!     .service_fn(hello);
//!
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! [bind]: opentelemetry::metrics::SyncInstrument::bind
//! [http]: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-server

mod cache;
mod instruments;
mod labels;
mod layer;
mod recorder;
mod series;
mod service;

use self::{instruments::Instruments, recorder::Recorder};
pub use self::{
    labels::Labels,
    layer::{MetricsLayer, MetricsLayerBuilder},
    service::Metrics,
};

/// The future of [`Metrics`].
pub type ResponseFuture<F> = crate::watch::ResponseFuture<F, Recorder>;

/// The body of the responses of [`Metrics`]: the request is recorded at its end.
pub type ResponseBody<B> = crate::watch::ResponseBody<B, Recorder>;
