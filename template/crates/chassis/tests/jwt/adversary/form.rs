//! Spellings: a token has exactly one (RFC 7515 sections 2, 3.1 and 7.1).

use axum_chassis::jwt::{Part, TokenError};
use serde_json::json;

use super::verdict;
use crate::issuer::{Issuer, claims, encode, hs256_verifier};

/// A good token's header, claims and signature.
fn parts() -> [String; 3] {
    let token = Issuer::hs256().token(&claims());
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn verify(token: &str) -> Result<(), TokenError> {
    verdict(&hs256_verifier(), token)
}

#[test]
fn other_serialisations_of_jose_are_no_tokens() {
    let [header, payload, signature] = &parts();
    let flattened = json!({ "protected": header, "payload": payload, "signature": signature });
    let signatures = json!([{ "protected": header, "signature": signature }]);
    let general = json!({ "payload": payload, "signatures": signatures });
    for (how, token) in [
        (
            "JWE",
            format!("{header}.{payload}.{payload}.{payload}.{signature}"),
        ),
        (
            "JWE without a key",
            format!("{header}..{payload}.{payload}.{signature}"),
        ),
        ("JSON", general.to_string()),
        ("JSON, flattened", flattened.to_string()),
        ("a part too few", format!("{header}.{payload}")),
        ("a dot too many", format!("{header}.{payload}.{signature}.")),
        ("a dot before", format!(".{header}.{payload}.{signature}")),
        (
            "two tokens",
            format!("{header}.{payload}.{signature},{header}.{payload}.{signature}"),
        ),
        (
            "SD-JWT with nothing disclosed",
            format!("{header}.{payload}.{signature}~"),
        ),
        (
            "full stops of another script",
            format!("{header}\u{3002}{payload}\u{3002}{signature}"),
        ),
    ] {
        assert!(verify(&token).is_err(), "{how}");
    }
    assert_eq!(verify(&parts().join(".")), Ok(()));
}

#[test]
fn a_part_that_is_empty_or_stands_elsewhere_is_refused() {
    let [header, payload, signature] = &parts();
    let issuer = Issuer::hs256();
    for (how, token) in [
        ("no header", issuer.sign(&format!(".{payload}"))),
        (
            "no claims, as if they were detached",
            issuer.sign(&format!("{header}.")),
        ),
        ("no signature", format!("{header}.{payload}.")),
        ("nothing but dots", "..".to_owned()),
        ("claims first", issuer.sign(&format!("{payload}.{header}"))),
        (
            "the header twice",
            issuer.sign(&format!("{header}.{header}")),
        ),
        (
            "the claims twice",
            issuer.sign(&format!("{payload}.{payload}")),
        ),
        (
            "the signature first",
            format!("{signature}.{header}.{payload}"),
        ),
    ] {
        assert!(verify(&token).is_err(), "{how}");
    }
    assert_eq!(verify(&issuer.sign(&format!("{header}.{payload}"))), Ok(()));
}

/// What a lenient decoder takes for the same bytes. The signature is over the changed
/// text, so that it is not what refuses.
#[test]
fn each_part_is_canonical_base64url() {
    for place in 0..3 {
        let named = [Part::Header, Part::Claims, Part::Signature][place];
        for (how, change) in changes() {
            let mut parts = parts();
            if place < 2 {
                parts[place] = change(&parts[place]);
                let message = parts[..2].join(".");
                parts[2] = encode(Issuer::hs256().signature(&message));
            } else {
                parts[2] = change(&parts[2]);
            }
            let refused = Err(TokenError::NotBase64Url(named));
            assert_eq!(verify(&parts.join(".")), refused, "{named}: {how}");
        }
    }
}

/// What is changed, and how.
type Change = (&'static str, fn(&str) -> String);

fn changes() -> [Change; 14] {
    [
        ("padding", |part| format!("{part}=")),
        ("padding of two", |part| format!("{part}==")),
        ("a space before", |part| format!(" {part}")),
        ("a space behind", |part| format!("{part} ")),
        ("a line break within", |part| {
            format!("{}\r\n{}", &part[..9], &part[9..])
        }),
        ("a tab within", |part| {
            format!("{}\t{}", &part[..8], &part[8..])
        }),
        ("NUL behind", |part| format!("{part}\0")),
        ("a mark of byte order", |part| format!("\u{feff}{part}")),
        ("the other alphabet", |part| format!("{part}+/+/")),
        ("an escaped character", |part| {
            format!("%{:02X}{}", part.as_bytes()[0], &part[1..])
        }),
        ("a character of full width", |part| {
            format!("\u{ff45}{}", &part[1..])
        }),
        ("a lone character", |part| {
            format!("{}A", &part[..part.len() / 4 * 4])
        }),
        ("a hyphen of another script", |part| {
            format!("{part}\u{2010}")
        }),
        ("bits that nothing uses", |part| {
            format!("{}h", &part[..part.len() / 4 * 4 - 2])
        }),
    ]
}

#[test]
fn the_whole_is_not_trimmed_either() {
    let good = parts().join(".");
    for (before, after) in [
        ("", "\n"),
        ("", "\r\n"),
        ("\t", ""),
        ("\u{feff}", ""),
        ("\"", "\""),
        ("Bearer ", ""),
        ("", ";"),
        ("", "\0"),
    ] {
        let token = format!("{before}{good}{after}");
        assert!(verify(&token).is_err(), "{token:?}");
    }
    assert_eq!(verify(&good), Ok(()));
}

#[test]
fn the_longest_token_has_8192_bytes() {
    let issuer = Issuer::hs256();
    let of_length = |bytes: usize| {
        let lengths = (0..3).flat_map(|header| (5900..6100).map(move |pad| (header, pad)));
        let mut tokens = lengths.map(|(header, pad)| {
            let header = json!({ "alg": "HS256", "pad": "x".repeat(header) });
            let mut claims = claims();
            claims["pad"] = "x".repeat(pad).into();
            issuer.token_with_header(&header, &claims)
        });
        tokens.find(|token| token.len() == bytes).unwrap()
    };
    assert_eq!(verify(&of_length(8192)), Ok(()));
    assert_eq!(verify(&of_length(8193)), Err(TokenError::TooLong));
}
