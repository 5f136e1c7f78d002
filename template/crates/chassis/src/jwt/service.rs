use std::{
    mem,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use tower_service::Service;

use super::{Claims, JwtFuture, Rejection, ResponseFuture, Verifier, bearer, wanted::WantedKey};

/// Lets in requests with a good bearer token, with its [`Claims`] in their extensions.
///
/// A signature is checked within `call`: 5 to 100 µs, by algorithm. Where the issuer's
/// keys are live, a request whose key is not known waits for it; that one alone takes a
/// clone of the inner service, which is why there must be one.
#[derive(Clone, Debug)]
pub struct Jwt<S> {
    inner: S,
    verifier: Verifier,
    optional: bool,
}

/// What is known of a request at once.
enum Verdict {
    /// None where there is no token, and none is needed.
    Passed(Option<Claims>),
    Rejected(Rejection),
    /// It depends on a key that may be about to come.
    Open {
        key: WantedKey,
        token: Box<[u8]>,
    },
}

impl<S> Jwt<S> {
    pub(super) fn new(inner: S, verifier: Verifier, optional: bool) -> Self {
        Self {
            inner,
            verifier,
            optional,
        }
    }

    fn judge(&self, headers: &mut HeaderMap) -> Verdict {
        let credentials = match bearer::credentials(headers) {
            Ok(Some(credentials)) => credentials,
            Ok(None) if self.optional => return Verdict::Passed(None),
            Ok(None) => return self.reject(Rejection::NoToken),
            Err(rejection) => return self.reject(rejection),
        };
        // Most have been seen before, down to the last letter.
        match self.verifier.verify_known(credentials) {
            Some(Ok(claims)) => Verdict::Passed(Some(claims)),
            Some(Err(error)) => Verdict::Rejected(Rejection::InvalidToken(error)),
            None if bearer::is_b64token(credentials) => self.judge_new(credentials),
            None => self.reject(Rejection::MalformedHeader),
        }
    }

    /// Without a token to verify, so that nobody else counts it.
    fn reject(&self, rejection: Rejection) -> Verdict {
        self.verifier.count(&rejection);
        Verdict::Rejected(rejection)
    }

    fn judge_new(&self, token: &[u8]) -> Verdict {
        match self.verifier.verify_new(token) {
            Ok(Ok(claims)) => Verdict::Passed(Some(claims)),
            Ok(Err(error)) => Verdict::Rejected(Rejection::InvalidToken(error)),
            Err(key) => Verdict::Open {
                key,
                token: token.into(),
            },
        }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Jwt<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = JwtFuture<S, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match self.judge(request.headers_mut()) {
            Verdict::Passed(claims) => JwtFuture::decided(pass(&mut self.inner, request, claims)),
            Verdict::Rejected(rejection) => JwtFuture::decided(ResponseFuture::rejected(rejection)),
            Verdict::Open { key, token } => {
                // It is the one in hand that is ready, not its clone.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let verifier = self.verifier.clone();
                let claims = async move { verifier.verify_with(key, &token).await };
                JwtFuture::waiting(claims, ready, request)
            }
        }
    }
}

/// Calls the service that the request was let in to.
pub(super) fn pass<S, ReqBody, ResBody>(
    inner: &mut S,
    mut request: Request<ReqBody>,
    claims: Option<Claims>,
) -> ResponseFuture<S::Future, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    if let Some(claims) = claims {
        request.extensions_mut().insert(claims);
    }
    ResponseFuture::passed(inner.call(request))
}
