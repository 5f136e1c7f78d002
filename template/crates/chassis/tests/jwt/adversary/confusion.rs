//! Algorithm confusion: the token names one algorithm, its signature is of another, and
//! the key for a third (RFC 8725 section 2.1).

use aws_lc_rs::hmac;
use axum_chassis::jwt::TokenError;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{decode, having, jwk_with, signed, verdict};
use crate::issuer::{ALGORITHMS, Issuer, claims, encode};

#[test]
fn of_all_ways_to_mix_algorithms_only_the_honest_one_is_accepted() {
    let issuers = Issuer::of_all_algorithms();
    let named = issuers
        .iter()
        .map(|issuer| jwk_with(&issuer.jwk(), "kid", issuer.alg));
    let verifier = having(&named.collect::<Vec<_>>());

    let mut accepted = 0;
    for signer in &issuers {
        for (claimed, key) in ALGORITHMS.into_iter().flat_map(with_each) {
            let header = json!({ "alg": claimed, "kid": key });
            let token = signer.token_with_header(&header, &claims());
            let expected = match (signer.alg == claimed, claimed == key) {
                (true, true) => Ok(()),
                (false, true) => Err(TokenError::WrongSignature),
                (_, false) => Err(TokenError::WrongAlgorithm),
            };
            accepted += usize::from(expected.is_ok());
            let how = format!("{} as {claimed} for the key of {key}", signer.alg);
            assert_eq!(verdict(&verifier, &token), expected, "{how}");
        }
    }
    assert_eq!(accepted, issuers.len());
}

fn with_each(alg: &'static str) -> [(&'static str, &'static str); 12] {
    ALGORITHMS.map(|other| (alg, other))
}

#[test]
fn a_token_without_a_kid_is_checked_with_the_key_for_its_alg_alone() {
    let issuers = Issuer::of_all_algorithms();
    let keys = issuers.each_ref().map(Issuer::jwk);
    let all = having(&keys);
    for (signer, jwk) in issuers.iter().zip(&keys) {
        let one = having(std::slice::from_ref(jwk));
        for claimed in ALGORITHMS {
            let token = signer.token_with_header(&json!({ "alg": claimed }), &claims());
            let verdicts = [&all, &one].map(|verifier| verdict(verifier, &token));
            let expected = match signer.alg == claimed {
                true => [Ok(()), Ok(())],
                false => [Err(TokenError::WrongSignature), Err(TokenError::UnknownKey)],
            };
            assert_eq!(verdicts, expected, "{} as {claimed}", signer.alg);
        }
    }
}

#[test]
fn a_public_key_in_no_spelling_is_a_secret() {
    let secret = Issuer::hs256();
    for issuer in &Issuer::of_all_algorithms()[3..] {
        let verifier = having(&[
            jwk_with(&issuer.jwk(), "kid", "public"),
            jwk_with(&secret.jwk(), "kid", "secret"),
        ]);
        for (how, bytes) in spellings(issuer) {
            for (kid, refused) in [
                (json!({ "kid": "public" }), TokenError::WrongAlgorithm),
                (json!({ "kid": "secret" }), TokenError::WrongSignature),
                (json!({}), TokenError::WrongSignature),
            ] {
                let token = hs256_with(&bytes, kid);
                assert_eq!(verdict(&verifier, &token), Err(refused), "{how}");
            }
        }
        let honest = json!({ "alg": issuer.alg, "kid": "public" });
        let honest = issuer.token_with_header(&honest, &claims());
        assert_eq!(verdict(&verifier, &honest), Ok(()), "{}", issuer.alg);
        let by_secret = json!({ "alg": "HS256", "kid": "secret" });
        let by_secret = secret.token_with_header(&by_secret, &claims());
        assert_eq!(verdict(&verifier, &by_secret), Ok(()));
    }
}

/// The bytes that somebody may take a public key for.
fn spellings(issuer: &Issuer) -> Vec<(&'static str, Vec<u8>)> {
    let (pem, der, jwk) = (issuer.public_pem(), issuer.public_der(), issuer.jwk());
    let member = ["n", "x"].iter().find_map(|name| jwk[name].as_str());
    let member = member.unwrap();
    vec![
        ("PEM", pem.clone().into()),
        ("PEM with \\n", pem.replace("\r\n", "\n").into()),
        ("PEM without its last newline", pem.trim_end().into()),
        (
            "PEM with \\n and without the last",
            pem.replace("\r\n", "\n").trim_end().into(),
        ),
        ("DER", der.clone()),
        ("DER in base64", STANDARD.encode(&der).into()),
        ("JWK", jwk.to_string().into()),
        ("modulus or coordinate", decode(member)),
        ("the same in base64url", member.into()),
        ("nothing", Vec::new()),
    ]
}

/// A token signed by HMAC with these bytes.
fn hs256_with(secret: &[u8], mut header: Value) -> String {
    header["alg"] = "HS256".into();
    let message = [header.to_string(), claims().to_string()]
        .map(encode)
        .join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    signed(&message, hmac::sign(&key, message.as_bytes()).as_ref())
}

#[test]
fn none_is_no_algorithm_and_its_look_alikes_are_not() {
    let secret = Issuer::hs256();
    let verifier = having(&[secret.jwk()]);
    for alg in [
        "n\u{43e}ne",                       // a Cyrillic o
        "\u{ff4e}\u{ff4f}\u{ff4e}\u{ff45}", // full width
        "no\u{200b}ne",                     // a space of no width
        "none\0",
        "none\n",
        "\tnone",
        "NoNe",
        "none,HS256",
        "HS256,none",
        "HS256\0",
        "\u{feff}HS256",
        "H\u{405}256", // a Cyrillic S
        "Hs256",
        "HS256HS256",
        "ED25519",
        "Ed25519",
        "ES512",
        "ES256K",
        "RSA1_5",
        "dir",
    ] {
        let token = secret.token_with_header(&json!({ "alg": alg }), &claims());
        let (message, _) = token.rsplit_once('.').unwrap();
        for token in [&token, &format!("{message}.")] {
            assert_eq!(
                verdict(&verifier, token),
                Err(TokenError::UnknownKey),
                "{alg:?}"
            );
        }
    }
    // JSON has several spellings of a string, and this is one of them.
    let escaped = secret.token_of(r#"{"\u0061lg":"\u0048S256"}"#, &claims().to_string());
    assert_eq!(verdict(&verifier, &escaped), Ok(()));
}
