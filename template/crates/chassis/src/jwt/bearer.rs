use http::{
    HeaderMap,
    header::{AUTHORIZATION, Entry},
};

use super::Rejection;

/// What the request shows as its bearer token (RFC 6750 section 2.1); none if it does not
/// authenticate itself, or does so by another scheme. From here on the headers' debug
/// output hides it, wherever the request goes.
pub(super) fn credentials(headers: &mut HeaderMap) -> Result<Option<&[u8]>, Rejection> {
    let Entry::Occupied(mut fields) = headers.entry(AUTHORIZATION) else {
        return Ok(None);
    };
    let mut count = 0;
    for field in fields.iter_mut() {
        field.set_sensitive(true);
        count += 1;
    }
    if count > 1 {
        return Err(Rejection::RepeatedHeader);
    }
    let field = fields.into_mut().as_bytes();
    let Some((scheme, rest)) = field.split_at_checked(SCHEME.len()) else {
        return Ok(None);
    };
    let is_ours = scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_none_or(|b| *b == b' ');
    Ok(is_ours.then(|| trim(rest)))
}

const SCHEME: &[u8] = b"Bearer";

/// Spaces alone: a tab is a part of what is malformed.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether the credentials are a token by its syntax:
/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub(super) fn is_b64token(mut token: &[u8]) -> bool {
    while let [rest @ .., b'='] = token {
        token = rest;
    }
    // Neither this nor the fold has a way out halfway: so many bytes are compared at once.
    let is_allowed = |byte: u8| {
        let is_mark = (byte == b'_') | (byte == b'~') | (byte == b'+');
        byte.is_ascii_alphabetic() | matches!(byte, b'-'..=b'9') | is_mark
    };
    let are_allowed = |all, byte: &u8| all & is_allowed(*byte);
    !token.is_empty() && token.iter().fold(true, are_allowed)
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

    fn shown(values: &[&[u8]]) -> Result<Option<String>, Rejection> {
        let mut headers = headers(values);
        let Some(credentials) = credentials(&mut headers)? else {
            return Ok(None);
        };
        match is_b64token(credentials) {
            true => Ok(Some(String::from_utf8(credentials.to_vec()).unwrap())),
            false => Err(Rejection::MalformedHeader),
        }
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
                shown(&[value.as_bytes()]).unwrap(),
                Some("a.b.c".to_owned()),
                "{value}"
            );
        }
    }

    #[test]
    fn another_scheme_or_none_is_no_token() {
        assert_eq!(shown(&[]).unwrap(), None);
        for value in ["Basic YTpi", "", "Bearer\ta.b.c", "Bearera.b.c", "Bearer=a"] {
            assert_eq!(shown(&[value.as_bytes()]).unwrap(), None, "{value}");
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
            let error = shown(&[value.as_bytes()]).unwrap_err();
            assert_eq!(error, Rejection::MalformedHeader, "{value}");
        }
        assert_eq!(
            shown(&[b"Bearer \xff"]).unwrap_err(),
            Rejection::MalformedHeader
        );
    }

    #[test]
    fn a_token_has_the_characters_of_the_grammar_and_no_others() {
        for byte in 0x21..=0x7e_u8 {
            let is_allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            let token = char::from(byte).to_string();
            assert_eq!(is_b64token(token.as_bytes()), is_allowed, "{token}");
        }
        assert!(!is_b64token(b"a=b") && is_b64token(b"a=="));
        assert!(!is_b64token("\u{e9}".as_bytes()));
    }

    #[test]
    fn two_fields_are_refused_even_if_they_are_the_same() {
        let twice: [&[u8]; 2] = [b"Bearer a.b.c", b"Bearer a.b.c"];
        assert_eq!(shown(&twice).unwrap_err(), Rejection::RepeatedHeader);
        assert_eq!(
            shown(&[b"Basic YTpi", b"Bearer a.b.c"]).unwrap_err(),
            Rejection::RepeatedHeader
        );
    }
}
