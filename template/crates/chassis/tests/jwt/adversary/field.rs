//! The `Authorization` field (RFC 6750 section 2.1, RFC 9110 section 11.6.2). Whatever is
//! in it, the answer is one of three, and holds nothing of it.

use std::convert::Infallible;

use axum_chassis::jwt::JwtLayer;
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tower::{Layer, ServiceExt, service_fn};

use crate::issuer::{Issuer, claims, claims_with, hs256_verifier};

/// A status and the challenge: all that there is of an answer.
type Answer = (u16, Option<&'static str>);

const PASSED: Answer = (200, None);
const NO_TOKEN: Answer = (401, Some(r#"Bearer realm="api""#));
const BAD_TOKEN: Answer = (401, Some(r#"Bearer realm="api", error="invalid_token""#));
const BAD_REQUEST: Answer = (400, Some(r#"Bearer realm="api", error="invalid_request""#));

async fn assert_answer(fields: &[&[u8]], (status, challenge): Answer) {
    let how = fields.concat().escape_ascii().to_string();
    let mut request = Request::new(());
    for field in fields {
        let field = HeaderValue::from_bytes(field).unwrap();
        request.headers_mut().append(AUTHORIZATION, field);
    }
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::default()));
    let service = JwtLayer::new(hs256_verifier()).layer(inner);
    let answer: Response<Vec<u8>> = service.oneshot(request).await.unwrap();

    let challenge = challenge.map(|text| (WWW_AUTHENTICATE, HeaderValue::from_static(text)));
    assert_eq!(answer.status(), status, "{how:.60}");
    assert_eq!(
        *answer.headers(),
        HeaderMap::from_iter(challenge),
        "{how:.60}"
    );
    assert!(answer.body().is_empty(), "{how:.60}");
}

fn good() -> String {
    Issuer::hs256().token(&claims())
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case_and_then_spaces() {
    let token = good();
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer      "] {
        let field = format!("{scheme}{token}");
        assert_answer(&[field.as_bytes()], PASSED).await;
    }
    for (scheme, expected) in [
        ("", NO_TOKEN),
        (" ", NO_TOKEN),
        ("Basic ", NO_TOKEN),
        ("DPoP ", NO_TOKEN),
        ("Token ", NO_TOKEN),
        ("Bearer", NO_TOKEN),
        ("Bearer\t", NO_TOKEN),
        ("Bearer: ", NO_TOKEN),
        ("Bearer=", NO_TOKEN),
        (" Bearer ", NO_TOKEN),
        ("\"Bearer\" ", NO_TOKEN),
        ("Bearers ", NO_TOKEN),
        ("Bearer Bearer ", BAD_REQUEST),
        ("Bearer \t", BAD_REQUEST),
        ("Bearer token=", BAD_REQUEST),
        ("Bearer \"", BAD_REQUEST),
        ("Bearer ,", BAD_REQUEST),
        ("Bearer x,", BAD_REQUEST),
    ] {
        let field = format!("{scheme}{token}");
        assert_answer(&[field.as_bytes()], expected).await;
    }
}

#[tokio::test]
async fn what_follows_the_token_is_no_part_of_it() {
    let token = good();
    assert_answer(&[format!("Bearer {token}  ").as_bytes()], PASSED).await;
    for (end, expected) in [
        ("\t", BAD_REQUEST),
        (" x", BAD_REQUEST),
        (" =", BAD_REQUEST),
        (",", BAD_REQUEST),
        (";", BAD_REQUEST),
        ("%00", BAD_REQUEST),
        ("\u{a0}", BAD_REQUEST),
        ("=", BAD_TOKEN),
        ("==", BAD_TOKEN),
        ("~", BAD_TOKEN),
        ("/", BAD_TOKEN),
        (".", BAD_TOKEN),
    ] {
        let field = format!("Bearer {token}{end}");
        assert_answer(&[field.as_bytes()], expected).await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_a_bad_request() {
    let token = good();
    for bytes in [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\x80",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
    ] {
        let field = [b"Bearer ", bytes, token.as_bytes()].concat();
        assert_answer(&[&field], BAD_REQUEST).await;
        // Another scheme's credentials are no business of ours.
        let field = [b"Basic ", bytes].concat();
        assert_answer(&[&field], NO_TOKEN).await;
    }
    for control in (0..32_u8).chain([127]).filter(|byte| *byte != b'\t') {
        let field = [b"Bearer ", token.as_bytes(), &[control]].concat();
        assert!(HeaderValue::from_bytes(&field).is_err(), "{control}");
    }
}

#[tokio::test]
async fn two_fields_are_a_bad_request_whichever_is_good() {
    let good = format!("Bearer {}", good());
    let bad = format!("Bearer {}", Issuer::hs256().token(&claims_with("exp", 1)));
    let (good, bad) = (good.as_bytes(), bad.as_bytes());
    for fields in [
        &[good, good][..],
        &[good, bad],
        &[bad, good],
        &[b"", good],
        &[good, b""],
        &[b"Basic YTpi", good],
        &[good; 100],
    ] {
        assert_answer(fields, BAD_REQUEST).await;
    }
    assert_answer(&[good], PASSED).await;
    assert_answer(&[bad], BAD_TOKEN).await;
    assert_answer(&[], NO_TOKEN).await;
}

#[tokio::test]
async fn a_field_of_any_length_is_answered() {
    for length in [1, 8192, 8193, 65_536, 1 << 20] {
        for (byte, expected) in [
            (b'a', BAD_TOKEN),
            (b'.', BAD_TOKEN),
            (b'=', BAD_REQUEST),
            (b',', BAD_REQUEST),
            (b' ', BAD_REQUEST),
        ] {
            let field = [b"Bearer ", &vec![byte; length][..]].concat();
            assert_answer(&[&field], expected).await;
        }
    }
}
