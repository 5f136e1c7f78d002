//! What an endpoint can do wrong, before there are keys and after.

use axum_chassis::Cause;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use std::time::Duration;

use crate::{Endpoint, Live, Signer, UNKNOWN, call, jwks, telemetry::Seen};

type Fault = (&'static str, fn(&Endpoint));

/// Each with the outcome that is counted.
const FAULTS: [Fault; 15] = [
    ("timeout", Endpoint::hang),
    ("timeout", Endpoint::trickle),
    ("too_large", Endpoint::flood),
    ("too_large", |endpoint| endpoint.exceed(r#"{"keys": []}"#)),
    ("status", |endpoint| endpoint.fail(500)),
    ("status", |endpoint| endpoint.fail(404)),
    ("status", |endpoint| endpoint.fail(204)),
    ("redirect", |endpoint| endpoint.fail(304)),
    ("redirect", |endpoint| endpoint.redirect("/elsewhere")),
    ("keys", |endpoint| endpoint.publish("")),
    ("keys", |endpoint| endpoint.publish("<html>Sign in</html>")),
    ("keys", |endpoint| endpoint.publish("{}")),
    ("keys", |endpoint| endpoint.publish(r#"{"keys": []}"#)),
    ("keys", |endpoint| {
        let twins = [&Signer::new("twin"), &Signer::new("twin")];
        endpoint.publish(jwks(&twins));
    }),
    ("keys", |endpoint| {
        endpoint.publish(r#"{"keys": [{"kty": "AKP", "kid": "new"}]}"#);
    }),
];

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn without_any_keys_a_fault_is_a_503_that_says_when_to_come_back() {
    for (number, (outcome, break_it)) in FAULTS.into_iter().enumerate() {
        let endpoint = Endpoint::with("").await;
        break_it(&endpoint);
        let seen = Seen::default();
        let live = Live::spawn(endpoint.keys().timeout(SHORT).meter(&seen.meter()));

        let answer = call(&live.verifier, &Signer::new("a").token()).await;
        assert_eq!(answer.status(), 503, "{number} {outcome}");
        assert_eq!(answer.headers()[RETRY_AFTER], "1");
        assert!(!answer.headers().contains_key(WWW_AUTHENTICATE));
        assert!(answer.body().is_empty());
        let cause = answer.extensions().get::<Cause>().unwrap().to_string();
        assert!(cause.contains("keys are not there"), "{cause}");
        assert!(seen.fetches(outcome) >= 1, "{number} {outcome}");
    }
}

#[tokio::test]
async fn after_a_fault_the_last_good_keys_are_used() {
    for (number, (outcome, break_it)) in FAULTS.into_iter().enumerate() {
        let (known, new) = (Signer::new("a"), Signer::new("b"));
        let endpoint = Endpoint::with(jwks(&[&known])).await;
        let seen = Seen::default();
        let live = Live::spawn(endpoint.keys().timeout(SHORT).meter(&seen.meter()));
        assert_eq!(live.authenticate(&known).await, Ok(()));

        break_it(&endpoint);
        assert_eq!(live.authenticate(&new).await, UNKNOWN, "{number} {outcome}");
        assert_eq!(seen.fetches(outcome), 1, "{number} {outcome}");
        assert_eq!(live.authenticate(&known).await, Ok(()));
        assert_eq!(call(&live.verifier, &known.token()).await.status(), 200);
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_at_is_a_fault_of_the_connection() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", closed.local_addr().unwrap());
    drop(closed);
    let seen = Seen::default();
    let endpoint = axum_chassis::jwt::source::KeyEndpoint::jwks(&url).unwrap();
    let live = Live::spawn(endpoint.meter(&seen.meter()));
    assert!(live.authenticate(&Signer::new("a")).await.is_err());
    assert_eq!(seen.fetches("connection"), 1);
}

#[tokio::test]
async fn a_client_that_follows_redirects_gets_nothing_by_it() {
    let endpoint = Endpoint::with("").await;
    endpoint.redirect("/elsewhere");
    let seen = Seen::default();
    let eager = reqwest::Client::new();
    let keys = endpoint.keys().client(eager).meter(&seen.meter());
    let live = Live::spawn(keys);
    assert!(live.authenticate(&Signer::new("a")).await.is_err());
    assert_eq!(endpoint.hits(), 2);
    assert_eq!(seen.fetches("redirect"), 1);
}
