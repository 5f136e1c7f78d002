//! Names that are nearly right: `iss`, `aud`, `sub`, `scope` and `jti`.

use axum_chassis::jwt::{Algorithm, HmacAlgorithm, Issuer as Trusted, Key, TokenError, Verifier};
use serde_json::{Value, json};

use super::verdict;
use crate::{
    issuer::{AUDIENCE, ISSUER, Issuer, claims, claims_with, clock, hs256_key},
    verify_claims,
};

/// What resembles a URL, to somebody who compares URLs and not strings.
fn look_alikes(url: &str) -> Vec<String> {
    let host = url.trim_start_matches("https://");
    vec![
        format!("{url}/"),
        format!("{url}#"),
        format!("{url}?"),
        format!("{url}:443"),
        format!("{url}."),
        format!("{url}.evil.example"),
        format!("{url}@evil.example"),
        format!(" {url}"),
        format!("{url} "),
        format!("{url}\0"),
        format!("{url}\n"),
        format!("{url},{url}"),
        format!("http://{host}"),
        format!("HTTPS://{host}"),
        format!("https://{}", host.to_uppercase()),
        format!("https://evil@{host}"),
        format!("https://{host}\u{200b}"),
        url.replace('e', "\u{435}"),  // Cyrillic
        url.replace('e', "\u{ff45}"), // full width
        url.replace('a', "%61"),
        url.replace('.', "\u{3002}"),
        url[..url.len() - 1].to_owned(),
        host.to_owned(),
        "*".to_owned(),
        "https://*.example".to_owned(),
    ]
}

#[test]
fn an_issuer_is_named_to_the_letter() {
    for other in look_alikes(ISSUER)
        .into_iter()
        .filter(|other| other != ISSUER)
    {
        let refused = Err(TokenError::WrongIssuer);
        assert_eq!(
            verify_claims(&claims_with("iss", &*other)),
            refused,
            "{other:?}"
        );
    }
    assert_eq!(verify_claims(&claims_with("iss", ISSUER)), Ok(()));
}

#[test]
fn an_audience_is_named_to_the_letter() {
    let others = look_alikes(AUDIENCE);
    for other in &others {
        let refused = Err(TokenError::WrongAudience);
        for aud in [
            json!(other),
            json!([other]),
            json!([other, "https://other.example"]),
        ] {
            assert_eq!(
                verify_claims(&claims_with("aud", aud)),
                refused,
                "{other:?}"
            );
        }
        assert_eq!(
            verify_claims(&claims_with("aud", json!([other, AUDIENCE]))),
            Ok(())
        );
    }
    let some: Vec<_> = others.into_iter().take(16).collect();
    assert_eq!(
        verify_claims(&claims_with("aud", json!(some))),
        Err(TokenError::WrongAudience)
    );
}

#[test]
fn a_list_of_audiences_is_a_flat_one_of_strings() {
    let of = |audience: Value| verify_claims(&claims_with("aud", audience));
    for good in [
        json!([AUDIENCE, AUDIENCE]),
        json!(vec![AUDIENCE; 16]),
        json!(["", AUDIENCE]),
    ] {
        assert_eq!(of(good.clone()), Ok(()), "{good}");
    }
    for malformed in [
        json!([[AUDIENCE]]),
        json!([AUDIENCE, null]),
        json!([null, AUDIENCE]),
        json!([AUDIENCE, { "aud": AUDIENCE }]),
        json!({ "0": AUDIENCE }),
        json!(vec![AUDIENCE; 17]),
        json!(vec![AUDIENCE; 250]),
        json!(true),
        json!(1.5),
    ] {
        let refused = Err(TokenError::MalformedClaim("aud"));
        assert_eq!(of(malformed.clone()), refused, "{malformed}");
    }
}

#[test]
fn a_claim_of_another_type_is_not_taken_for_its_text() {
    for name in ["iss", "sub", "jti", "scope"] {
        for value in [
            json!(null),
            json!(0),
            json!(1.5),
            json!(false),
            json!([]),
            json!(["a"]),
            json!({}),
        ] {
            let refused = Err(TokenError::MalformedClaim(name));
            assert_eq!(
                verify_claims(&claims_with(name, value.clone())),
                refused,
                "{name} {value}"
            );
        }
    }
    for (name, value) in [
        ("sub", "0"),
        ("sub", " "),
        ("jti", ""),
        ("scope", ""),
        ("scope", "[\"a\"]"),
    ] {
        assert_eq!(
            verify_claims(&claims_with(name, value)),
            Ok(()),
            "{name} {value:?}"
        );
    }
}

const OTHER_ISSUER: &str = "https://other-issuer.example";
const OTHER_AUDIENCE: &str = "https://other-api.example";

/// Trusts two issuers, both of which call their key `key`.
fn two_issuers(ours: Key, theirs: Key) -> Verifier {
    Verifier::builder()
        .issuer(Trusted::new(ISSUER, AUDIENCE, ours.kid("key")))
        .issuer(Trusted::new(
            OTHER_ISSUER,
            OTHER_AUDIENCE,
            theirs.kid("key"),
        ))
        .clock(clock)
        .build()
        .unwrap()
}

/// The verdict on a good token that says this instead.
fn says(verifier: &Verifier, signer: &Issuer, iss: &str, aud: &str) -> Result<(), TokenError> {
    let mut claims = claims();
    (claims["iss"], claims["aud"]) = (iss.into(), aud.into());
    let header = json!({ "alg": signer.alg, "kid": "key" });
    verdict(verifier, &signer.token_with_header(&header, &claims))
}

#[test]
fn an_issuer_signs_with_its_own_keys_and_for_its_own_audience() {
    let (ours, theirs) = (Issuer::hs256(), Issuer::new("EdDSA"));
    let key = Key::pem(Algorithm::EdDsa, theirs.public_pem().as_bytes());
    let verifier = two_issuers(hs256_key(), key.unwrap());
    for (signer, iss, aud, expected) in [
        (&ours, ISSUER, AUDIENCE, Ok(())),
        (&theirs, OTHER_ISSUER, OTHER_AUDIENCE, Ok(())),
        (
            &ours,
            OTHER_ISSUER,
            OTHER_AUDIENCE,
            Err(TokenError::WrongAlgorithm),
        ),
        (&theirs, ISSUER, AUDIENCE, Err(TokenError::WrongAlgorithm)),
        (
            &ours,
            ISSUER,
            OTHER_AUDIENCE,
            Err(TokenError::WrongAudience),
        ),
        (
            &theirs,
            OTHER_ISSUER,
            AUDIENCE,
            Err(TokenError::WrongAudience),
        ),
    ] {
        let alg = signer.alg;
        assert_eq!(
            says(&verifier, signer, iss, aud),
            expected,
            "{alg} as {iss} for {aud}"
        );
    }
}

#[test]
fn the_same_kid_of_two_issuers_means_two_keys() {
    let signer = Issuer::hs256();
    let other_key = Key::hmac(HmacAlgorithm::Hs256, &[7; 32]).unwrap();
    let verifier = two_issuers(hs256_key(), other_key);
    assert_eq!(says(&verifier, &signer, ISSUER, AUDIENCE), Ok(()));
    let as_other = says(&verifier, &signer, OTHER_ISSUER, OTHER_AUDIENCE);
    assert_eq!(as_other, Err(TokenError::WrongSignature));
}
