use std::collections::HashMap;

use super::{Algorithm, Key, TokenError, VerifierError};

/// The keys of an issuer, of which no two can be taken for each other.
///
/// ```
/// use axum_chassis::jwt::{HmacAlgorithm, Key, KeySet};
///
/// let last_year = Key::hmac(HmacAlgorithm::Hs256, b"32 random bytes, from your vault")?;
/// let this_year = Key::hmac(HmacAlgorithm::Hs256, b"32 others, and as random as they")?;
/// let keys = KeySet::new([last_year.kid("2025"), this_year.kid("2026")])?;
/// assert_eq!(keys.len(), 2);
/// # Ok::<_, axum_chassis::jwt::VerifierError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    named: HashMap<String, Key>,
    /// Those without a `kid`: one for an algorithm at most.
    unnamed: HashMap<Algorithm, Key>,
}

impl KeySet {
    /// The set of these keys.
    ///
    /// # Errors
    ///
    /// If two have the same `kid`, or two without one are for the same algorithm.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, VerifierError> {
        let mut set = Self::default();
        for key in keys {
            set.add(key)?;
        }
        Ok(set)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.named.len() + self.unnamed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.named.values().chain(self.unnamed.values())
    }

    fn add(&mut self, key: Key) -> Result<(), VerifierError> {
        let algorithm = key.algorithm();
        match key.id().map(str::to_owned) {
            Some(kid) => match self.named.insert(kid.clone(), key) {
                Some(_) => Err(VerifierError::DuplicateKid(kid)),
                None => Ok(()),
            },
            None => match self.unnamed.insert(algorithm, key) {
                Some(_) => Err(VerifierError::AmbiguousKeys(algorithm)),
                None => Ok(()),
            },
        }
    }

    /// The only key that a token with this `kid` and `alg` may be signed with.
    ///
    /// `alg` only tells keys without a name apart. It is the key that decides how the
    /// signature is checked (RFC 8725 section 3.1).
    pub(super) fn find(&self, kid: Option<&str>, alg: &str) -> Result<&Key, TokenError> {
        let key = match kid.and_then(|kid| self.named.get(kid)) {
            Some(key) => key,
            None => self.by_algorithm(kid, Algorithm::named(alg))?,
        };
        match key.algorithm().name() == alg {
            true => Ok(key),
            false => Err(TokenError::WrongAlgorithm),
        }
    }

    fn by_algorithm(
        &self,
        kid: Option<&str>,
        algorithm: Option<Algorithm>,
    ) -> Result<&Key, TokenError> {
        let algorithm = algorithm.ok_or(TokenError::UnknownKey)?;
        if let Some(key) = self.unnamed.get(&algorithm) {
            return Ok(key);
        }
        if kid.is_some() {
            return Err(TokenError::UnknownKey);
        }
        let mut fitting = self
            .named
            .values()
            .filter(|key| key.algorithm() == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(TokenError::AmbiguousKey),
            (None, _) => Err(TokenError::UnknownKey),
        }
    }
}

impl From<Key> for KeySet {
    fn from(key: Key) -> Self {
        let mut set = Self::default();
        // The first key cannot be taken for another.
        let _ = set.add(key);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::HmacAlgorithm;

    fn key(algorithm: HmacAlgorithm) -> Key {
        Key::hmac(algorithm, &[7; 64]).unwrap()
    }

    fn set(keys: impl IntoIterator<Item = Key>) -> KeySet {
        KeySet::new(keys).unwrap()
    }

    #[test]
    fn a_kid_names_its_key_and_the_key_its_algorithm() {
        let set = set([
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs512).kid("b"),
        ]);
        assert_eq!(set.find(Some("b"), "HS512").unwrap().id(), Some("b"));
        assert_eq!(
            set.find(Some("b"), "HS256").unwrap_err(),
            TokenError::WrongAlgorithm
        );
        assert_eq!(
            set.find(Some("b"), "none").unwrap_err(),
            TokenError::WrongAlgorithm
        );
        assert_eq!(
            set.find(Some("c"), "HS512").unwrap_err(),
            TokenError::UnknownKey
        );
    }

    #[test]
    fn a_key_without_a_kid_stands_in_for_unknown_ones() {
        let set = set([
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs256),
        ]);
        assert_eq!(set.find(Some("a"), "HS256").unwrap().id(), Some("a"));
        assert_eq!(set.find(Some("b"), "HS256").unwrap().id(), None);
        assert_eq!(set.find(None, "HS256").unwrap().id(), None);
        assert_eq!(set.find(None, "HS384").unwrap_err(), TokenError::UnknownKey);
        assert_eq!(set.find(None, "none").unwrap_err(), TokenError::UnknownKey);
    }

    #[test]
    fn a_token_without_a_kid_must_leave_no_choice() {
        let one = set([
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs384).kid("b"),
        ]);
        assert_eq!(one.find(None, "HS384").unwrap().id(), Some("b"));

        let two = set([
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs256).kid("b"),
        ]);
        assert_eq!(
            two.find(None, "HS256").unwrap_err(),
            TokenError::AmbiguousKey
        );
    }

    #[test]
    fn keys_that_cannot_be_told_apart_are_refused() {
        let same_kid = [
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs512).kid("a"),
        ];
        assert!(matches!(
            KeySet::new(same_kid),
            Err(VerifierError::DuplicateKid(_))
        ));

        let no_kid = [key(HmacAlgorithm::Hs256), key(HmacAlgorithm::Hs256)];
        assert!(matches!(
            KeySet::new(no_kid),
            Err(VerifierError::AmbiguousKeys(_))
        ));
    }
}
