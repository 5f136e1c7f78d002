//! An issuer of tokens that publishes its keys, and may change them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::Full;
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://api.example";
/// What tokens are changed to say, beside what they say.
pub const ALGORITHMS: [&str; 5] = ["none", "HS384", "HS512", "RS256", "ES256"];
/// Some time, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;
/// The shortest time for which the service takes keys to be fresh: 60 s.
const FRESH: &str = "max-age=60";
const LIFETIME_SECONDS: u64 = 3600;

/// A pair of keys of ES256, with its name.
pub struct Signer {
    id: String,
    pair: KeyPair,
}

/// Publishes keys until it goes out of scope.
pub struct Issuer {
    pub address: SocketAddr,
    document: Arc<Mutex<String>>,
    _serving: JoinSet<()>,
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub fn new() -> Result<Self> {
        Ok(Self {
            id: Uuid::now_v7().to_string(),
            pair: KeyPair::generate()?,
        })
    }

    /// Another one at each call, so that none is remembered.
    pub fn bearer(&self) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "load",
            "scope": "items:read items:write",
            "jti": Uuid::now_v7(),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        });
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.clone());
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        Ok(format!(
            "Bearer {}",
            jsonwebtoken::encode(&header, &claims, &key)?
        ))
    }

    /// RFC 7517 section 5.
    fn document(&self) -> Result<String> {
        // SEC 1 section 2.3.3: not compressed, x and y.
        let (x, y) = self
            .pair
            .der_bytes()
            .strip_prefix(&[4])
            .and_then(|point| point.split_at_checked(32))
            .context("a point of P-256")?;
        let [x, y] = [x, y].map(encode);
        let key = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y,
        });
        Ok(json!({ "keys": [key] }).to_string())
    }
}

impl Issuer {
    pub async fn start(signer: &Signer) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let document = Arc::new(Mutex::new(signer.document()?));
        let published = Arc::clone(&document);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let published = Arc::clone(&published);
                connections.spawn(async move {
                    let answer = service_fn(|request| answer(request, Arc::clone(&published)));
                    let server = auto::Builder::new(TokioExecutor::new());
                    // What fails here is what the client has closed.
                    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Ok(Self {
            address,
            document,
            _serving: serving,
        })
    }

    /// Publishes another key in the place of the one before.
    pub fn rotate(&self, signer: &Signer) -> Result<()> {
        *self.document.lock().expect("nobody panics with it") = signer.document()?;
        Ok(())
    }
}

async fn answer(
    _: Request<Incoming>,
    published: Arc<Mutex<String>>,
) -> Result<Response<Full<Bytes>>> {
    let document = published.lock().expect("nobody panics with it").clone();
    Ok(Response::builder()
        .header("content-type", "application/json")
        .header("cache-control", FRESH)
        .body(Full::from(document))?)
}
