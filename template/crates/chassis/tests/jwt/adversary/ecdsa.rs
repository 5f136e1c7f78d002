//! ECDSA signatures at the edges of their numbers (RFC 7518 section 3.4).

use axum_chassis::jwt::TokenError;
use num_bigint::BigUint;

use super::{signed, signed_by, verdict};
use crate::issuer::Issuer;

/// The order of its group, in hexadecimal digits.
const CURVES: [(&str, &[u8]); 2] = [
    (
        "ES256",
        b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
    (
        "ES384",
        b"ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
          581a0db248b0a77aecec196accc52973",
    ),
];

/// Big-endian, with leading zeros.
fn fixed(number: &BigUint, bytes: usize) -> Vec<u8> {
    let digits = number.to_bytes_be();
    [vec![0; bytes - digits.len()], digits].concat()
}

#[test]
fn r_and_s_are_between_zero_and_the_order() {
    for (alg, order) in CURVES {
        let order = BigUint::parse_bytes(order, 16).unwrap();
        let (verifier, message, good) = signed_by(&Issuer::new(alg));
        let bytes = good.len() / 2;
        let (r, s) = good.split_at(bytes);
        let (r, s) = (BigUint::from_bytes_be(r), BigUint::from_bytes_be(s));
        let with = |r: &BigUint, s: &BigUint| {
            let signature = [fixed(r, bytes), fixed(s, bytes)].concat();
            verdict(&verifier, &signed(&message, &signature))
        };

        let (zero, one) = (BigUint::ZERO, BigUint::from(1_u8));
        let all_ones = (&one << (8 * bytes)) - &one;
        let outside = [&zero, &order, &(&order + &one), &all_ones];
        let inside = [&one, &(&order - &one), &(&order >> 1)];
        for edge in outside.into_iter().chain(inside) {
            for (r, s) in [(edge, &s), (&r, edge), (edge, edge)] {
                assert_eq!(with(r, s), Err(TokenError::WrongSignature), "{alg} {r} {s}");
            }
        }
        assert_eq!(
            with(&s, &r),
            Err(TokenError::WrongSignature),
            "{alg}, swapped"
        );
        let minus_r = &order - &r;
        assert_eq!(
            with(&minus_r, &s),
            Err(TokenError::WrongSignature),
            "{alg}, -r"
        );
        assert_eq!(with(&r, &s), Ok(()), "{alg}");
    }
}

/// Whoever has a good token can make a second one of it, with the same claims. The RFC
/// allows that, and JWS has no rule for the lower `s`, so issuers write either. It is why
/// a token is revoked by its `jti`, never by its text.
#[test]
fn an_ecdsa_token_has_a_twin_that_is_good_as_well() {
    for (alg, order) in CURVES {
        let order = BigUint::parse_bytes(order, 16).unwrap();
        let (verifier, message, good) = signed_by(&Issuer::new(alg));
        let (r, s) = good.split_at(good.len() / 2);
        let other = fixed(&(order - BigUint::from_bytes_be(s)), s.len());
        let (token, twin) = (
            signed(&message, &good),
            signed(&message, &[r, &other].concat()),
        );

        assert_ne!(token, twin);
        let claims = |token: &str| verifier.verify(token).unwrap();
        assert_eq!(claims(&token).subject(), claims(&twin).subject(), "{alg}");
    }
}

#[test]
fn a_signature_has_the_length_of_its_curve_and_is_no_der() {
    for (alg, _) in CURVES {
        let (verifier, message, good) = signed_by(&Issuer::new(alg));
        let (r, s) = good.split_at(good.len() / 2);
        let other_curve = if r.len() == 32 { 48 } else { 32 };
        let resized = |half: &[u8]| {
            fixed(&(BigUint::from_bytes_be(half) >> 1), 48)[48 - other_curve..].to_vec()
        };
        for (how, signature) in [
            ("nothing", vec![]),
            ("r alone", r.to_vec()),
            ("a byte less", good[1..].to_vec()),
            ("the last byte less", good[..good.len() - 1].to_vec()),
            ("a zero before", [&[0], &good[..]].concat()),
            ("a zero behind", [&good[..], &[0]].concat()),
            ("a zero before each", [&[0], r, &[0], s].concat()),
            ("twice", good.repeat(2)),
            (
                "as long as the other curve's",
                [resized(r), resized(s)].concat(),
            ),
            ("DER", der(r, s)),
        ] {
            let token = signed(&message, &signature);
            assert_eq!(
                verdict(&verifier, &token),
                Err(TokenError::WrongSignature),
                "{alg}: {how}"
            );
        }
        assert_eq!(
            verdict(&verifier, &signed(&message, &good)),
            Ok(()),
            "{alg}"
        );
    }
}

/// `Ecdsa-Sig-Value` of RFC 3279 section 2.2.3, as X.509 and TLS have it.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let tagged = |tag: u8, content: Vec<u8>| {
        [vec![tag, u8::try_from(content.len()).unwrap()], content].concat()
    };
    let integer = |number: &[u8]| {
        let digits = BigUint::from_bytes_be(number).to_bytes_be();
        let sign = vec![0; usize::from(digits[0] >> 7)];
        tagged(2, [sign, digits].concat())
    };
    tagged(0x30, [integer(r), integer(s)].concat())
}
