//! Ed25519 signatures and keys at the edges of the curve (RFC 8032 section 5.1.7).

use axum_chassis::jwt::TokenError;
use num_bigint::BigUint;

use super::{signed, signed_by, verdict};
use crate::issuer::Issuer;

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
