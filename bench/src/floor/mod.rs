//! What the layers do, by hand and for one service: the least that it can cost.
//!
//! A floor knows the routes beforehand, has no settings and no library, and does
//! not care for what goes wrong. It shows how much of a layer's cost is due to
//! the work itself.

pub mod metrics;
pub mod page;
pub mod probe;
pub mod span;
pub mod token;
mod traceparent;
mod watch;

use std::task::{Context, Poll};

use http::Request;
use tower::{Layer, Service};

/// A layer that passes everything on.
#[derive(Clone, Copy)]
pub struct Nothing;

/// A service that passes everything on.
#[derive(Clone)]
pub struct PassedOn<S>(S);

impl<S> Layer<S> for Nothing {
    type Service = PassedOn<S>;

    fn layer(&self, inner: S) -> PassedOn<S> {
        PassedOn(inner)
    }
}

impl<S, B> Service<Request<B>> for PassedOn<S>
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
        self.0.call(request)
    }
}
