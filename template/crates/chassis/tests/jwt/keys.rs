//! Which keys are taken, and which tokens they are good for.

use std::error::Error;

use axum_chassis::{
    Cause,
    jwt::{self, Algorithm, HmacAlgorithm, Key, KeySet, TokenError, Verifier, VerifierError},
};
use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, ISSUER, Issuer, SECRET, claims, clock, encode, hs256_key, verifier};

const PUBLIC: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];
const HMAC: [&str; 3] = ["HS256", "HS384", "HS512"];

fn algorithm(name: &str) -> Algorithm {
    serde_json::from_value(name.into()).unwrap()
}

fn jwks(keys: &[Value]) -> Result<KeySet, VerifierError> {
    KeySet::from_jwks_json(&json!({ "keys": keys }).to_string())
}

fn count(keys: &[Value]) -> usize {
    jwks(keys).unwrap().len()
}

fn whole(error: impl Error + Send + Sync + 'static) -> String {
    Cause::new(error).to_string()
}

#[test]
fn a_pem_key_verifies_what_its_private_half_signed_and_nothing_else() {
    for alg in PUBLIC {
        let (issuer, stranger) = (Issuer::new(alg), Issuer::new(alg));
        let key = Key::pem(algorithm(alg), issuer.public_pem().as_bytes()).unwrap();
        let verifier = verifier(key).build().unwrap();

        assert_eq!(
            verifier.verify(&issuer.token(&claims())).unwrap().subject(),
            "ada",
            "{alg}"
        );
        let forged = verifier.verify(&stranger.token(&claims()));
        assert_eq!(forged.unwrap_err(), TokenError::WrongSignature, "{alg}");
    }
}

#[test]
fn a_jwk_verifies_what_its_private_half_signed() {
    for alg in PUBLIC.into_iter().chain(HMAC) {
        let issuer = Issuer::new(alg);
        let verifier = verifier(jwks(&[issuer.jwk()]).unwrap()).build().unwrap();
        assert!(verifier.verify(&issuer.token(&claims())).is_ok(), "{alg}");
    }
}

#[test]
fn a_secret_verifies_what_was_signed_with_it() {
    let algorithms = [
        HmacAlgorithm::Hs256,
        HmacAlgorithm::Hs384,
        HmacAlgorithm::Hs512,
    ];
    for (alg, algorithm) in HMAC.into_iter().zip(algorithms) {
        let (ours, other) = (Key::hmac(algorithm, SECRET), Key::hmac(algorithm, &[7; 64]));
        let token = Issuer::new(alg).token(&claims());

        let good = verifier(ours.unwrap()).build().unwrap();
        assert!(good.verify(&token).is_ok(), "{alg}");
        let bad = verifier(other.unwrap()).build().unwrap();
        assert_eq!(
            bad.verify(&token).unwrap_err(),
            TokenError::WrongSignature,
            "{alg}"
        );
    }
}

#[test]
fn a_token_from_another_implementation_is_good() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

    let header = Header {
        kid: Some("a".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let token = encode(&header, &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    let verifier = verifier(hs256_key().kid("a")).build().unwrap();
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn the_key_is_chosen_by_kid() {
    let (old, new) = (Issuer::new("ES256"), Issuer::new("ES256"));
    let named = |issuer: &Issuer, kid: &str| {
        let mut jwk = issuer.jwk();
        jwk["kid"] = kid.into();
        jwk
    };
    let keys = jwks(&[named(&old, "old"), named(&new, "new")]).unwrap();
    let verifier = verifier(keys).build().unwrap();
    let verify = |issuer: &Issuer, kid: &str| {
        let header = json!({ "alg": "ES256", "kid": kid });
        verifier
            .verify(&issuer.token_with_header(&header, &claims()))
            .map(drop)
    };

    assert_eq!(verify(&old, "old"), Ok(()));
    assert_eq!(verify(&new, "new"), Ok(()));
    assert_eq!(verify(&new, "old"), Err(TokenError::WrongSignature));
    assert_eq!(verify(&new, "newest"), Err(TokenError::UnknownKey));
    let unnamed = verifier.verify(&new.token(&claims()));
    assert_eq!(unnamed.unwrap_err(), TokenError::AmbiguousKey);
}

#[test]
fn only_allowed_algorithms_are_used() {
    let (es256, eddsa) = (Issuer::new("ES256"), Issuer::new("EdDSA"));
    let keys = jwks(&[es256.jwk(), eddsa.jwk()]).unwrap();
    let allowing = |algorithms: &[Algorithm]| {
        let issuer = jwt::Issuer::new(ISSUER, AUDIENCE, keys.clone());
        let issuer = issuer.algorithms(algorithms.iter().copied());
        Verifier::builder().issuer(issuer).clock(clock).build()
    };

    let verifier = allowing(&[Algorithm::Es256]).unwrap();
    assert!(verifier.verify(&es256.token(&claims())).is_ok());
    let refused = verifier.verify(&eddsa.token(&claims()));
    assert_eq!(refused.unwrap_err(), TokenError::UnknownKey);
    assert!(matches!(allowing(&[]), Err(VerifierError::NoKey)));
}

#[test]
fn a_pem_document_must_be_one_public_key_for_its_algorithm() {
    let public = Issuer::new("ES256").public_pem();
    let relabelled = |label: &str| public.replace("PUBLIC KEY", label);
    let pem = |alg: &str, pem: &str| Key::pem(algorithm(alg), pem.as_bytes()).map(drop);

    assert!(pem("ES256", &public).is_ok());
    for alg in ["ES384", "EdDSA", "RS256", "PS512"] {
        assert!(
            matches!(pem(alg, &public), Err(VerifierError::UnfitKey(_))),
            "{alg}"
        );
    }
    assert!(matches!(
        pem("HS256", &public),
        Err(VerifierError::NotForPem(_))
    ));
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "CERTIFICATE"] {
        let error = pem("ES256", &relabelled(label)).unwrap_err();
        assert!(
            matches!(error, VerifierError::NotPublicKeyPem(_)),
            "{label}: {error}"
        );
    }
    for document in ["", "no PEM", &public.repeat(2)] {
        assert!(
            matches!(pem("ES256", document), Err(VerifierError::NotOnePem)),
            "{document}"
        );
    }
}

#[test]
fn an_rsa_key_below_2048_bits_or_with_exponent_one_is_refused() {
    let jwk =
        |bytes: usize, e: &str| json!([{ "kty": "RSA", "n": encode(vec![0xff; bytes]), "e": e }]);
    let read = |jwk: Value| jwks(jwk.as_array().unwrap()).map(|set| set.len());

    assert_eq!(read(jwk(256, "AQAB")).unwrap(), 1);
    for (bytes, bits) in [(128, "1024"), (255, "2040"), (1025, "8200")] {
        let error = whole(read(jwk(bytes, "AQAB")).unwrap_err());
        assert!(
            error.contains(bits) || error.contains("malformed"),
            "{bytes}: {error}"
        );
    }
    for exponent in ["AQ", "Ag", "", "AAEAAQ"] {
        assert!(read(jwk(256, exponent)).is_err(), "{exponent}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let pem = Issuer::new("RS256").public_pem();
    for document in [pem.clone(), format!("\n {pem}")] {
        let error = Key::hmac(HmacAlgorithm::Hs256, document.as_bytes()).unwrap_err();
        assert!(matches!(error, VerifierError::SecretIsPem));
    }
}

#[test]
fn keys_of_a_set_that_are_not_for_us_are_passed_over() {
    let ours = Issuer::new("EdDSA").jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = ours.clone();
        jwk[name] = value;
        jwk
    };
    assert_eq!(count(&[with("use", "sig".into())]), 1);
    assert_eq!(count(&[with("key_ops", json!(["verify"]))]), 1);
    for other in [
        with("kty", "AKP".into()),
        with("crv", "Ed448".into()),
        with("use", "enc".into()),
        with("key_ops", json!(["encrypt"])),
        with("alg", "ECDH-ES".into()),
        with("alg", "none".into()),
        json!({ "kty": "EC", "crv": "secp256k1" }),
    ] {
        assert_eq!(count(&[ours.clone(), other.clone()]), 1, "{other}");
    }
}

#[test]
fn a_key_of_a_set_that_is_for_us_must_be_sound() {
    let ec = Issuer::new("ES256").jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = ec.clone();
        jwk[name] = value;
        jwk
    };
    for (jwk, reason) in [
        (json!("EC"), "`kty`"),
        (json!({}), "`kty`"),
        (with("alg", "ES384".into()), "contradict"),
        (with("alg", "RS256".into()), "contradict"),
        (with("crv", "P-384".into()), "contradict"),
        (with("crv", Value::Null), "`crv`"),
        (with("alg", 5.into()), "`alg`"),
        (with("kid", 5.into()), "`kid`"),
        (with("key_ops", "verify".into()), "`key_ops`"),
        (with("x", encode([1; 31]).into()), "`x`"),
        (with("x", encode([1; 32]).into()), "malformed"),
        (with("y", "=".into()), "`y`"),
        (with("d", "AQ".into()), "private"),
        (json!({ "kty": "RSA", "e": "AQAB" }), "`n`"),
        (json!({ "kty": "oct", "k": encode(SECRET) }), "`alg`"),
        (
            json!({ "kty": "oct", "k": "AQ", "alg": "HS256" }),
            "32 random",
        ),
    ] {
        let error = whole(jwks(&[ec.clone(), jwk.clone()]).unwrap_err());
        assert!(
            error.contains("place 1") && error.contains(reason),
            "{jwk}: {error}"
        );
    }
    let mut torn = with("use", "sig".into());
    torn["key_ops"] = json!(["encrypt"]);
    assert!(whole(jwks(&[torn]).unwrap_err()).contains("`use` and `key_ops`"));
}

#[test]
fn what_is_no_set_is_refused() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"keys": {}}"#,
        r#"{"keys": [], "keys": []}"#,
    ] {
        let error = KeySet::from_jwks_json(json).unwrap_err();
        assert!(
            matches!(error, VerifierError::NotAKeySet(_)),
            "{json}: {error}"
        );
    }
    let quoted = KeySet::from_jwks_json(r#""secret""#).unwrap_err();
    assert!(!quoted.to_string().contains("secret"), "{quoted}");
    let empty = verifier(jwks(&[]).unwrap()).build();
    assert!(matches!(empty, Err(VerifierError::NoKey)));
}

#[test]
fn an_rsa_jwk_without_alg_is_for_rs256_alone() {
    for (alg, expected) in [("RS256", None), ("PS256", Some(TokenError::UnknownKey))] {
        let issuer = Issuer::new(alg);
        let mut jwk = issuer.jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        let verifier = verifier(jwks(&[jwk]).unwrap()).build().unwrap();
        assert_eq!(
            verifier.verify(&issuer.token(&claims())).err(),
            expected,
            "{alg}"
        );
    }
}

#[test]
fn a_verifier_must_be_told_everything() {
    let build = |issuer| Verifier::builder().issuer(issuer).build();
    let key = hs256_key;
    let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);

    let no_issuer = Verifier::builder().build();
    assert!(matches!(no_issuer, Err(VerifierError::NoIssuer)));
    let no_name = build(jwt::Issuer::new("", AUDIENCE, key()));
    assert!(matches!(no_name, Err(VerifierError::NoIssuer)));
    let no_audience = build(jwt::Issuer::new(ISSUER, "", key()));
    assert!(matches!(no_audience, Err(VerifierError::NoAudience)));
    let no_key = build(jwt::Issuer::new(ISSUER, AUDIENCE, KeySet::default()));
    assert!(matches!(no_key, Err(VerifierError::NoKey)));
    let twice = verifier(key()).issuer(jwt::Issuer::new(ISSUER, AUDIENCE, key()));
    assert!(matches!(
        twice.build(),
        Err(VerifierError::DuplicateIssuer(_))
    ));
    assert!(verifier(key()).leeway(minutes(5)).build().is_ok());
    let lax = verifier(key()).leeway(minutes(6)).build();
    assert!(matches!(lax, Err(VerifierError::LeewayTooLong)));
}

#[test]
fn debug_output_shows_no_key() {
    let verifier = verifier(hs256_key()).build().unwrap();
    let shown = format!("{verifier:?}");
    assert!(shown.contains("Hs256") && shown.contains(ISSUER), "{shown}");
    assert!(
        !shown.contains("a secret for tests") && !shown.contains("[97, 32"),
        "{shown}"
    );
}
