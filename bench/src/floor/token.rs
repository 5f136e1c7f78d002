//! Bearer tokens: the check of a signature alone, and a table of those that were good.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use http::{Request, header::AUTHORIZATION};
use tower::{Layer, Service};

/// Tells whether the signature of the next token is good, of which all is known but that.
type Check = Arc<dyn Fn(usize) -> bool + Send + Sync>;

/// Checks a signature for each request, and looks at nothing else.
#[derive(Clone)]
pub struct Signature {
    check: Check,
    turn: Arc<AtomicUsize>,
}

impl Signature {
    /// By this check of the signature at some place.
    pub fn new(check: impl Fn(usize) -> bool + Send + Sync + 'static) -> Self {
        Self {
            check: Arc::new(check),
            turn: Arc::default(),
        }
    }

    /// How many were good.
    pub fn checked(&self) -> u64 {
        self.turn.load(Relaxed) as u64
    }
}

/// The service of [`Signature`].
#[derive(Clone)]
pub struct Checked<S> {
    inner: S,
    signature: Signature,
}

impl<S> Layer<S> for Signature {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        let signature = self.clone();
        Checked { inner, signature }
    }
}

impl<S, B> Service<Request<B>> for Checked<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let turn = self.signature.turn.fetch_add(1, Relaxed);
        assert!((self.signature.check)(turn), "there is nobody to refuse it");
        self.inner.call(request)
    }
}

/// Tokens that were good once, with what they say.
#[derive(Clone)]
pub struct Known(Arc<Tokens>);

type Tokens = HashMap<Box<[u8]>, Arc<Claims>, BuildHasherDefault<End>>;

/// What a token says.
pub struct Claims {
    pub subject: String,
    expires: SystemTime,
}

impl Known {
    /// Of one subject.
    pub fn new(tokens: &[String], subject: &str) -> Self {
        let claims = || Claims {
            subject: subject.to_owned(),
            expires: SystemTime::now() + Duration::from_secs(3600),
        };
        let tokens = tokens.iter().map(|token| {
            let token = format!("Bearer {token}").into_bytes();
            (token.into_boxed_slice(), Arc::new(claims()))
        });
        Self(Arc::new(tokens.collect()))
    }
}

/// The last bytes of a token: they are those of its signature, and as random as a hash.
#[derive(Default)]
pub struct End(u64);

impl Hasher for End {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(end) = bytes.last_chunk() {
            self.0 = u64::from_le_bytes(*end);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The service of [`Known`].
#[derive(Clone)]
pub struct LetIn<S> {
    inner: S,
    tokens: Arc<Tokens>,
}

impl<S> Layer<S> for Known {
    type Service = LetIn<S>;

    fn layer(&self, inner: S) -> LetIn<S> {
        let tokens = self.0.clone();
        LetIn { inner, tokens }
    }
}

impl<S, B> Service<Request<B>> for LetIn<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let field = request.headers().get(AUTHORIZATION);
        let claims = field.and_then(|field| self.tokens.get(field.as_bytes()));
        let claims = claims.filter(|claims| SystemTime::now() < claims.expires);
        let claims = claims.expect("there is nobody to refuse it").clone();
        request.extensions_mut().insert(claims);
        self.inner.call(request)
    }
}
