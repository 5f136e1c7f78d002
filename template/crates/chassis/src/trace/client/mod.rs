//! One OpenTelemetry client span for each request to another service.
//!
//! [`ClientTraceLayer`] goes around any HTTP client that is a service: hyper-util's,
//! a stack of tower's own, or reqwest by `Reqwest` (feature `reqwest`). The span is
//! a child of the current one and goes along in the request's headers, so that what
//! the other service does is its child in turn. It ends with the **body** of the
//! response, like the [server's](super); `axum_chassis.ending` says how.
//!
//! # Names and attributes
//!
//! By the [semantic conventions for HTTP client spans][http] the name is
//! `{method} {template}`, where the request has a [`UrlTemplate`], or `{method}`.
//! `url.full` has no credentials, and the value of a query parameter only if [the
//! layer is told to](ClientTraceLayer::record_query_parameters); of a [`SecretUrl`] it
//! has neither path nor query. Who sends a request again says so by a [`ResendCount`];
//! for that the layer stands inside of whatever repeats, and each attempt has a span. A
//! redirect that the client follows by itself belongs to the first, and takes the headers
//! with trace and baggage along, whatever host it leads to.
//!
//! The status is Error for a 4xx and a 5xx, for a failure, and for a call that is
//! dropped before it is answered. A body that the caller has read enough of is none.
//!
//! A gRPC call has the name and the attributes of the [conventions for gRPC][grpc] instead;
//! every status but OK is an error. A channel of tonic puts the address into the request
//! itself, inside of the layer: who wants it in the span gives it to the client, too
//! (`with_origin`).
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use axum_chassis::trace::client::{ClientTraceLayer, UrlTemplate};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Infallible> {
//! // Stands for a real client.
//! let client = service_fn(async |_: Request<()>| {
//!     Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
//! });
//! let tracer = opentelemetry::global::tracer("my-service");
//! let client = ServiceBuilder::new()
//!     .layer(ClientTraceLayer::new(tracer))
//!     .service(client);
//!
//! let mut request = Request::get("http://inventory/items/7").body(()).unwrap();
//! request.extensions_mut().insert(UrlTemplate::new("/items/{id}"));
//! let response = client.oneshot(request).await?;
//! # assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! [grpc]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
//! [http]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span

mod extension;
mod layer;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
mod span;
mod url;

#[cfg(feature = "reqwest")]
pub use self::reqwest::{Reqwest, ReqwestFuture};
use self::span::ClientSpan;
pub use self::{
    extension::{ResendCount, SecretUrl, UrlTemplate},
    layer::ClientTraceLayer,
    service::ClientTrace,
};

/// The future of [`ClientTrace`].
pub type ResponseFuture<F> = crate::watch::ResponseFuture<F, ClientSpan>;

/// The body of the responses of [`ClientTrace`]: the span ends with it.
pub type ResponseBody<B> = crate::watch::ResponseBody<B, ClientSpan>;
