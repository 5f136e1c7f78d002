//! Protects a plain axum router with bearer tokens.
//!
//! `cargo run -p axum-chassis --example jwt --features axum,jwt`

use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{Router, routing::get};
use axum_chassis::jwt::{
    Claims, HmacAlgorithm, Issuer, JwtLayer, Key, RequireLayer, Requirement, Verifier,
};
use jsonwebtoken::{EncodingKey, Header, encode};
use tokio::net::TcpListener;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
/// For this example only: a secret never stands in a program.
const SECRET: &[u8] = b"known to everyone who reads this file";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = Key::hmac(HmacAlgorithm::Hs256, SECRET)?;
    let issuer = Issuer::new(ISSUER, AUDIENCE, key);
    let verifier = Verifier::builder().issuer(issuer).build()?;

    let items = Router::new()
        .route("/items", get(items))
        .route_layer(RequireLayer::new(Requirement::scope("items:read")));
    let router = Router::new()
        .route("/me", get(me))
        .merge(items)
        // Also around the scope; a route layer, so that an unknown path stays 404.
        .route_layer(JwtLayer::new(verifier));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("curl -i {url}/me                                 # 401");
    println!(
        "curl -i {url}/me    -H 'Authorization: Bearer {}' # 200",
        mint("")?
    );
    println!(
        "curl -i {url}/items -H 'Authorization: Bearer {}' # 403",
        mint("")?
    );
    println!(
        "curl -i {url}/items -H 'Authorization: Bearer {}' # 200",
        mint("items:read")?
    );
    axum::serve(listener, router).await?;
    Ok(())
}

async fn me(claims: Claims) -> String {
    format!("Hello, {}!\n", claims.subject())
}

async fn items() -> &'static str {
    "an item\n"
}

/// Does the issuer's part.
fn mint(scope: &str) -> Result<String, Box<dyn Error>> {
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH)? + Duration::from_secs(3600);
    let claims = serde_json::json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "scope": scope,
        "exp": expiry.as_secs(),
    });
    Ok(encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(SECRET),
    )?)
}
