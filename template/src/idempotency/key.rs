use aws_lc_rs::digest::{Context, SHA256};
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, Uri},
};
use axum_chassis::jwt::Claims;
use sfv::{BareItem, Item, Parser};

use super::{IDEMPOTENCY_KEY, IdempotencyError};

const MAX_KEY_BYTES: usize = 255;

/// A client's key, hashed with whom it belongs to and what it is for: the store
/// learns none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; 32]);

/// What is asked for, hashed. Two requests are the same if their bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Key {
    /// The key of a request, if it has one. Where no token says whose it would be, it
    /// means nothing: one client must not get the answer of another.
    pub(super) fn of(request: &Request) -> Result<Option<Self>, IdempotencyError> {
        let extensions = request.extensions();
        let (Some(sent), Some(claims)) = (sent(request.headers())?, extensions.get::<Claims>())
        else {
            return Ok(None);
        };
        let route = extensions.get().map(MatchedPath::as_str);
        let scope = [
            claims.issuer(),
            claims.subject(),
            request.method().as_str(),
            route.unwrap_or_default(),
            &sent,
        ];
        Ok(Some(Self(hash(scope.map(str::as_bytes)))))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A number for locks. Should two keys have the same, one waits for the other.
    pub fn lock_id(&self) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl Fingerprint {
    pub(super) fn new(uri: &Uri, body: &[u8]) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(hash([uri.path().as_bytes(), query.as_bytes(), body]))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// As the store kept it.
impl TryFrom<Vec<u8>> for Fingerprint {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        bytes.as_slice().try_into().map(Self)
    }
}

/// SHA-256 of all parts, each behind its length, so that none runs into the next.
fn hash<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The key that the client sent, if it did: an Item that is a String (RFC 9651
/// section 3.3.3), in one field line. Parameters mean nothing.
fn sent(headers: &HeaderMap) -> Result<Option<String>, IdempotencyError> {
    let mut fields = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (fields.next(), fields.next()) {
        (None, _) => return Ok(None),
        (Some(field), None) => Parser::new(field.as_bytes()).parse::<Item>().ok(),
        (Some(_), Some(_)) => None,
    };
    match key.map(|item| item.bare_item) {
        Some(BareItem::String(key)) if (1..=MAX_KEY_BYTES).contains(&key.as_str().len()) => {
            Ok(Some(key.into()))
        }
        _ => Err(IdempotencyError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_as(fields: &[&str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(IDEMPOTENCY_KEY, field.parse().unwrap());
        }
        sent(&headers).map_err(|_| ())
    }

    #[test]
    fn a_key_is_one_string_in_quotes() {
        assert_eq!(sent_as(&[]), Ok(None));
        assert_eq!(sent_as(&["\"7f-a\""]), Ok(Some("7f-a".to_owned())));
        assert_eq!(sent_as(&[" \"7f\";v=1 "]), Ok(Some("7f".to_owned())));
        assert_eq!(sent_as(&["\"a \\\" b\""]), Ok(Some("a \" b".to_owned())));
        for other in [
            "7f-a",
            "",
            "\"\"",
            "\"7f",
            "7",
            "?1",
            "\"a\", \"b\"",
            ":YQ==:",
        ] {
            assert_eq!(sent_as(&[other]), Err(()), "{other}");
        }
        assert_eq!(sent_as(&["\"a\"", "\"a\""]), Err(()));
    }

    #[test]
    fn a_key_has_at_most_255_characters() {
        let of = |length: usize| format!("\"{}\"", "k".repeat(length));
        assert!(sent_as(&[&of(255)]).is_ok());
        assert_eq!(sent_as(&[&of(256)]), Err(()));
    }

    #[test]
    fn no_part_of_a_hash_runs_into_the_next() {
        assert_ne!(hash([b"ab", b"c"]), hash([b"a", b"bc"]));
        assert_ne!(hash([b"", b"abc"]), hash([b"abc", b""]));
    }
}
