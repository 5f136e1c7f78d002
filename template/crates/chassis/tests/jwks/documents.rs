//! What is taken from a set, and how it is asked for.

use axum::response::IntoResponse;
use axum_chassis::jwt::source::KeyEndpoint;
use http::{
    StatusCode,
    header::{ACCEPT, ETAG, IF_NONE_MATCH, USER_AGENT},
};
use serde_json::json;

use crate::{
    Endpoint, Live, Signer, UNKNOWN, call,
    issuer::{Issuer, claims, encode},
    jwks,
    telemetry::Seen,
};

#[tokio::test]
async fn a_token_is_good_as_soon_as_the_keys_are_there() {
    let signer = Signer::new("a");
    let endpoint = Endpoint::with(jwks(&[&signer])).await;
    let live = Live::spawn(endpoint.keys());
    let answer = call(&live.verifier, &signer.token()).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.body().starts_with("ada"));
    assert!(answer.body().contains("Sensitive"), "{}", answer.body());
    assert!(!answer.body().contains(&signer.token()));
}

#[tokio::test]
async fn debug_output_names_the_keys_and_that_they_are_live() {
    let signer = Signer::new("a");
    let endpoint = Endpoint::with(jwks(&[&signer])).await;
    let live = Live::spawn(endpoint.keys());
    assert_eq!(live.authenticate(&signer).await, Ok(()));
    let shown = format!("{:?}", live.keys);
    assert!(shown.contains(r#"kid: Some("a")"#), "{shown}");
    assert!(shown.contains("live: true"), "{shown}");
}

#[tokio::test]
async fn it_says_who_it_is_and_what_it_takes() {
    let signer = Signer::new("a");
    let endpoint = Endpoint::with(jwks(&[&signer])).await;
    let live = Live::spawn(endpoint.keys());
    assert_eq!(live.authenticate(&signer).await, Ok(()));
    let head = &endpoint.heads()[0];
    let agent = head[USER_AGENT].to_str().unwrap();
    assert!(agent.starts_with("axum-chassis/"), "{agent}");
    let taken = head[ACCEPT].to_str().unwrap();
    assert!(taken.contains("application/jwk-set+json"), "{taken}");
}

#[tokio::test]
async fn keys_that_are_of_no_use_do_not_cost_the_others() {
    let good = Signer::new("good");
    let hs256 = Issuer::hs256();
    let mut secret = hs256.jwk();
    secret["kid"] = "secret".into();
    let mut private = Signer::new("private").jwk();
    private["d"] = "AQ".into();
    let weak = json!({ "kty": "RSA", "kid": "weak", "n": encode([0xff; 128]), "e": "AQAB" });
    let malformed = json!({ "kty": "EC", "crv": "P-256", "kid": "bad", "x": "", "y": "" });
    let unknown = json!({ "kty": "AKP", "kid": "future" });
    let keys = [
        secret,
        private,
        weak,
        malformed,
        json!(5),
        unknown,
        good.jwk(),
    ];

    let endpoint = Endpoint::with(json!({ "keys": keys }).to_string()).await;
    let seen = Seen::default();
    let live = Live::spawn(endpoint.keys().meter(&seen.meter()));
    assert_eq!(live.authenticate(&good).await, Ok(()));
    assert_eq!(seen.value("axum_chassis.jwks.keys"), 1.0);

    let header = json!({ "alg": "HS256", "kid": "secret" });
    let forged = hs256.token_with_header(&header, &claims());
    let verdict = live.verifier.authenticate(&forged).await.map(drop);
    assert_eq!(verdict, UNKNOWN, "everyone has read the secret");
}

#[tokio::test]
async fn a_document_that_has_not_changed_is_not_sent_again() {
    let (known, new) = (Signer::new("a"), Signer::new("b"));
    let endpoint = Endpoint::with("").await;
    let document = jwks(&[&known]);
    endpoint.answer(move |request| {
        let tag = [(ETAG, "\"1\"")];
        Some(match request.headers().get(IF_NONE_MATCH) {
            Some(known) if known == "\"1\"" => (StatusCode::NOT_MODIFIED, tag).into_response(),
            _ => (tag, document.clone()).into_response(),
        })
    });
    let seen = Seen::default();
    let live = Live::spawn(endpoint.keys().meter(&seen.meter()));
    assert_eq!(live.authenticate(&known).await, Ok(()));
    assert_eq!(live.authenticate(&new).await, UNKNOWN);
    assert_eq!((seen.fetches("changed"), seen.fetches("unchanged")), (1, 1));
    assert_eq!(live.authenticate(&known).await, Ok(()));
}

#[tokio::test]
async fn a_document_that_was_refused_is_never_taken_for_the_known_one() {
    let known = Signer::new("a");
    let endpoint = Endpoint::with(jwks(&[&known])).await;
    let live = Live::eager(&endpoint);
    assert_eq!(live.authenticate(&known).await, Ok(()));
    endpoint.answer(|_| Some(([(ETAG, "\"bad\"")], "<html>").into_response()));
    for _ in 0..2 {
        assert_eq!(live.authenticate(&Signer::new("b")).await, UNKNOWN);
    }
    let mut heads = endpoint.heads().into_iter();
    assert!(heads.all(|head| !head.contains_key(IF_NONE_MATCH)));
}

#[test]
fn keys_come_by_https_alone_but_for_this_machine() {
    for url in [
        "http://issuer.example/jwks",
        "issuer.example",
        "ftp://127.0.0.1/",
    ] {
        assert!(KeyEndpoint::jwks(url).is_err(), "{url}");
        assert!(KeyEndpoint::discovery(url).is_err(), "{url}");
    }
    assert!(KeyEndpoint::jwks("https://issuer.example/jwks").is_ok());
}

#[test]
fn a_root_certificate_must_be_one() {
    let endpoint = || KeyEndpoint::jwks("https://issuer.example/jwks").unwrap();
    for pem in ["", "no PEM", &Issuer::new("EdDSA").public_pem()] {
        assert!(endpoint().root_certificates(pem.as_bytes()).is_err());
    }
}

#[tokio::test]
async fn dropping_the_task_ends_all_fetches() {
    let signer = Signer::new("a");
    let endpoint = Endpoint::with(jwks(&[&signer])).await;
    let Live {
        verifier, _task, ..
    } = Live::eager(&endpoint);
    assert!(verifier.authenticate(&signer.token()).await.is_ok());
    drop(_task);
    let unknown = verifier.authenticate(&Signer::new("b").token()).await;
    assert_eq!(unknown.map(drop), UNKNOWN);
    assert!(verifier.authenticate(&signer.token()).await.is_ok());
    assert_eq!(endpoint.hits(), 1);
}
