//! Ed25519 signatures and keys at the edges of the curve (RFC 8032 section 5.1.7).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum_chassis::{
    Cause,
    jwt::{Algorithm, Key, KeySet, TokenError},
};
use num_bigint::BigUint;
use serde_json::json;

use super::{signed, signed_by, verdict};
use crate::issuer::{Issuer, encode};

/// The order of the group, L.
const ORDER: &[u8] = b"1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

/// Little-endian, in 32 bytes.
fn fixed(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_le();
    bytes.resize(32, 0);
    bytes
}

#[test]
fn s_is_below_the_order_so_that_a_token_has_no_twin() {
    let order = BigUint::parse_bytes(ORDER, 16).unwrap();
    let (verifier, message, good) = signed_by(&Issuer::new("EdDSA"));
    let (r, s) = good.split_at(32);
    let with = |s: &BigUint| {
        let token = signed(&message, &[r, &fixed(s)].concat());
        verdict(&verifier, &token)
    };
    let s = BigUint::from_bytes_le(s);
    for (how, twin) in [
        ("S + L", &s + &order),
        ("S + 2L", &s + &order * 2_u8),
        ("S + 8L", &s + &order * 8_u8),
        ("-S", &order - &s),
        ("zero", BigUint::ZERO),
        ("L", order.clone()),
    ] {
        assert_eq!(with(&twin), Err(TokenError::WrongSignature), "{how}");
    }
    assert_eq!(with(&s), Ok(()));
}

#[test]
fn a_signature_has_64_bytes_that_say_something() {
    let (verifier, message, good) = signed_by(&Issuer::new("EdDSA"));
    let (r, s) = good.split_at(32);
    let neutral = [&[1][..], &[0; 63]].concat();
    for (how, signature) in [
        ("nothing", vec![]),
        ("zeros", vec![0; 64]),
        ("ones", vec![0xff; 64]),
        ("the neutral element and zero", neutral),
        ("the last byte less", good[..63].to_vec()),
        ("a zero behind", [&good[..], &[0]].concat()),
        ("swapped", [s, r].concat()),
        ("the sign of R", [&r[..31], &[r[31] ^ 0x80], s].concat()),
    ] {
        let token = signed(&message, &signature);
        let refused = Err(TokenError::WrongSignature);
        assert_eq!(verdict(&verifier, &token), refused, "{how}");
    }
    assert_eq!(verdict(&verifier, &signed(&message, &good)), Ok(()));
}

/// For such a key, the signature that is neutral fits many messages, or all.
#[test]
fn a_key_for_which_anybody_can_sign_is_refused() {
    let prime: BigUint = (BigUint::from(1_u8) << 255) - 19_u8;
    let order_8 = [
        b"05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
        b"7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7",
    ];
    let [one, other] = order_8.map(|digits| BigUint::parse_bytes(digits, 16).unwrap());
    for (how, y) in [
        ("order 1", BigUint::from(1_u8)),
        ("order 2", prime - 1_u8),
        ("order 4, all zeros", BigUint::ZERO),
        ("order 8", one),
        ("order 8, the other", other),
    ] {
        let unsigned = fixed(&y);
        let mut signed = unsigned.clone();
        signed[31] |= 0x80;
        for x in [unsigned, signed] {
            for refused in [from_jwk(&x), from_pem(&x)] {
                let refused = refused.map(drop).unwrap_err();
                assert!(refused.contains("malformed"), "{how}: {refused}");
            }
        }
    }
    let sound = Ed25519KeyPair::generate().unwrap();
    let sound = sound.public_key().as_ref();
    assert!(from_jwk(sound).is_ok() && from_pem(sound).is_ok());
}

fn from_jwk(x: &[u8]) -> Result<KeySet, String> {
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) });
    let set = KeySet::from_jwks_json(&json!({ "keys": [jwk] }).to_string());
    set.map_err(|error| Cause::new(error).to_string())
}

fn from_pem(x: &[u8]) -> Result<KeySet, String> {
    let prefix = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
    let document = pem::encode(&pem::Pem::new("PUBLIC KEY", [prefix, x].concat()));
    let key = Key::pem(Algorithm::EdDsa, document.as_bytes());
    key.map(KeySet::from).map_err(|error| error.to_string())
}
