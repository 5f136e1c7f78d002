use std::{fs, io, path::PathBuf, time::Duration};

use axum_chassis::{
    Cause,
    jwt::{Algorithm, HmacAlgorithm, Issuer, Key, KeySet, Verifier, VerifierError},
};
use serde::{Deserialize, Serialize};

use super::{Faults, Profile, Secret, choice, load::DEVELOPMENT};

/// Which tokens are accepted: whose, for whom, and signed with what.
///
/// Exactly one source of keys is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Who issues tokens: the `iss` claim, to the letter.
    pub issuer: String,
    /// Whom they are for: must be among the `aud` claim.
    pub audience: String,
    /// By how much the clocks of issuer and service may differ.
    #[serde(with = "humantime_serde")]
    pub leeway: Duration,
    /// A JWK Set (RFC 7517), as the issuer publishes it.
    pub jwks_file: Option<PathBuf>,
    /// A public key in PEM, for tokens of `public_key_algorithm`.
    pub public_key_file: Option<PathBuf>,
    /// `RS256`, `PS256`, `ES256`, `ES384`, `EdDSA`, … (RFC 7518 section 3.1).
    #[serde(deserialize_with = "choice")]
    pub public_key_algorithm: Algorithm,
    /// A secret of 32 bytes or more, shared with the issuer, for HS256.
    pub hmac_secret: Option<Secret>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            leeway: Duration::from_secs(30),
            jwks_file: None,
            public_key_file: None,
            public_key_algorithm: Algorithm::Rs256,
            hmac_secret: None,
        }
    }
}

/// Why tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Not exactly one source of keys is set.
    #[error("set exactly one of auth.jwks_file, auth.public_key_file, auth.hmac_secret")]
    Sources,
    /// A file of keys cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// The keys do not fit.
    #[error("is not usable")]
    Key(#[from] VerifierError),
}

impl Auth {
    /// The verifier that these settings describe. Reads the files that they name.
    ///
    /// # Errors
    ///
    /// If there is not exactly one source of keys, or its keys cannot be used.
    pub fn verifier(&self) -> Result<Verifier, AuthError> {
        let issuer = Issuer::new(&self.issuer, &self.audience, self.keys()?);
        let verifier = Verifier::builder().issuer(issuer).leeway(self.leeway);
        Ok(verifier.build()?)
    }

    fn keys(&self) -> Result<KeySet, AuthError> {
        Ok(
            match (&self.jwks_file, &self.public_key_file, &self.hmac_secret) {
                (Some(file), None, None) => KeySet::from_jwks_json(&fs::read_to_string(file)?)?,
                (None, Some(file), None) => {
                    Key::pem(self.public_key_algorithm, &fs::read(file)?)?.into()
                }
                (None, None, Some(secret)) => {
                    Key::hmac(HmacAlgorithm::Hs256, secret.expose().as_bytes())?.into()
                }
                _ => return Err(AuthError::Sources),
            },
        )
    }

    pub(super) fn validate(&self, profile: Profile, faults: &mut Faults) {
        let names = [
            ("auth.issuer", &self.issuer),
            ("auth.audience", &self.audience),
        ];
        for (field, _) in names.iter().filter(|(_, name)| name.is_empty()) {
            let reason = "must be set: which tokens are accepted is never guessed";
            faults.add_hidden(field, reason);
        }
        let secret = self.hmac_secret.as_ref().map(Secret::expose);
        if profile == Profile::Production && secret.is_some_and(|s| DEVELOPMENT.contains(s)) {
            let reason = "is the development profile's and known to everyone: set your own";
            faults.add_hidden("auth.hmac_secret", reason);
        }
        if names.iter().all(|(_, name)| !name.is_empty())
            && let Err(error) = self.verifier()
        {
            faults.add_hidden(self.key_field(&error), Cause::new(error));
        }
    }

    /// The setting to blame for keys that cannot be used.
    fn key_field(&self, error: &AuthError) -> &'static str {
        match error {
            AuthError::Sources => "auth",
            _ if self.jwks_file.is_some() => "auth.jwks_file",
            _ if self.public_key_file.is_some() => "auth.public_key_file",
            _ => "auth.hmac_secret",
        }
    }
}
