use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Claims, Rejection, ResponseFuture};

/// Applies [`RequireScope`]: only requests whose token has the scope pass.
///
/// It goes inside of [`JwtLayer`](super::JwtLayer), which provides the claims.
///
/// ```
/// use axum_chassis::jwt::RequireScopeLayer;
///
/// let may_read = RequireScopeLayer::new("items:read");
/// let may_move = RequireScopeLayer::new("items:read items:write");
/// ```
#[derive(Clone, Debug)]
pub struct RequireScopeLayer {
    scope: Arc<str>,
}

/// Lets in requests whose [`Claims`] have every scope that is required.
#[derive(Clone, Debug)]
pub struct RequireScope<S> {
    inner: S,
    scope: Arc<str>,
}

impl RequireScopeLayer {
    /// Requires a scope, or several with spaces between (RFC 6749 section 3.3): all of them.
    pub fn new(scope: impl Into<Arc<str>>) -> Self {
        Self {
            scope: scope.into(),
        }
    }
}

impl<S> Layer<S> for RequireScopeLayer {
    type Service = RequireScope<S>;

    fn layer(&self, inner: S) -> RequireScope<S> {
        RequireScope {
            inner,
            scope: Arc::clone(&self.scope),
        }
    }
}

impl<S> RequireScope<S> {
    fn authorise(&self, claims: Option<&Claims>) -> Result<(), Rejection> {
        let claims = claims.ok_or(Rejection::NoToken)?;
        let mut required = self.scope.split(' ').filter(|scope| !scope.is_empty());
        match required.all(|scope| claims.has_scope(scope)) {
            true => Ok(()),
            false => Err(Rejection::InsufficientScope(Arc::clone(&self.scope))),
        }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequireScope<S>
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
        match self.authorise(request.extensions().get()) {
            Ok(()) => ResponseFuture::passed(self.inner.call(request)),
            Err(rejection) => ResponseFuture::rejected(rejection),
        }
    }
}
