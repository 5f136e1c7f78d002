//! RSA signatures that are padded wrongly, although the issuer made them, and one that
//! needs no private key (RFC 8017 section 8, RFC 8725 section 2.2).

use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use axum_chassis::jwt::TokenError;
use num_bigint::BigUint;

use super::{
    by_hand::{BYTES, ByHand},
    decode, signed, signed_by, verdict,
};
use crate::issuer::Issuer;

/// The `DigestInfo` of SHA-256, up to the hash (RFC 8017 section 9.2).
const SHA256_INFO: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// `before`, as many `FF` as fit, `after`.
fn filled(before: &[u8], after: &[u8]) -> Vec<u8> {
    let fill = vec![0xff; BYTES - before.len() - after.len()];
    [before, &fill, after].concat()
}

#[test]
fn the_padding_of_pkcs1_is_exact() {
    let issuer = ByHand::new("RS256", 65537);
    let hash = issuer.hash(&SHA256);
    let info = [SHA256_INFO, &hash].concat();
    let tail = [&[0], &info[..]].concat();
    let good = filled(&[0, 1], &tail);
    let changed = |place: usize, byte: u8| {
        let mut padded = good.clone();
        padded[place] = byte;
        padded
    };
    let no_null = [
        b"\0\x30\x2f\x30\x0b",
        &SHA256_INFO[4..15],
        b"\x04\x20",
        &hash,
    ]
    .concat();
    let long_form = [b"\0\x30\x81\x31", &info[2..]].concat();
    let sha512_info = [&SHA256_INFO[..14], b"\x03", &SHA256_INFO[15..]].concat();
    for (how, padded) in [
        ("type 0", changed(1, 0)),
        ("type 2, for encryption", changed(1, 2)),
        ("a leading one, if it fits", changed(0, 1)),
        ("one byte of the filling", changed(100, 0xfe)),
        ("a zero in the filling", changed(100, 0)),
        ("no zero before the hash", changed(BYTES - tail.len(), 0xff)),
        ("one bit of the hash", changed(BYTES - 1, hash[31] ^ 1)),
        (
            "no DigestInfo",
            filled(&[0, 1], &[&[0], &hash[..]].concat()),
        ),
        ("no NULL", filled(&[0, 1], &no_null)),
        ("a length in the long form", filled(&[0, 1], &long_form)),
        (
            "another hash's name",
            filled(&[0, 1], &[b"\0", &sha512_info[..], &hash].concat()),
        ),
        (
            "garbage behind",
            filled(&[0, 1], &[&tail[..], b"garbage"].concat()),
        ),
        ("8 bytes of filling, then garbage", garbage_behind(&tail)),
        ("zeros", vec![0; BYTES]),
    ] {
        let refused = Err(TokenError::WrongSignature);
        assert_eq!(issuer.signing(&padded), refused, "{how}");
    }
    assert_eq!(issuer.signing(&good), Ok(()));
}

fn garbage_behind(tail: &[u8]) -> Vec<u8> {
    let mut padded = [&[0, 1], &[0xff; 8][..], tail].concat();
    padded.resize(BYTES, 0);
    padded
}

/// Bleichenbacher's forgery of 2006: the cube root of the right beginning, rounded up, is
/// a signature for whoever does not look at the end.
#[test]
fn an_exponent_of_three_does_not_help_to_forge() {
    let issuer = ByHand::new("RS256", 3);
    let info = [SHA256_INFO, &issuer.hash(&SHA256)].concat();
    let tail = [&[0], &info[..]].concat();
    let beginning = garbage_behind(&tail);
    let forged = BigUint::from_bytes_be(&beginning).cbrt() + 1_u8;
    let cube = [vec![0], forged.pow(3).to_bytes_be()].concat();
    assert_eq!(
        cube[..62],
        beginning[..62],
        "the forgery begins as it should"
    );

    assert_eq!(issuer.verdict(&forged), Err(TokenError::WrongSignature));
    assert_eq!(issuer.signing(&filled(&[0, 1], &tail)), Ok(()));
}

#[test]
fn a_signature_is_a_number_below_the_modulus_and_as_long() {
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let issuer = Issuer::new(alg);
        let (verifier, message, good) = signed_by(&issuer);
        let jwk = issuer.jwk();
        let modulus = decode(jwk["n"].as_str().unwrap());
        let modulus = BigUint::from_bytes_be(&modulus);
        let plus = |number: &BigUint| (number + BigUint::from_bytes_be(&good)).to_bytes_be();
        let small = |number: u8| [vec![0; BYTES - 1], vec![number]].concat();
        for (how, signature) in [
            ("nothing", vec![]),
            ("zero", small(0)),
            ("one", small(1)),
            ("the modulus", modulus.to_bytes_be()),
            ("one below the modulus", (&modulus - 1_u8).to_bytes_be()),
            ("all ones", vec![0xff; BYTES]),
            ("the modulus on top", plus(&modulus)),
            ("a zero before", [&[0], &good[..]].concat()),
            ("a zero behind", [&good[..], &[0]].concat()),
            ("the first byte less", good[1..].to_vec()),
            ("the last byte less", good[..BYTES - 1].to_vec()),
            ("backwards", good.iter().rev().copied().collect()),
        ] {
            let refused = Err(TokenError::WrongSignature);
            let token = signed(&message, &signature);
            assert_eq!(verdict(&verifier, &token), refused, "{alg}: {how}");
        }
        assert_eq!(
            verdict(&verifier, &signed(&message, &good)),
            Ok(()),
            "{alg}"
        );
    }
}

#[test]
fn the_salt_of_pss_is_as_long_as_the_hash() {
    let issuer = ByHand::new("PS256", 65537);
    let hash = issuer.hash(&SHA256);
    let longest = BYTES - 32 - 2;
    for salt_bytes in [0, 1, 20, 31, 33, 48, 64, longest] {
        let padded = pss(&hash, &SHA256, &vec![7; salt_bytes]);
        let refused = Err(TokenError::WrongSignature);
        assert_eq!(issuer.signing(&padded), refused, "{salt_bytes}");
    }
    let good = pss(&hash, &SHA256, &[7; 32]);
    let changed = |place: usize, bits: u8| {
        let mut padded = good.clone();
        padded[place] ^= bits;
        padded
    };
    for (how, padded) in [
        ("another trailer", changed(BYTES - 1, 0x70)),
        ("the separator", changed(BYTES - 32 - 1 - 32 - 2, 1)),
        ("a bit of the filling", changed(60, 1)),
        ("a bit of the salt", changed(BYTES - 32 - 2, 1)),
        (
            "a mask of SHA-1",
            pss(&hash, &SHA1_FOR_LEGACY_USE_ONLY, &[7; 32]),
        ),
        ("a mask of SHA-512", pss(&hash, &SHA512, &[7; 32])),
        (
            "the hash of something else",
            pss(&[1; 32], &SHA256, &[7; 32]),
        ),
    ] {
        let refused = Err(TokenError::WrongSignature);
        assert_eq!(issuer.signing(&padded), refused, "{how}");
    }
    assert_eq!(issuer.signing(&good), Ok(()));
}

/// EMSA-PSS with SHA-256 (RFC 8017 section 9.1.1), and a mask by any hash.
fn pss(hash: &[u8], mask: &'static Algorithm, salt: &[u8]) -> Vec<u8> {
    let salted = [&[0; 8], hash, salt].concat();
    let seed = digest::digest(&SHA256, &salted);
    let masked = BYTES - 32 - 1;
    let mut block = [vec![0; masked - salt.len() - 1], vec![1], salt.to_vec()].concat();
    let counters = 0_u32..;
    let stream = counters.flat_map(|counter| {
        let block = [seed.as_ref(), &counter.to_be_bytes()].concat();
        digest::digest(mask, &block).as_ref().to_vec()
    });
    block
        .iter_mut()
        .zip(stream)
        .for_each(|(byte, mask)| *byte ^= mask);
    block[0] &= 0x7f;
    [&block, seed.as_ref(), &[0xbc]].concat()
}
