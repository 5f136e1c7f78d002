//! What an adversary tries with the form of a token.

use axum_chassis::jwt::{Part, TokenError};

use crate::{
    issuer::{Issuer, claims, claims_with, encode},
    verify,
};

#[test]
fn a_token_has_three_parts() {
    let good = Issuer::hs256().token(&claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    for token in [
        "",
        ".",
        "a",
        "a.b",
        message,
        &format!("{good}."),
        &format!("{good}.{good}"),
    ] {
        assert_eq!(verify(token), Err(TokenError::NotThreeParts), "{token}");
    }
    assert_eq!(verify(".."), Err(TokenError::NotAnObject(Part::Header)));
}

#[test]
fn a_token_has_8_kib_at_most() {
    let padded = |length: usize| Issuer::hs256().token(&claims_with("pad", "x".repeat(length)));
    let longest = (5900..)
        .map(padded)
        .take_while(|token| token.len() <= 8192)
        .last()
        .unwrap();
    // Base64 knows no length of 4n + 1, so the longest may lack one.
    assert!(longest.len() >= 8191);
    assert_eq!(verify(&longest), Ok(()));

    let beyond = (5900..)
        .map(padded)
        .find(|token| token.len() > 8192)
        .unwrap();
    assert_eq!(verify(&beyond), Err(TokenError::TooLong));
    assert_eq!(verify(&padded(9 * 1024)), Err(TokenError::TooLong));
}

#[test]
fn base64url_is_canonical_and_unpadded() {
    let issuer = Issuer::hs256();
    let (header, payload) = (encode(r#"{"alg":"HS256"}"#), encode(claims().to_string()));
    assert_eq!(verify(&issuer.sign(&format!("{header}.{payload}"))), Ok(()));

    for header in [
        format!("{header}="),
        format!("{header} "),
        format!("{header}\n"),
        "+/+/".into(),
    ] {
        let token = issuer.sign(&format!("{header}.{payload}"));
        assert_eq!(
            verify(&token),
            Err(TokenError::NotBase64Url(Part::Header)),
            "{header:?}"
        );
    }
    let token = issuer.sign(&format!("{header}.{payload}=="));
    assert_eq!(verify(&token), Err(TokenError::NotBase64Url(Part::Claims)));
}

#[test]
fn unused_bits_of_the_signature_must_be_zero() {
    let good = Issuer::hs256().token(&claims());
    // 32 bytes leave two unused bits in the last character; its successor differs there.
    let (rest, last) = good.split_at(good.len() - 1);
    let successor = char::from(last.as_bytes()[0] + 1);
    let token = format!("{rest}{successor}");
    assert_eq!(
        verify(&token),
        Err(TokenError::NotBase64Url(Part::Signature))
    );
}

#[test]
fn a_duplicate_name_is_refused_although_it_is_signed() {
    let issuer = Issuer::hs256();
    let doubled = claims().to_string().replacen('{', r#"{"sub":"root","#, 1);
    let token = issuer.token_of(r#"{"alg":"HS256"}"#, &doubled);
    assert_eq!(verify(&token), Err(TokenError::DuplicateName(Part::Claims)));

    let token = issuer.token_of(r#"{"alg":"none","alg":"HS256"}"#, &claims().to_string());
    assert_eq!(verify(&token), Err(TokenError::DuplicateName(Part::Header)));
}

#[test]
fn header_and_claims_are_json_objects() {
    let issuer = Issuer::hs256();
    for not_an_object in ["", "null", "[]", "1", "{", "{}{}", "{'a':1}"] {
        let token = issuer.token_of(r#"{"alg":"HS256"}"#, not_an_object);
        assert_eq!(
            verify(&token),
            Err(TokenError::NotAnObject(Part::Claims)),
            "{not_an_object}"
        );
        let token = issuer.token_of(not_an_object, &claims().to_string());
        assert_eq!(
            verify(&token),
            Err(TokenError::NotAnObject(Part::Header)),
            "{not_an_object}"
        );
    }
}
