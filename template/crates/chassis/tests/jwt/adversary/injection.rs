//! Keys and rules that a token brings in its header (RFC 8725 sections 2.10 and 3.10).

use axum_chassis::jwt::TokenError;
use serde_json::{Value, json};

use super::{having, jwk_with, verdict};
use crate::issuer::{Issuer, claims};

/// Verdicts on the same header, signed by the issuer and by an adversary.
fn verdicts(header: &str) -> [Result<(), TokenError>; 2] {
    let (ours, adversary) = (Issuer::new("EdDSA"), Issuer::new("EdDSA"));
    let verifier = having(&[ours.jwk()]);
    let header = header.replace("KEY", &adversary.jwk().to_string());
    [ours, adversary]
        .map(|signer| verdict(&verifier, &signer.token_of(&header, &claims().to_string())))
}

#[test]
fn a_key_in_the_header_is_refused_whoever_signed() {
    for (name, header) in [
        ("jwk", r#"{"alg":"EdDSA","jwk":KEY}"#),
        ("jwk", r#"{"alg":"EdDSA","j\u0077k":KEY}"#),
        (
            "jku",
            r#"{"alg":"EdDSA","jku":"https://issuer.example@evil.example/jwks"}"#,
        ),
        ("jku", r#"{"alg":"EdDSA","jku":"file:///dev/stdin"}"#),
        ("x5u", r#"{"alg":"EdDSA","x5u":"http://169.254.169.254/"}"#),
        ("x5c", r#"{"alg":"EdDSA","x5c":["MCowBQYDK2VwAyEA"]}"#),
        ("crit", r#"{"alg":"EdDSA","crit":[]}"#),
        ("crit", r#"{"alg":"EdDSA","crit":["exp"],"exp":0}"#),
        ("b64", r#"{"alg":"EdDSA","b64":false}"#),
        ("b64", r#"{"alg":"EdDSA","b64":true}"#),
        ("zip", r#"{"alg":"EdDSA","zip":"DEF"}"#),
        ("cty", r#"{"alg":"EdDSA","cty":"JWT"}"#),
    ] {
        let refused = Err(TokenError::ForbiddenHeaderParameter(name));
        assert_eq!(verdicts(header), [refused.clone(), refused], "{header}");
    }
}

#[test]
fn what_only_looks_like_a_key_in_the_header_is_passed_over() {
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","JWK":KEY}"#,
        r#"{"alg":"EdDSA","x":{"jwk":KEY}}"#,
        r#"{"alg":"EdDSA","keys":[KEY]}"#,
        r#"{"alg":"EdDSA","epk":KEY}"#,
        r#"{"alg":"EdDSA","x5t":"AAAA"}"#,
        r#"{"alg":"EdDSA","x5t#S256":"AAAA"}"#,
        r#"{"alg":"EdDSA","enc":"A256GCM"}"#,
        r#"{"alg":"EdDSA","iss":"https://evil.example","exp":0}"#,
        r#"{"alg":"EdDSA","__proto__":{"alg":"none"}}"#,
    ] {
        let expected = [Ok(()), Err(TokenError::WrongSignature)];
        assert_eq!(verdicts(header), expected, "{header}");
    }
}

const KIDS: [&str; 20] = [
    "",
    " our-key",
    "our-key ",
    "OUR-KEY",
    "our-ke",
    "our-key2",
    "our-key\0",
    "\0",
    "our\u{2010}key",       // another hyphen
    "\u{43e}ur-key",        // a Cyrillic o
    "our-k\u{65}\u{301}y",  // an accent
    "../../../../dev/null", // a file whose content is known
    "/proc/sys/kernel/randomize_va_space",
    "file:///etc/passwd",
    "https://evil.example/jwks.json",
    "x' UNION SELECT 'secret' --",
    "our-key' OR '1'='1",
    "$(id)",
    "%2e%2e%2f",
    "our-key\r\nX-Injected: 1",
];

#[test]
fn a_kid_is_compared_and_nothing_else_is_done_with_it() {
    let (ours, adversary) = (Issuer::hs256(), Issuer::new("EdDSA"));
    let verifier = having(&[jwk_with(&ours.jwk(), "kid", "our-key")]);
    let with = |signer: &Issuer, kid: &Value| {
        let header = json!({ "alg": signer.alg, "kid": kid });
        verdict(&verifier, &signer.token_with_header(&header, &claims()))
    };
    for kid in KIDS.into_iter().chain([&*"k".repeat(5000)]) {
        let refused = Err(TokenError::UnknownKey);
        assert_eq!(with(&ours, &kid.into()), refused, "{kid:?}");
        assert_eq!(with(&adversary, &kid.into()), refused, "{kid:?}");
    }
    let too_long = "k".repeat(10 * 1024);
    assert_eq!(with(&ours, &too_long.into()), Err(TokenError::TooLong));
    for kid in [
        json!(null),
        json!(1),
        json!(true),
        json!(["our-key"]),
        json!({ "kid": "our-key" }),
    ] {
        let refused = Err(TokenError::HeaderParameter("kid"));
        assert_eq!(with(&ours, &kid), refused, "{kid}");
    }
    assert_eq!(with(&ours, &"our-key".into()), Ok(()));
    assert_eq!(
        with(&adversary, &"our-key".into()),
        Err(TokenError::WrongAlgorithm)
    );
    let escaped = ours.token_of(
        r#"{"alg":"HS256","kid":"our\u002dkey"}"#,
        &claims().to_string(),
    );
    assert_eq!(verdict(&verifier, &escaped), Ok(()));
}

#[test]
fn a_key_without_a_kid_stands_in_whatever_the_kid_and_forges_nothing() {
    let (ours, adversary) = (Issuer::new("EdDSA"), Issuer::new("EdDSA"));
    let verifier = having(&[ours.jwk()]);
    for kid in KIDS {
        let header = json!({ "alg": "EdDSA", "kid": kid });
        let by =
            |signer: &Issuer| verdict(&verifier, &signer.token_with_header(&header, &claims()));
        assert_eq!(by(&ours), Ok(()), "{kid:?}");
        assert_eq!(by(&adversary), Err(TokenError::WrongSignature), "{kid:?}");
    }
}
