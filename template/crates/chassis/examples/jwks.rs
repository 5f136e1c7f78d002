//! Takes the tokens of a real issuer, whose keys it finds by OpenID Connect discovery.
//!
//! `cargo run -p axum-chassis --example jwks --features axum,jwks -- https://issuer.example my-audience`

use std::{env, error::Error};

use axum::{Router, routing::get};
use axum_chassis::jwt::{Claims, Issuer, JwtLayer, Verifier, source::KeyEndpoint};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init(); // tells which keys come and go
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(audience)) = (arguments.next(), arguments.next()) else {
        return Err("name the issuer's URL, and the audience of its tokens".into());
    };

    let (keys, _task) = KeyEndpoint::discovery(&name)?.spawn()?;
    let issuer = Issuer::new(name, audience, keys);
    let verifier = Verifier::builder().issuer(issuer).build()?;
    let router = Router::new()
        .route("/me", get(me))
        .route_layer(JwtLayer::new(verifier));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let address = listener.local_addr()?;
    println!("curl -i http://{address}/me -H \"Authorization: Bearer $TOKEN\"");
    axum::serve(listener, router).await?;
    Ok(())
}

async fn me(claims: Claims) -> String {
    format!("Hello, {}!\n", claims.subject())
}
