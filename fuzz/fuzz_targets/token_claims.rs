//! Claims that are signed are good if they are ours, of now, and say each thing once.

#![no_main]

use axum_chassis::jwt::{Part, TokenError};
use fuzz::jwt::{AUDIENCE, HEADER, ISSUER, LEEWAY, NOW, VERIFIER, signed, with_member};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// The first second of the year 10000.
const END_OF_TIME: f64 = 253_402_300_800.0;

fuzz_target!(|claims: &[u8]| {
    let verify = |claims: &[u8]| VERIFIER.verify(&signed(HEADER, claims));
    match verify(claims) {
        Ok(accepted) => {
            let read = read(claims).expect("what is no object is not accepted");
            assert!(is_good(&read));
            assert_eq!(read["sub"], accepted.subject());
            assert_eq!(read["iss"], accepted.issuer());
            assert!(accepted.audiences().any(|audience| audience == AUDIENCE));
            let twice = verify(&with_member(claims, r#""sub":"root""#));
            assert!(matches!(
                twice,
                Err(TokenError::DuplicateName(Part::Claims) | TokenError::TooLong)
            ));
        }
        Err(TokenError::DuplicateName(Part::Claims) | TokenError::TooLong) => {}
        Err(TokenError::MalformedClaim("roles")) => {
            let read = read(claims).expect("what is no object has no claims");
            assert!(!is_list_of_texts(&read["roles"]));
        }
        Err(_) => assert!(read(claims).is_none_or(|claims| !is_good(&claims))),
    }
});

/// As somebody does who lets the last of several members win.
fn read(claims: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(claims).ok()
}

fn is_good(claims: &Map<String, Value>) -> bool {
    let (now, leeway) = (NOW as f64, LEEWAY as f64);
    let text = |name| claims.get(name).and_then(Value::as_str);
    let date = |name: &str| match claims.get(name).map(Value::as_f64) {
        None => Ok(None),
        Some(Some(date)) if (0.0..END_OF_TIME).contains(&date) => Ok(Some(date)),
        Some(_) => Err(()),
    };
    let has_come = |date: Result<Option<f64>, ()>| {
        date.is_ok_and(|date| date.is_none_or(|date| date <= now + leeway))
    };
    text("iss") == Some(ISSUER)
        && text("sub").is_some_and(|subject| !subject.is_empty())
        && claims.get("aud").is_some_and(is_for_us)
        && matches!(date("exp"), Ok(Some(exp)) if exp + leeway > now)
        && has_come(date("nbf"))
        && has_come(date("iat"))
        && ["jti", "scope"]
            .iter()
            .all(|name| claims.get(*name).is_none_or(Value::is_string))
}

fn is_for_us(aud: &Value) -> bool {
    match aud {
        Value::Array(list) => {
            list.len() <= 16
                && is_list_of_texts(aud)
                && list.iter().any(|audience| audience == AUDIENCE)
        }
        one => one == AUDIENCE,
    }
}

fn is_list_of_texts(value: &Value) -> bool {
    let list = value.as_array();
    list.is_some_and(|list| list.iter().all(Value::is_string))
}
