//! Keys that are found from the issuer's name.

use axum::response::IntoResponse;
use axum_chassis::jwt::source::KeyEndpoint;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{Endpoint, Live, Signer, jwks, telemetry::Seen};

/// Serves both documents below an issuer with a path.
async fn issuer(metadata: impl FnOnce(&str) -> Value, signer: &Signer) -> (Endpoint, String) {
    let endpoint = Endpoint::with("").await;
    let name = format!("{}/tenant/", endpoint.url());
    let metadata = metadata(&name).to_string();
    let keys = jwks(&[signer]);
    endpoint.answer(move |request| {
        Some(match request.uri().path() {
            "/tenant/.well-known/openid-configuration" => metadata.clone().into_response(),
            "/tenant/keys" => keys.clone().into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        })
    });
    (endpoint, name)
}

#[tokio::test]
async fn the_keys_are_where_the_issuer_says() {
    let signer = Signer::new("a");
    let sound = |name: &str| json!({ "issuer": name, "jwks_uri": format!("{name}keys") });
    let (_endpoint, name) = issuer(sound, &signer).await;
    let live = Live::spawn(KeyEndpoint::discovery(&name).unwrap());
    assert_eq!(live.authenticate(&signer).await, Ok(()));
}

#[tokio::test]
async fn a_document_that_is_not_the_issuers_own_is_refused() {
    let signer = Signer::new("a");
    let without_slash = |name: &str| name.trim_end_matches('/').to_owned();
    let unsound: [&dyn Fn(&str) -> Value; 5] = [
        &|name| json!({ "issuer": without_slash(name), "jwks_uri": format!("{name}keys") }),
        &|name| json!({ "issuer": "https://other.example", "jwks_uri": format!("{name}keys") }),
        &|name| json!({ "issuer": name, "jwks_uri": "http://keys.example/jwks" }),
        &|name| json!({ "issuer": name, "jwks_uri": "/tenant/keys" }),
        &|name| json!({ "issuer": name }),
    ];
    for metadata in unsound {
        let (endpoint, name) = issuer(metadata, &signer).await;
        let seen = Seen::default();
        let keys = KeyEndpoint::discovery(&name).unwrap().meter(&seen.meter());
        let live = Live::spawn(keys);
        assert!(live.authenticate(&signer).await.is_err());
        assert_eq!(seen.fetches("discovery"), 1);
        assert_eq!(endpoint.hits(), 1, "the keys are not even asked for");
    }
}
