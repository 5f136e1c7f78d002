use std::collections::HashMap;

use super::{Algorithm, Key, TokenError, VerifierError};

/// The keys of a verifier, found by what a token's header says.
#[derive(Debug)]
pub(super) struct Keyring {
    named: HashMap<String, Key>,
    /// Those without a `kid`: one for an algorithm at most.
    unnamed: HashMap<Algorithm, Key>,
}

impl Keyring {
    pub(super) fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, VerifierError> {
        let mut ring = Self {
            named: HashMap::new(),
            unnamed: HashMap::new(),
        };
        for key in keys {
            ring.add(key)?;
        }
        match ring.named.is_empty() && ring.unnamed.is_empty() {
            true => Err(VerifierError::NoKey),
            false => Ok(ring),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::HmacAlgorithm;

    fn key(algorithm: HmacAlgorithm) -> Key {
        Key::hmac(algorithm, &[7; 64]).unwrap()
    }

    fn ring(keys: impl IntoIterator<Item = Key>) -> Keyring {
        Keyring::new(keys).unwrap()
    }

    #[test]
    fn a_kid_names_its_key_and_the_key_its_algorithm() {
        let ring = ring([
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs512).kid("b"),
        ]);
        assert_eq!(ring.find(Some("b"), "HS512").unwrap().id(), Some("b"));
        assert_eq!(
            ring.find(Some("b"), "HS256").unwrap_err(),
            TokenError::WrongAlgorithm
        );
        assert_eq!(
            ring.find(Some("b"), "none").unwrap_err(),
            TokenError::WrongAlgorithm
        );
        assert_eq!(
            ring.find(Some("c"), "HS512").unwrap_err(),
            TokenError::UnknownKey
        );
    }

    #[test]
    fn a_key_without_a_kid_stands_in_for_unknown_ones() {
        let ring = ring([
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs256),
        ]);
        assert_eq!(ring.find(Some("a"), "HS256").unwrap().id(), Some("a"));
        assert_eq!(ring.find(Some("b"), "HS256").unwrap().id(), None);
        assert_eq!(ring.find(None, "HS256").unwrap().id(), None);
        assert_eq!(
            ring.find(None, "HS384").unwrap_err(),
            TokenError::UnknownKey
        );
        assert_eq!(ring.find(None, "none").unwrap_err(), TokenError::UnknownKey);
    }

    #[test]
    fn a_token_without_a_kid_must_leave_no_choice() {
        let one = ring([
            key(HmacAlgorithm::Hs256).kid("a"),
            key(HmacAlgorithm::Hs384).kid("b"),
        ]);
        assert_eq!(one.find(None, "HS384").unwrap().id(), Some("b"));

        let two = ring([
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
            Keyring::new(same_kid),
            Err(VerifierError::DuplicateKid(_))
        ));

        let no_kid = [key(HmacAlgorithm::Hs256), key(HmacAlgorithm::Hs256)];
        assert!(matches!(
            Keyring::new(no_kid),
            Err(VerifierError::AmbiguousKeys(_))
        ));

        assert!(matches!(Keyring::new([]), Err(VerifierError::NoKey)));
    }
}
