//! JSON that two parsers may read in two ways (RFC 8259, RFC 8725 section 2.4), signed
//! by the issuer all the same.

use axum_chassis::jwt::{Part, TokenError};

use super::verdict;
use crate::issuer::{Issuer, claims, encode, hs256_verifier};

const HEADER: &str = r#"{"alg":"HS256"}"#;

fn with_claims(json: &[u8]) -> Result<(), TokenError> {
    let message = format!("{}.{}", encode(HEADER), encode(json));
    verdict(&hs256_verifier(), &Issuer::hs256().sign(&message))
}

fn with_header(json: &[u8]) -> Result<(), TokenError> {
    let message = format!("{}.{}", encode(json), encode(claims().to_string()));
    verdict(&hs256_verifier(), &Issuer::hs256().sign(&message))
}

/// The good claims with this member in front.
fn and(member: &str) -> Vec<u8> {
    claims()
        .to_string()
        .replacen('{', &format!("{{{member},"), 1)
        .into()
}

#[test]
fn a_name_is_unique_in_its_object() {
    for member in [
        r#""sub":"root""#,
        r#""sub":"ada""#,
        r#""\u0073ub":"root""#,
        r#""exp":9e9"#,
        r#""aud":[]"#,
        r#""a":1,"a":1"#,
        r#""a":{"b":1,"b":1}"#,
        r#""a":[{"b":{"c":0,"\u0063":0}}]"#,
        r#""":0,"":0"#,
        r#""\ud83d\ude00":0,"😀":0"#,
    ] {
        let refused = Err(TokenError::DuplicateName(Part::Claims));
        assert_eq!(with_claims(&and(member)), refused, "{member}");
    }
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","a":{"b":1,"b":2}}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
    ] {
        let refused = Err(TokenError::DuplicateName(Part::Header));
        assert_eq!(with_header(header.as_bytes()), refused, "{header}");
    }
    for member in [
        r#""SUB":"root""#,
        r#""a":{"sub":1},"b":{"sub":1}"#,
        r#""sub ":0"#,
        r#""é":0,"e\u0301":0"#,
    ] {
        assert_eq!(with_claims(&and(member)), Ok(()), "{member}");
    }
    assert_eq!(with_header(br#"{"alg":"HS256","ALG":"none"}"#), Ok(()));
}

#[test]
fn what_is_nearly_json_is_refused() {
    let good = claims().to_string();
    let open = good.trim_end_matches('}');
    let changed: Vec<(&str, Vec<u8>)> = vec![
        ("a mark of byte order", format!("\u{feff}{good}").into()),
        ("a comma at the end", format!("{open},}}").into()),
        ("a comma behind", format!("{good},").into()),
        ("a second object", format!("{good}{good}").into()),
        ("an array around", format!("[{good}]").into()),
        (
            "a string around",
            serde_json::to_string(&good).unwrap().into(),
        ),
        ("a comment", format!("{good}/**/").into()),
        ("a comment within", and("/* a */\"a\":1")),
        ("a comment to the end of the line", and("// a\n\"a\":1")),
        ("NUL behind", format!("{good}\0").into()),
        ("single quotes", good.replace('"', "'").into()),
        (
            "a name without quotes",
            good.replacen("\"aud\"", "aud", 1).into(),
        ),
        ("an end too few", open.into()),
        ("half of it", good[..good.len() / 2].into()),
        ("NUL in a string", and("\"a\":\"\0\"")),
        ("a line break in a string", and("\"a\":\"\n\"")),
        ("half a character", and(r#""a":"\ud83d""#)),
        ("the second half first", and(r#""a":"\ude00\ud83d""#)),
        ("an unknown escape", and(r#""a":"\x41""#)),
        ("a space of another script", and("\u{a0}\"a\":1")),
        ("a number with a leading zero", and(r#""a":01"#)),
        ("a hexadecimal number", and(r#""a":0x1"#)),
        ("a plus", and(r#""a":+1"#)),
        ("no number", and(r#""a":NaN"#)),
        ("infinity", and(r#""a":-Infinity"#)),
        ("a number beyond every float", and(r#""a":1e400"#)),
        (
            "a number of many digits",
            and(&format!("\"a\":{}", "9".repeat(4000))),
        ),
    ];
    for (how, json) in changed.into_iter().chain(not_utf8()) {
        let refused = Err(TokenError::NotAnObject(Part::Claims));
        assert_eq!(with_claims(&json), refused, "{how}");
    }
    assert_eq!(with_claims(good.as_bytes()), Ok(()));
}

fn not_utf8() -> [(&'static str, Vec<u8>); 5] {
    let holding = |bytes: &[u8]| {
        let at = |json: Vec<u8>| json.iter().position(|byte| *byte == b'?').unwrap();
        let mut json = and(r#""a":"?""#);
        let place = at(json.clone());
        json.splice(place..=place, bytes.iter().copied());
        json
    };
    let utf16 = claims().to_string();
    [
        ("no UTF-8", holding(b"\xff")),
        ("UTF-8 that is too long", holding(b"\xc1\xa1")),
        ("half a character in UTF-8", holding(b"\xed\xa0\xbd")),
        ("UTF-8 beyond Unicode", holding(b"\xf5\x80\x80\x80")),
        (
            "UTF-16",
            utf16.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
    ]
}

#[test]
fn what_is_odd_but_json_is_read() {
    let good = claims().to_string();
    for (how, json) in [
        (
            "white space around",
            format!("\r\n\t {good} \n").into_bytes(),
        ),
        ("an escaped slash", good.replace('/', r"\/").into()),
        (
            "an escaped name",
            good.replace("\"sub\"", r#""\u0073ub""#).into(),
        ),
        ("NUL, escaped", and(r#""a":"\u0000""#)),
        ("a whole character, escaped", and(r#""a":"\ud83d\ude00""#)),
        ("an empty name", and(r#""":0"#)),
        ("an exponent", and(r#""a":1E+2"#)),
        ("a number too small to be any", and(r#""a":1e-400"#)),
        (
            "a long array",
            and(&format!("\"a\":[0{}]", ",0".repeat(2500))),
        ),
        (
            "many members",
            and(&(0..500)
                .map(|n| format!("\"{n}\":{n}"))
                .collect::<Vec<_>>()
                .join(",")),
        ),
    ] {
        assert_eq!(with_claims(&json), Ok(()), "{how}");
    }
}

#[test]
fn nesting_has_an_end_before_the_stack_does() {
    let nested = |open: &str, close: &str, depth: usize| {
        and(&format!(
            "\"a\":{}0{}",
            open.repeat(depth),
            close.repeat(depth)
        ))
    };
    for (open, close, deepest) in [("[", "]", 2900), ("{\"a\":", "}", 950)] {
        assert_eq!(with_claims(&nested(open, close, 100)), Ok(()), "{open}");
        let refused = Err(TokenError::NotAnObject(Part::Claims));
        assert_eq!(with_claims(&nested(open, close, 200)), refused, "{open}");
        assert_eq!(
            with_claims(&nested(open, close, deepest)),
            refused,
            "{open}"
        );
    }
    for never_closed in ["[".repeat(5900), "{\"a\":".repeat(1180)] {
        let refused = Err(TokenError::NotAnObject(Part::Claims));
        assert_eq!(with_claims(never_closed.as_bytes()), refused);
        let refused = Err(TokenError::NotAnObject(Part::Header));
        assert_eq!(with_header(never_closed.as_bytes()), refused);
    }
}
