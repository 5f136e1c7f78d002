//! Which claims are good, each beside those that are not.

use axum_chassis::jwt::TokenError;
use serde_json::{Value, json};

use crate::{
    issuer::{
        AUDIENCE, ISSUER, Issuer, NOW, claims_with, claims_without, hs256_key, hs256_verifier,
        verifier,
    },
    verify_claims,
};

#[test]
fn exp_iss_aud_and_sub_are_required() {
    for name in ["exp", "iss", "aud", "sub"] {
        assert_eq!(
            verify_claims(&claims_without(name)),
            Err(TokenError::MissingClaim(name))
        );
    }
}

#[test]
fn an_expired_token_is_refused_after_the_leeway() {
    assert_eq!(verify_claims(&claims_with("exp", NOW - 59)), Ok(()));
    assert_eq!(
        verify_claims(&claims_with("exp", NOW - 60)),
        Err(TokenError::Expired)
    );
    assert_eq!(
        verify_claims(&claims_with("exp", 0)),
        Err(TokenError::Expired)
    );
}

#[test]
fn a_token_from_the_future_is_refused_before_the_leeway() {
    for (name, refused) in [
        ("nbf", TokenError::NotYetValid),
        ("iat", TokenError::IssuedInTheFuture),
    ] {
        assert_eq!(verify_claims(&claims_with(name, NOW - 600)), Ok(()));
        assert_eq!(verify_claims(&claims_with(name, NOW + 60)), Ok(()));
        assert_eq!(verify_claims(&claims_with(name, NOW + 61)), Err(refused));
    }
}

#[test]
fn the_leeway_can_be_none() {
    let verifier = verifier(hs256_key())
        .leeway(std::time::Duration::ZERO)
        .build()
        .unwrap();
    let verify = |exp: u64| verifier.verify(&Issuer::hs256().token(&claims_with("exp", exp)));
    assert!(verify(NOW + 1).is_ok());
    assert_eq!(verify(NOW).unwrap_err(), TokenError::Expired);
}

#[test]
fn a_time_is_a_sane_number_of_seconds() {
    for sane in [
        "1800000600",
        "1800000600.0",
        "1800000600.5",
        "1.8000006e9",
        "253402300799",
    ] {
        let exp: Value = serde_json::from_str(sane).unwrap();
        assert_eq!(verify_claims(&claims_with("exp", exp)), Ok(()), "{sane}");
    }
    for insane in [
        "1e19",
        "1e300",
        "-1",
        "-1.5",
        "-1e19",
        "18446744073709551615",
        "18446744073709551616",
        "253402300800",
        "1800000600000",
        "null",
        "true",
        "\"1800000600\"",
        "[1800000600]",
        "{}",
    ] {
        let exp: Value = serde_json::from_str(insane).unwrap();
        for name in ["exp", "nbf", "iat"] {
            let refused = Err(TokenError::MalformedClaim(name));
            assert_eq!(
                verify_claims(&claims_with(name, exp.clone())),
                refused,
                "{name} {insane}"
            );
        }
    }
}

#[test]
fn the_issuer_is_ours_to_the_letter() {
    for other in [
        "",
        "https://issuer.example/",
        "https://ISSUER.example",
        "https://issuer.exampl",
    ] {
        assert_eq!(
            verify_claims(&claims_with("iss", other)),
            Err(TokenError::WrongIssuer)
        );
    }
    for other in [
        json!(null),
        json!(1),
        json!([ISSUER]),
        json!({ "a": ISSUER }),
    ] {
        let refused = Err(TokenError::MalformedClaim("iss"));
        assert_eq!(verify_claims(&claims_with("iss", other)), refused);
    }
}

#[test]
fn the_audience_is_ours_or_contains_ours() {
    let audiences = |count: usize| {
        let others = (1..count).map(|number| Value::from(number.to_string()));
        others.chain([AUDIENCE.into()]).collect::<Vec<Value>>()
    };
    for good in [json!(AUDIENCE), json!(audiences(1)), json!(audiences(16))] {
        assert_eq!(verify_claims(&claims_with("aud", good)), Ok(()));
    }
    for other in [
        json!(""),
        json!(["a", "b"]),
        json!("https://api.example.evil"),
    ] {
        assert_eq!(
            verify_claims(&claims_with("aud", other)),
            Err(TokenError::WrongAudience)
        );
    }
    for malformed in [
        json!(null),
        json!(1),
        json!({}),
        json!([]),
        json!([AUDIENCE, 1]),
        json!(audiences(17)),
    ] {
        let refused = Err(TokenError::MalformedClaim("aud"));
        assert_eq!(verify_claims(&claims_with("aud", malformed)), refused);
    }
}

#[test]
fn subject_id_and_scope_are_strings() {
    assert_eq!(
        verify_claims(&claims_with("sub", "")),
        Err(TokenError::MalformedClaim("sub"))
    );
    for name in ["sub", "jti", "scope"] {
        assert_eq!(verify_claims(&claims_with(name, "a b")), Ok(()));
        for other in [json!(null), json!(1), json!(["a"]), json!({})] {
            let refused = Err(TokenError::MalformedClaim(name));
            assert_eq!(verify_claims(&claims_with(name, other)), refused, "{name}");
        }
    }
}

#[test]
fn other_claims_are_read_by_type_and_a_wrong_type_is_no_absence() {
    let token = Issuer::hs256().token(&claims_with("roles", json!(["admin"])));
    let claims = hs256_verifier().verify(&token).unwrap();
    assert_eq!(
        claims.get::<Vec<String>>("roles"),
        Ok(Some(vec!["admin".to_owned()]))
    );
    assert_eq!(claims.get::<Vec<String>>("groups"), Ok(None));
    assert_eq!(
        claims.get::<bool>("roles"),
        Err(TokenError::MalformedClaim("roles"))
    );
}

#[test]
fn an_error_says_nothing_of_the_token() {
    let verdict = verify_claims(&claims_with("iss", "https://tell-tale.example"));
    assert!(!format!("{verdict:?}").contains("tell-tale"));
}
