//! Keys that an issuer publishes: fetched over loopback from endpoints that behave in
//! every way there is.

#![cfg(feature = "jwks")]
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod discovery;
mod documents;
mod endpoint;
mod failures;
#[cfg(feature = "health")]
mod health;
#[path = "../jwt/issuer.rs"]
#[allow(
    dead_code,
    reason = "each test binary uses its part of what they share"
)]
mod issuer;
mod load;
mod telemetry;
mod tls;

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum_chassis::jwt::{
    Claims, JwtLayer, Keys, Rejection, TokenError, Verifier,
    source::{KeyEndpoint, KeysTask},
};
use http::{Request, Response, header::AUTHORIZATION};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    endpoint::Endpoint,
    issuer::{Issuer, claims, verifier},
};

const UNKNOWN: Result<(), Rejection> = Err(Rejection::InvalidToken(TokenError::UnknownKey));

/// A key pair with a name.
struct Signer {
    kid: String,
    issuer: Issuer,
}

impl Signer {
    fn new(kid: &str) -> Self {
        let kid = kid.to_owned();
        let issuer = Issuer::new("EdDSA");
        Self { kid, issuer }
    }

    fn jwk(&self) -> Value {
        let mut jwk = self.issuer.jwk();
        jwk["kid"] = self.kid.clone().into();
        jwk
    }

    fn token(&self) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.kid });
        self.issuer.token_with_header(&header, &claims())
    }
}

fn jwks(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// A verifier with keys that are kept fresh.
struct Live {
    keys: Keys,
    verifier: Verifier,
    _task: KeysTask,
}

impl Live {
    fn spawn(endpoint: KeyEndpoint) -> Self {
        let (keys, task) = endpoint.spawn().unwrap();
        Self {
            verifier: verifier(keys.clone()).build().unwrap(),
            keys,
            _task: task,
        }
    }

    /// With keys that are looked for whenever one is unknown.
    fn eager(endpoint: &Endpoint) -> Self {
        Self::spawn(endpoint.keys().cooldown(Duration::ZERO))
    }

    async fn authenticate(&self, signer: &Signer) -> Result<(), Rejection> {
        self.verifier.authenticate(&signer.token()).await.map(drop)
    }
}

/// Answers with what it sees: whose the claims are, and the request.
async fn show(request: Request<()>) -> Result<Response<String>, Infallible> {
    let claims = request.extensions().get::<Claims>();
    let shown = format!("{} {request:?}", claims.unwrap().subject());
    Ok(Response::new(shown))
}

/// What the layer answers to a request with this token.
async fn call(verifier: &Verifier, token: &str) -> Response<String> {
    let request = Request::builder()
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .unwrap();
    let service = JwtLayer::new(verifier.clone()).layer(service_fn(show));
    service.oneshot(request).await.unwrap()
}

/// Waits for a condition, for ten seconds at most.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
