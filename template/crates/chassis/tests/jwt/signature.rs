//! What an adversary tries with `alg`, keys and signatures.

use axum_chassis::jwt::{Algorithm, Key, TokenError};
use serde_json::{Value, json};

use crate::{
    issuer::{Issuer, claims, claims_with, encode, verifier},
    verify, verify_claims, verify_header,
};

#[test]
fn a_good_token_is_accepted() {
    assert_eq!(verify_claims(&claims()), Ok(()));
}

#[test]
fn none_is_refused_in_every_spelling_with_a_signature_and_without() {
    for alg in [
        "none", "None", "NONE", "nOnE", "", " ", "null", "HS256 ", "hs256", "HS1",
    ] {
        let signed = Issuer::hs256().token_with_header(&json!({ "alg": alg }), &claims());
        let (message, _) = signed.rsplit_once('.').unwrap();
        assert_eq!(verify(&signed), Err(TokenError::UnknownKey), "{alg:?}");
        assert_eq!(
            verify(&format!("{message}.")),
            Err(TokenError::UnknownKey),
            "{alg:?}"
        );
    }
    for alg in [json!(null), json!(true), json!(["HS256"]), json!({})] {
        let header = json!({ "alg": alg });
        assert_eq!(
            verify_header(&header),
            Err(TokenError::HeaderParameter("alg")),
            "{alg}"
        );
    }
    assert_eq!(
        verify_header(&json!({})),
        Err(TokenError::HeaderParameter("alg"))
    );
}

#[test]
fn an_empty_short_or_long_signature_is_refused() {
    let good = Issuer::hs256().token(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    for forged in [
        "".to_owned(),
        encode([0; 32]),
        encode([0; 31]),
        signature.repeat(4),
    ] {
        assert_eq!(
            verify(&format!("{message}.{forged}")),
            Err(TokenError::WrongSignature)
        );
    }
}

#[test]
fn a_public_key_used_as_secret_signs_nothing() {
    let rsa = Issuer::new("RS256");
    let pem = rsa.public_pem();
    let verifier = verifier(
        Key::pem(Algorithm::Rs256, pem.as_bytes())
            .unwrap()
            .kid("rsa"),
    )
    .build()
    .unwrap();
    let confused = |header: &Value| {
        let header = jsonwebtoken::Header {
            kid: header["kid"].as_str().map(str::to_owned),
            ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256)
        };
        let secret = jsonwebtoken::EncodingKey::from_secret(pem.as_bytes());
        let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
        verifier.verify(&token).map(drop)
    };
    assert_eq!(
        confused(&json!({ "kid": "rsa" })),
        Err(TokenError::WrongAlgorithm)
    );
    assert_eq!(confused(&json!({})), Err(TokenError::UnknownKey));
    assert!(verifier.verify(&rsa.token(&claims())).is_ok());
}

#[test]
fn a_key_is_good_for_its_own_algorithm_alone() {
    for (ours, theirs) in [("RS256", "PS256"), ("RS256", "RS512"), ("ES256", "RS256")] {
        let issuer = Issuer::new(ours);
        let key = Key::pem(
            serde_json::from_value(ours.into()).unwrap(),
            issuer.public_pem().as_bytes(),
        );
        let verifier = verifier(key.unwrap().kid("a")).build().unwrap();
        let claimed = |alg: &str| {
            let header = json!({ "alg": alg, "kid": "a" });
            verifier
                .verify(&issuer.token_with_header(&header, &claims()))
                .map(drop)
        };
        assert_eq!(claimed(ours), Ok(()));
        assert_eq!(
            claimed(theirs),
            Err(TokenError::WrongAlgorithm),
            "{ours} as {theirs}"
        );
    }
}

#[test]
fn degenerate_ecdsa_signatures_are_refused() {
    let issuer = Issuer::new("ES256");
    let key = Key::pem(Algorithm::Es256, issuer.public_pem().as_bytes()).unwrap();
    let verifier = verifier(key).build().unwrap();
    let good = issuer.token(&claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    for signature in [[0; 64], [0xff; 64], [1; 64]] {
        let forged = format!("{message}.{}", encode(signature));
        assert_eq!(
            verifier.verify(&forged).unwrap_err(),
            TokenError::WrongSignature
        );
    }
    assert!(verifier.verify(&good).is_ok());
}

#[test]
fn a_changed_claim_or_header_breaks_the_signature() {
    let good = Issuer::hs256().token(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let other_claims = encode(claims_with("sub", "root").to_string());
    let other_header = encode(r#"{"alg":"HS256","typ":"JWT"}"#);

    assert_eq!(verify(&good), Ok(()));
    let refused = Err(TokenError::WrongSignature);
    assert_eq!(
        verify(&format!("{header}.{other_claims}.{signature}")),
        refused
    );
    assert_eq!(
        verify(&format!("{other_header}.{payload}.{signature}")),
        refused
    );
}
