//! What an adversary tries with the header.

use axum_chassis::jwt::{self, TokenError, Verifier};
use serde_json::{Value, json};

use crate::{
    issuer::{AUDIENCE, ISSUER, Issuer, claims, clock, hs256_key, verifier},
    verify_header,
};

#[test]
fn a_header_that_changes_the_rules_or_brings_a_key_is_refused() {
    for name in ["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "cty"] {
        for value in [json!(null), json!("x"), json!(["exp"])] {
            let header = json!({ "alg": "HS256", name: value });
            assert_eq!(
                verify_header(&header),
                Err(TokenError::ForbiddenHeaderParameter(name))
            );
        }
    }
    let unknown = json!({ "alg": "HS256", "x5t": "x", "nonce": 1 });
    assert_eq!(verify_header(&unknown), Ok(()));
}

#[test]
fn the_type_is_that_of_an_access_token() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(
            verify_header(&json!({ "alg": "HS256", "typ": typ })),
            Ok(()),
            "{typ}"
        );
    }
    for typ in ["", "JWE", "logout+jwt", "dpop+jwt", "secevent+jwt"] {
        let header = json!({ "alg": "HS256", "typ": typ });
        assert_eq!(verify_header(&header), Err(TokenError::WrongType), "{typ}");
    }
    let header = json!({ "alg": "HS256", "typ": 1 });
    assert_eq!(
        verify_header(&header),
        Err(TokenError::HeaderParameter("typ"))
    );
}

#[test]
fn an_issuer_of_access_tokens_alone_has_no_other_type() {
    let issuer = jwt::Issuer::new(ISSUER, AUDIENCE, hs256_key()).access_tokens_only();
    let verifier = Verifier::builder().issuer(issuer).clock(clock);
    let verifier = verifier.build().unwrap();
    let verify = |header: Value| {
        let token = Issuer::hs256().token_with_header(&header, &claims());
        verifier.verify(&token).map(drop)
    };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(verify(json!({ "alg": "HS256", "typ": typ })), Ok(()));
    }
    for typ in ["JWT", "application/jwt", "at", "jwt+at", ""] {
        let refused = verify(json!({ "alg": "HS256", "typ": typ }));
        assert_eq!(refused, Err(TokenError::WrongType), "{typ}");
    }
    let untyped = verify(json!({ "alg": "HS256" }));
    assert_eq!(untyped, Err(TokenError::WrongType));
}

#[test]
fn a_kid_is_a_name_and_nothing_more() {
    let verifier = verifier(hs256_key().kid("a")).build().unwrap();
    let verify = |kid: Value| {
        let header = json!({ "alg": "HS256", "kid": kid });
        verifier
            .verify(&Issuer::hs256().token_with_header(&header, &claims()))
            .map(drop)
    };
    assert_eq!(verify("a".into()), Ok(()));
    for kid in [
        "",
        "A",
        "a\0",
        "../a",
        "a' OR '1'='1",
        "/dev/null",
        &"a".repeat(4000),
    ] {
        assert_eq!(verify(kid.into()), Err(TokenError::UnknownKey), "{kid:.9}");
    }
    for kid in [json!(null), json!(0), json!(["a"])] {
        assert_eq!(verify(kid), Err(TokenError::HeaderParameter("kid")));
    }
}
