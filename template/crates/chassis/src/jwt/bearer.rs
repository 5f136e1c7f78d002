use http::{HeaderMap, header::AUTHORIZATION};

use super::Rejection;

/// The request's bearer token (RFC 6750 section 2.1); none if the request does not
/// authenticate itself, or does so by another scheme.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<&str>, Rejection> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let credentials = match (fields.next(), fields.next()) {
        (None, _) => return Ok(None),
        (Some(field), None) => field.as_bytes(),
        (Some(_), Some(_)) => return Err(Rejection::RepeatedHeader),
    };
    let scheme_end = credentials
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(credentials.len());
    let (scheme, rest) = credentials.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Ok(None);
    }
    let token = str::from_utf8(rest).map_err(|_| Rejection::MalformedHeader)?;
    let token = token.trim_matches(' ');
    if is_b64token(token) {
        Ok(Some(token))
    } else {
        Err(Rejection::MalformedHeader)
    }
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
fn is_b64token(token: &str) -> bool {
    let token = token.trim_end_matches('=');
    // Neither this nor the fold has a way out halfway: so many bytes are compared at once.
    let is_allowed = |byte: u8| {
        let is_mark = (byte == b'_') | (byte == b'~') | (byte == b'+');
        byte.is_ascii_alphabetic() | matches!(byte, b'-'..=b'9') | is_mark
    };
    let are_allowed = |all, byte| all & is_allowed(byte);
    !token.is_empty() && token.bytes().fold(true, are_allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let value = |bytes: &&[u8]| HeaderValue::from_bytes(bytes).unwrap();
        values
            .iter()
            .map(|bytes| (AUTHORIZATION, value(bytes)))
            .collect()
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "BEARER  a.b.c",
            "Bearer a.b.c ",
        ] {
            assert_eq!(
                token(&headers(&[value.as_bytes()])).unwrap(),
                Some("a.b.c"),
                "{value}"
            );
        }
    }

    #[test]
    fn another_scheme_or_none_is_no_token() {
        assert_eq!(token(&headers(&[])).unwrap(), None);
        for value in ["Basic YTpi", "", "Bearer\ta.b.c", "Bearera.b.c", "Bearer=a"] {
            assert_eq!(
                token(&headers(&[value.as_bytes()])).unwrap(),
                None,
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_no_token_by_its_syntax_is_malformed() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer ==",
            "Bearer a b",
            "Bearer a,b",
            "Bearer \"a\"",
        ] {
            let error = token(&headers(&[value.as_bytes()])).unwrap_err();
            assert_eq!(error, Rejection::MalformedHeader, "{value}");
        }
        assert_eq!(
            token(&headers(&[b"Bearer \xff"])).unwrap_err(),
            Rejection::MalformedHeader
        );
    }

    #[test]
    fn a_token_has_the_characters_of_the_grammar_and_no_others() {
        for byte in 0x21..=0x7e_u8 {
            let is_allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            let token = char::from(byte).to_string();
            assert_eq!(is_b64token(&token), is_allowed, "{token}");
        }
        assert!(!is_b64token("a=b") && is_b64token("a=="));
        assert!(!is_b64token("\u{e9}"));
    }

    #[test]
    fn two_fields_are_refused_even_if_they_are_the_same() {
        let twice = headers(&[b"Bearer a.b.c", b"Bearer a.b.c"]);
        assert_eq!(token(&twice).unwrap_err(), Rejection::RepeatedHeader);
        assert_eq!(
            token(&headers(&[b"Basic YTpi", b"Bearer a.b.c"])).unwrap_err(),
            Rejection::RepeatedHeader
        );
    }
}
