use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::RsaPublicKeyComponents,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{Algorithm, Key, KeySet, VerifierError, json};

/// The members of a private half (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

impl KeySet {
    /// The keys of a JWK Set (RFC 7517), as an issuer publishes them.
    ///
    /// Keys that are not for us are passed over, as RFC 7517 section 5 asks: those of an
    /// unknown `kty`, `crv` or `alg`, and those whose `use` or `key_ops` is not to verify
    /// signatures. A key that is for us and malformed is an error, for it would be missed.
    /// An RSA key that states no `alg` is for RS256 alone (OpenID Connect Core section 2).
    ///
    /// ```
    /// use axum_chassis::jwt::{Issuer, KeySet, Verifier};
    ///
    /// let keys = KeySet::from_jwks_json(r#"{"keys": [{
    ///     "kty": "OKP", "crv": "Ed25519", "kid": "2026-01", "use": "sig",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    /// }]}"#)?;
    /// let issuer = Issuer::new("https://issuer.example", "https://api.example", keys);
    /// let verifier = Verifier::builder().issuer(issuer).build()?;
    /// # Ok::<_, axum_chassis::jwt::VerifierError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not a JWK Set, or one of its keys contradicts itself, is weak, or holds
    /// a private half.
    pub fn from_jwks_json(json: &str) -> Result<Self, VerifierError> {
        let keys = read_all(json)?.into_iter().filter_map(Result::transpose);
        Self::new(keys.collect::<Result<Vec<_>, _>>()?)
    }

    /// The keys of a set that everyone can read, and what is wrong with the others: one
    /// that is of no use must not cost the rest. A secret that is published is none.
    #[cfg(feature = "jwks")]
    pub(super) fn from_published_json(
        json: &str,
    ) -> Result<(Self, Vec<VerifierError>), VerifierError> {
        let (mut keys, mut unusable) = (Vec::new(), Vec::new());
        for (index, key) in read_all(json)?.into_iter().enumerate() {
            match key {
                Ok(Some(key)) if key.algorithm().as_hmac().is_some() => {
                    unusable.push(VerifierError::PublishedSecret.at(index));
                }
                Ok(key) => keys.extend(key),
                Err(error) => unusable.push(error),
            }
        }
        Ok((Self::new(keys)?, unusable))
    }
}

/// One result for each key of the set, in its order.
fn read_all(json: &str) -> Result<Vec<Result<Option<Key>, VerifierError>>, VerifierError> {
    let not_a_set = |reason: &str| VerifierError::NotAKeySet(reason.to_owned());
    let document: Map<String, Value> = serde_json::from_str(json).map_err(|error| {
        // Its text could quote the document.
        let (line, column) = (error.line(), error.column());
        not_a_set(&format!("no JSON object, by line {line} column {column}"))
    })?;
    if !json::has_unique_names(json.as_bytes()) {
        return Err(not_a_set("a name occurs twice"));
    }
    let members = document.get("keys").and_then(Value::as_array);
    let members = members
        .ok_or_else(|| not_a_set("`keys` is no array"))?
        .iter();
    let keys = members
        .enumerate()
        .map(|(index, jwk)| read(jwk).map_err(|reason| reason.at(index)));
    Ok(keys.collect())
}

/// The key, or none if it is not for us.
fn read(jwk: &Value) -> Result<Option<Key>, VerifierError> {
    let jwk = Jwk(jwk.as_object().ok_or(VerifierError::JwkMember("kty"))?);
    let Some((kind, fitting)) = jwk.kind()? else {
        return Ok(None);
    };
    if kind != Kind::Secret && PRIVATE.iter().any(|name| jwk.0.contains_key(*name)) {
        return Err(VerifierError::PrivateJwk);
    }
    if !jwk.is_to_verify()? {
        return Ok(None);
    }
    let Some(algorithm) = jwk.algorithm(kind, fitting)? else {
        return Ok(None);
    };
    let key = jwk.key(kind, algorithm)?;
    Ok(Some(match jwk.text("kid")? {
        Some(kid) => key.kid(kid),
        None => key,
    }))
}

struct Jwk<'a>(&'a Map<String, Value>);

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Rsa,
    /// With coordinates of that many bytes.
    Ec(usize),
    Ed25519,
    Secret,
}

impl<'a> Jwk<'a> {
    /// Its type, and the algorithms that such a key can be for, the customary one first.
    fn kind(&self) -> Result<Option<(Kind, &'static [Algorithm])>, VerifierError> {
        use Algorithm::*;
        let curve = || self.required("crv");
        Ok(Some(match self.required("kty")? {
            "RSA" => (Kind::Rsa, &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]),
            "oct" => (Kind::Secret, &[Hs256, Hs384, Hs512]),
            "EC" => match curve()? {
                "P-256" => (Kind::Ec(32), &[Es256]),
                "P-384" => (Kind::Ec(48), &[Es384]),
                _ => return Ok(None),
            },
            "OKP" if curve()? == "Ed25519" => (Kind::Ed25519, &[EdDsa]),
            _ => return Ok(None),
        }))
    }

    /// RFC 7517 sections 4.2 and 4.3.
    fn is_to_verify(&self) -> Result<bool, VerifierError> {
        let by_use = self.text("use")?.map(|usage| usage == "sig");
        let by_operations = match self.0.get("key_ops") {
            None => None,
            Some(Value::Array(operations)) => Some(operations.iter().any(|o| o == "verify")),
            Some(_) => return Err(VerifierError::JwkMember("key_ops")),
        };
        match (by_use, by_operations) {
            (Some(a), Some(b)) if a != b => {
                Err(VerifierError::JwkContradiction("`use` and `key_ops`"))
            }
            (by_use, by_operations) => Ok(by_use.or(by_operations).unwrap_or(true)),
        }
    }

    fn algorithm(
        &self,
        kind: Kind,
        fitting: &[Algorithm],
    ) -> Result<Option<Algorithm>, VerifierError> {
        match self.text("alg")?.map(Algorithm::named) {
            // A secret's length does not tell what it is for.
            None if kind == Kind::Secret => Err(VerifierError::JwkMember("alg")),
            None => Ok(fitting.first().copied()),
            Some(Some(algorithm)) if !fitting.contains(&algorithm) => {
                Err(VerifierError::JwkContradiction("`kty`, `crv` and `alg`"))
            }
            Some(algorithm) => Ok(algorithm),
        }
    }

    fn key(&self, kind: Kind, algorithm: Algorithm) -> Result<Key, VerifierError> {
        match kind {
            Kind::Rsa => {
                let components = RsaPublicKeyComponents {
                    n: self.bytes("n")?,
                    e: self.bytes("e")?,
                };
                let der: PublicKeyX509Der<'_> = components
                    .as_der()
                    .map_err(|_| VerifierError::UnfitKey(algorithm))?;
                Key::public(algorithm, der.as_ref())
            }
            Kind::Ec(coordinate_bytes) => {
                let uncompressed = vec![4];
                let x = self.exact_bytes("x", coordinate_bytes)?;
                let y = self.exact_bytes("y", coordinate_bytes)?;
                Key::public(algorithm, &[uncompressed, x, y].concat())
            }
            Kind::Ed25519 => Key::public(algorithm, &self.exact_bytes("x", 32)?),
            Kind::Secret => match algorithm.as_hmac() {
                Some(hmac) => Key::hmac(hmac, &self.bytes("k")?),
                None => Err(VerifierError::UnfitKey(algorithm)),
            },
        }
    }

    fn text(&self, name: &'static str) -> Result<Option<&'a str>, VerifierError> {
        let text = |value: &'a Value| value.as_str().ok_or(VerifierError::JwkMember(name));
        self.0.get(name).map(text).transpose()
    }

    fn required(&self, name: &'static str) -> Result<&'a str, VerifierError> {
        self.text(name)?.ok_or(VerifierError::JwkMember(name))
    }

    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, VerifierError> {
        let text = self.required(name)?;
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| VerifierError::JwkMember(name))
    }

    /// Of full length: RFC 7518 section 6.2.1.2, RFC 8037 section 2.
    fn exact_bytes(&self, name: &'static str, length: usize) -> Result<Vec<u8>, VerifierError> {
        let bytes = self.bytes(name)?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(VerifierError::JwkMember(name))
        }
    }
}
