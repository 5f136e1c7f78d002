//! What a request costs whose token was seen before.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use axum_chassis::jwt::{Claims, JwtLayer, Require, RequireLayer, Requirement};
use http::{Extensions, Request, Response, header::AUTHORIZATION};
use tower::{Layer, Service, service_fn};

use crate::issuer::{Issuer, claims_with, hs256_verifier};

type Answer = Ready<Result<Response<()>, Infallible>>;

/// Answers without a runtime.
fn call<S>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = pin!(service.call(request));
    let Poll::Ready(Ok(answer)) = future.as_mut().poll(&mut cx) else {
        panic!("the service is ready at once");
    };
    assert!(answer.status().is_success());
}

fn request() -> Request<()> {
    let token = Issuer::hs256().token(&claims_with("scope", "items:read items:write"));
    let request = Request::get("/items").header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(()).unwrap()
}

fn required(
    requirement: Requirement,
) -> Require<
    impl Service<Request<()>, Response = Response<()>, Error = Infallible, Future = Answer> + Clone,
> {
    let ok = service_fn(|_: Request<()>| -> Answer { ready(Ok(Response::new(()))) });
    RequireLayer::new(requirement).layer(ok)
}

#[test]
fn a_token_seen_before_costs_the_place_of_its_claims_alone() {
    let inner = required(Requirement::scope("items:read"));
    let mut service = JwtLayer::new(hs256_verifier()).layer(inner);
    call(&mut service, request());

    let next = request();
    let allocations = measure(|| call(&mut service, next));

    let token = Issuer::hs256().token(&claims_with("scope", "items:read"));
    let claims: Claims = hs256_verifier().verify(&token).unwrap();
    let place = measure(|| {
        let mut extensions = Extensions::new();
        extensions.insert(claims.clone());
    });
    assert_eq!(allocations.count_total, place.count_total);
}

#[test]
fn a_token_seen_before_is_verified_without_an_allocation() {
    let verifier = hs256_verifier();
    let token = Issuer::hs256().token(&claims_with("jti", "1"));
    let claims = verifier.verify(&token).unwrap();

    let allocations = measure(|| assert!(verifier.verify(&token).is_ok()));
    assert_eq!(allocations.count_total, 0);

    let questions = measure(|| assert!(!claims.has_scope("a") && !claims.has_role("a")));
    assert_eq!(questions.count_total, 0);
}

#[test]
fn a_new_token_costs_a_few_allocations() {
    let verifier = hs256_verifier();
    let tokens = ["1", "2"].map(|id| Issuer::hs256().token(&claims_with("jti", id)));
    assert!(verifier.verify(&tokens[0]).is_ok());

    let allocations = measure(|| assert!(verifier.verify(&tokens[1]).is_ok()));
    assert!(allocations.count_total <= 20, "{allocations:?}");
}
