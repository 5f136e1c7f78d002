use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Requirement, ResponseFuture};

/// Applies [`Require`]: only requests that meet the requirement pass.
///
/// It goes inside of [`JwtLayer`](super::JwtLayer), which provides the claims.
///
/// ```
/// use axum_chassis::jwt::{RequireLayer, Requirement};
///
/// let layer = RequireLayer::new(Requirement::scope("items:read"));
/// ```
#[derive(Clone, Debug)]
pub struct RequireLayer {
    requirement: Requirement,
}

/// Lets in requests that meet the [`Requirement`], by the claims that they carry.
#[derive(Clone, Debug)]
pub struct Require<S> {
    inner: S,
    requirement: Requirement,
}

impl RequireLayer {
    /// Requires this.
    pub fn new(requirement: Requirement) -> Self {
        Self { requirement }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Require<S> {
        let requirement = self.requirement.clone();
        Require { inner, requirement }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Require<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (head, body) = request.into_parts();
        match self.requirement.check(&head) {
            Ok(()) => ResponseFuture::passed(self.inner.call(Request::from_parts(head, body))),
            Err(rejection) => ResponseFuture::rejected(rejection),
        }
    }
}
