//! JWK Sets that contradict themselves, are weak, or are no sets (RFC 7517, RFC 7518
//! section 6). Each is refused as a whole: a key that is missed would be missed at night.

use axum_chassis::{Cause, jwt::KeySet};
use num_bigint::BigUint;
use serde_json::{Value, json};

use super::{decode, having, jwk_with, verdict};
use crate::issuer::{Issuer, SECRET, claims, encode};

/// The number of keys, or why there are none.
fn read(document: &str) -> Result<usize, String> {
    let set = KeySet::from_jwks_json(document);
    set.map(|set| set.len())
        .map_err(|error| Cause::new(error).to_string())
}

fn read_key(jwk: &Value) -> Result<usize, String> {
    read(&json!({ "keys": [jwk] }).to_string())
}

/// That each of these is refused for its reason, and what they were made of is not.
fn assert_refused(good: &Value, cases: &[(&str, Value, &str)]) {
    for (name, value, reason) in cases {
        let jwk = jwk_with(good, name, value.clone());
        let refused = read_key(&jwk).unwrap_err();
        assert!(refused.contains(reason), "{name} {value:.60}: {refused}");
    }
    assert_eq!(read_key(good), Ok(1));
}

#[test]
fn an_rsa_key_has_an_odd_modulus_of_its_size_and_an_odd_exponent() {
    let good = Issuer::new("RS256").jwk();
    let modulus = decode(good["n"].as_str().unwrap());
    let number = |bytes: &[u8]| Value::from(encode(bytes));
    let even = [&modulus[..255], &[modulus[255] ^ 1]].concat();
    assert_refused(
        &good,
        &[
            ("n", number(&[]), "malformed"),
            ("n", number(&[0]), "malformed"),
            ("n", number(&[0; 256]), "malformed"),
            ("n", number(&[1]), "bits"),
            ("n", number(&even), "malformed"),
            ("n", number(&[&[0], &modulus[..]].concat()), "malformed"),
            ("n", number(&[0xff; 255]), "bits"),
            ("n", number(&[0xff; 1025]), "bits"),
            (
                "n",
                BigUint::from_bytes_be(&modulus).to_string().into(),
                "`n`",
            ),
            ("n", json!([1]), "`n`"),
            ("n", json!(null), "`n`"),
            ("n", "A===".into(), "`n`"),
            ("e", number(&[]), "malformed"),
            ("e", number(&[0]), "malformed"),
            ("e", number(&[1]), "malformed"),
            ("e", number(&[2]), "malformed"),
            ("e", number(&[1, 0, 0]), "malformed"),
            ("e", number(&[0, 1, 0, 1]), "malformed"),
            ("e", number(&modulus), "malformed"),
            ("e", json!(65537), "`e`"),
        ],
    );
    // Small, but sound: the padding is checked to the last byte.
    assert_eq!(read_key(&jwk_with(&good, "e", number(&[3]))), Ok(1));
}

#[test]
fn an_ec_key_is_a_point_on_its_curve() {
    for (alg, bytes) in [("ES256", 32), ("ES384", 48)] {
        let good = Issuer::new(alg).jwk();
        let [x, y] = ["x", "y"].map(|name| decode(good[name].as_str().unwrap()));
        let number = |bytes: &[u8]| Value::from(encode(bytes));
        let infinity = jwk_with(&good, "x", number(&vec![0; bytes]));
        let infinity = jwk_with(&infinity, "y", number(&vec![0; bytes]));
        assert!(read_key(&infinity).unwrap_err().contains("malformed"));
        assert_refused(
            &good,
            &[
                ("x", number(&vec![0; bytes]), "malformed"),
                ("x", number(&vec![0xff; bytes]), "malformed"),
                ("x", number(&y), "malformed"),
                ("y", number(&x), "malformed"),
                ("x", number(&x[1..]), "`x`"),
                ("x", number(&[&[0], &x[..]].concat()), "`x`"),
                ("y", number(&[&y[..], &[0]].concat()), "`y`"),
                ("y", number(&[]), "`y`"),
                ("y", json!(null), "`y`"),
                ("kty", "RSA".into(), "contradict"),
            ],
        );
        // No curve of this type that we know, so it is for somebody else.
        assert_eq!(read_key(&jwk_with(&good, "crv", "Ed25519")), Ok(0));
    }
}

#[test]
fn a_secret_is_as_long_as_its_hash_and_says_which() {
    let good = Issuer::hs256().jwk();
    assert_refused(
        &good,
        &[
            ("k", "".into(), "32 random"),
            ("k", encode([7; 31]).into(), "32 random"),
            ("k", json!(null), "`k`"),
            ("k", "not base64".into(), "`k`"),
            ("k", encode("-----BEGIN PUBLIC KEY-----").into(), "PEM"),
            ("alg", "RS256".into(), "contradict"),
            ("alg", json!(null), "`alg`"),
        ],
    );
    let of = |alg: &str, bytes: usize| {
        read_key(&json!({ "kty": "oct", "alg": alg, "k": encode(&SECRET[..bytes]) }))
    };
    for (alg, bytes) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        assert_eq!(of(alg, bytes), Ok(1));
        assert!(of(alg, bytes - 1).is_err(), "{alg}");
    }
}

#[test]
fn no_part_of_a_private_key_is_taken() {
    for alg in ["RS256", "PS512", "ES256", "EdDSA"] {
        let good = Issuer::new(alg).jwk();
        assert_refused(
            &good,
            &[("d", "AQ".into(), "private"), ("d", json!(null), "private")],
        );
    }
    let rsa = Issuer::new("RS256").jwk();
    for name in ["p", "q", "dp", "dq", "qi", "oth"] {
        assert_refused(&rsa, &[(name, "AQ".into(), "private")]);
    }
}

#[test]
fn what_a_key_is_for_is_said_once_or_twice_the_same() {
    let good = Issuer::new("ES256").jwk();
    let with = |usage: Value, operations: Value| {
        let jwk = jwk_with(&good, "use", usage);
        read_key(&jwk_with(&jwk, "key_ops", operations))
    };
    assert_eq!(with("sig".into(), json!(["verify"])), Ok(1));
    assert_eq!(with("enc".into(), json!(["wrapKey"])), Ok(0));
    for (usage, operations) in [
        ("sig", json!(["encrypt"])),
        ("sig", json!([])),
        ("enc", json!(["verify"])),
    ] {
        let refused = with(usage.into(), operations).unwrap_err();
        assert!(refused.contains("`use` and `key_ops`"), "{refused}");
    }
    assert_refused(
        &good,
        &[
            ("use", json!(null), "`use`"),
            ("use", json!(["sig"]), "`use`"),
            ("key_ops", json!(null), "`key_ops`"),
            ("key_ops", json!({ "verify": true }), "`key_ops`"),
            ("kid", json!(null), "`kid`"),
            ("kid", json!(["a"]), "`kid`"),
            ("kty", json!(null), "`kty`"),
        ],
    );
    for (usage, count) in [("sig", 1), ("SIG", 0), ("signature", 0), ("", 0)] {
        assert_eq!(
            read_key(&jwk_with(&good, "use", usage)),
            Ok(count),
            "{usage}"
        );
    }
}

#[test]
fn no_two_keys_of_a_set_can_be_taken_for_each_other() {
    let [one, other] = [Issuer::new("ES256"), Issuer::new("ES256")].map(|issuer| issuer.jwk());
    let named = |jwk: &Value, kid: &str| jwk_with(jwk, "kid", kid);
    let set = |keys: [Value; 2]| read(&json!({ "keys": keys }).to_string());
    let eddsa = Issuer::new("EdDSA").jwk();

    let same_kid = set([named(&one, "a"), named(&eddsa, "a")]).unwrap_err();
    assert!(same_kid.contains("give each its own"), "{same_kid}");
    let no_kid = set([one.clone(), other.clone()]).unwrap_err();
    assert!(no_kid.contains("no `kid`"), "{no_kid}");
    let twice = set([named(&one, "a"), named(&one, "a")]);
    assert!(twice.is_err());

    assert_eq!(set([named(&one, "a"), named(&other, "A")]), Ok(2));
    assert_eq!(set([named(&one, ""), other]), Ok(2));
    assert_eq!(set([one, eddsa]), Ok(2));
}

#[test]
fn a_document_is_one_object_with_unique_names_and_an_end() {
    let jwk = Issuer::new("EdDSA").jwk().to_string();
    let good = format!(r#"{{"keys":[{jwk}]}}"#);
    let doubled = jwk.replacen('{', r#"{"crv":"Ed25519","#, 1);
    for (how, document) in [
        ("a key alone", jwk.clone()),
        ("an array", format!("[{jwk}]")),
        (
            "a key that is no object",
            r#"{"keys":["EdDSA"]}"#.to_owned(),
        ),
        ("a set of sets", format!(r#"{{"keys":[[{jwk}]]}}"#)),
        ("no array", format!(r#"{{"keys":{jwk}}}"#)),
        ("another case", good.replace("keys", "Keys")),
        ("keys twice", format!(r#"{{"keys":[],"keys":[{jwk}]}}"#)),
        ("a member twice", format!(r#"{{"keys":[{doubled}]}}"#)),
        ("a second document", format!("{good}{good}")),
        ("a mark of byte order", format!("\u{feff}{good}")),
        ("a comma at the end", good.replace("}]", "},]")),
        ("cut off", good[..good.len() - 1].to_owned()),
        (
            "an answer in HTML",
            "<!DOCTYPE html><title>502</title>".to_owned(),
        ),
        ("deep", "[".repeat(100_000)),
        (
            "deep, within a set",
            format!(r#"{{"keys":[{jwk}],"x":{}"#, r#"{"x":"#.repeat(100_000)),
        ),
    ] {
        assert!(read(&document).is_err(), "{how}");
    }
    assert_eq!(read(&good), Ok(1));
    assert_eq!(
        read(&good.replacen('{', r#"{"next":{"keys":[]},"#, 1)),
        Ok(1)
    );
}

#[test]
fn of_ten_thousand_keys_each_is_found() {
    let issuer = Issuer::new("EdDSA");
    let keys: Vec<_> = (0..10_000)
        .map(|number| jwk_with(&issuer.jwk(), "kid", number.to_string()))
        .collect();
    let verifier = having(&keys);
    let with = |kid: &str| {
        let header = json!({ "alg": "EdDSA", "kid": kid });
        verdict(&verifier, &issuer.token_with_header(&header, &claims()))
    };
    assert_eq!(with("0"), Ok(()));
    assert_eq!(with("9999"), Ok(()));
    assert!(with("10000").is_err());
}
