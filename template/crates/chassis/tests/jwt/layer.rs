//! The layers around a bare tower service.

use std::{
    convert::Infallible,
    io,
    task::{Context, Poll},
};

use axum_chassis::{
    Cause,
    jwt::{Claims, JwtLayer, RequireLayer, Requirement},
};
use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::issuer::{Issuer, claims, claims_with, hs256_verifier};

type Answer = Response<String>;

fn bearer(token: &str) -> Request<()> {
    Request::builder()
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .unwrap()
}

/// Answers with the subject of the claims, if there are any.
async fn subject(request: Request<()>) -> Result<Answer, Infallible> {
    let claims = request.extensions().get::<Claims>();
    Ok(Response::new(
        claims
            .map_or("nobody", |claims| claims.subject())
            .to_owned(),
    ))
}

async fn call(layer: &JwtLayer, request: Request<()>) -> Answer {
    layer
        .layer(service_fn(subject))
        .oneshot(request)
        .await
        .unwrap()
}

async fn call_scoped(scope: &'static str, request: Request<()>) -> Answer {
    let scoped = RequireLayer::new(Requirement::scope(scope)).layer(service_fn(subject));
    JwtLayer::new(hs256_verifier())
        .optional()
        .layer(scoped)
        .oneshot(request)
        .await
        .unwrap()
}

fn challenge(answer: &Answer) -> (u16, &str) {
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(answer.body().is_empty());
    (answer.status().as_u16(), challenge)
}

fn cause(answer: &Answer) -> String {
    answer.extensions().get::<Cause>().unwrap().to_string()
}

#[tokio::test]
async fn a_good_token_passes_with_its_claims() {
    let layer = JwtLayer::new(hs256_verifier());
    let answer = call(&layer, bearer(&Issuer::hs256().token(&claims()))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.body(), "ada");
}

#[tokio::test]
async fn no_token_is_challenged_without_an_error_code() {
    let layer = JwtLayer::new(hs256_verifier());
    let basic = Request::builder()
        .header(AUTHORIZATION, "Basic YTpi")
        .body(())
        .unwrap();
    for request in [Request::new(()), basic] {
        let answer = call(&layer, request).await;
        assert_eq!(challenge(&answer), (401, r#"Bearer realm="api""#));
        assert_eq!(cause(&answer), "there is no bearer token");
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_for_a_reason_that_only_the_cause_tells() {
    let layer = JwtLayer::new(hs256_verifier());
    for (token, reason) in [
        (
            Issuer::hs256().token(&claims_with("exp", 1)),
            "the token has expired",
        ),
        (
            Issuer::new("EdDSA").token(&claims()),
            "no key fits the token's `kid` and `alg`",
        ),
        (
            "not-a-token".to_owned(),
            "the token does not have three parts",
        ),
    ] {
        let answer = call(&layer, bearer(&token)).await;
        assert_eq!(
            challenge(&answer),
            (401, r#"Bearer realm="api", error="invalid_token""#)
        );
        assert_eq!(
            cause(&answer),
            format!("the bearer token is refused: {reason}")
        );
    }
}

#[tokio::test]
async fn a_malformed_or_repeated_field_is_a_bad_request() {
    let layer = JwtLayer::new(hs256_verifier());
    let mut twice = bearer(&Issuer::hs256().token(&claims()));
    let again = twice.headers()[AUTHORIZATION].clone();
    twice.headers_mut().append(AUTHORIZATION, again);
    for request in [bearer(""), bearer("a b"), twice] {
        let answer = call(&layer, request).await;
        assert_eq!(
            challenge(&answer),
            (400, r#"Bearer realm="api", error="invalid_request""#)
        );
    }
}

#[tokio::test]
async fn optional_lets_pass_who_shows_no_token_but_no_bad_one() {
    let layer = JwtLayer::new(hs256_verifier()).optional();
    assert_eq!(call(&layer, Request::new(())).await.body(), "nobody");
    let good = bearer(&Issuer::hs256().token(&claims()));
    assert_eq!(call(&layer, good).await.body(), "ada");
    assert_eq!(
        call(&layer, bearer("bad")).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_scope_is_required_to_the_letter() {
    let token = |scope: &str| bearer(&Issuer::hs256().token(&claims_with("scope", scope)));
    for held in ["items:read", "items:write items:read", " items:read  x "] {
        assert_eq!(
            call_scoped("items:read", token(held)).await.status(),
            StatusCode::OK,
            "{held}"
        );
    }
    for held in [
        "",
        "items",
        "items:write",
        "items:reader",
        "Items:read",
        "items:read,x",
    ] {
        let answer = call_scoped("items:read", token(held)).await;
        let expected = r#"Bearer realm="api", error="insufficient_scope", scope="items:read""#;
        assert_eq!(challenge(&answer), (403, expected), "{held}");
        assert_eq!(cause(&answer), r#"the token lacks the scope "items:read""#);
    }
}

#[tokio::test]
async fn of_several_scopes_each_is_required() {
    let token = |scope: &str| bearer(&Issuer::hs256().token(&claims_with("scope", scope)));
    assert_eq!(
        call_scoped("a b", token("b c a")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        call_scoped("a b", token("a")).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        call_scoped("a b", token("ab")).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_scope_without_any_token_is_unauthorised() {
    let answer = call_scoped("items:read", Request::new(())).await;
    assert_eq!(challenge(&answer), (401, r#"Bearer realm="api""#));
}

#[tokio::test]
async fn the_token_is_hidden_from_debug_output() {
    let shown = service_fn(async |request: Request<()>| {
        Ok::<_, Infallible>(Response::new(format!("{request:?}")))
    });
    let token = Issuer::hs256().token(&claims());
    let service = JwtLayer::new(hs256_verifier()).layer(shown);
    let answer = service.oneshot(bearer(&token)).await.unwrap();
    assert!(answer.body().contains("Sensitive"), "{}", answer.body());
    assert!(!answer.body().contains(&token));
}

#[tokio::test]
async fn the_error_of_the_inner_service_is_handed_on() {
    let broken = service_fn(async |_: Request<()>| Err::<Answer, _>(io::Error::other("broken")));
    let service = JwtLayer::new(hs256_verifier()).layer(broken);
    let error = service
        .oneshot(bearer(&Issuer::hs256().token(&claims())))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

#[test]
fn it_is_ready_when_the_inner_service_is() {
    #[derive(Clone)]
    struct Busy;

    impl Service<Request<()>> for Busy {
        type Response = Answer;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Answer, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }

    let scoped = RequireLayer::new(Requirement::scope("a")).layer(Busy);
    let mut service = JwtLayer::new(hs256_verifier()).layer(scoped);
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut context).is_pending());
}
