use std::{fs, io, path::PathBuf};

use axum_chassis::{
    Cause,
    jwt::{
        self, Algorithm, HmacAlgorithm, Key, KeySet, VerifierError,
        source::{KeyEndpoint, KeyFile, KeySourceError},
    },
};
use serde::{Deserialize, Serialize};

use super::{Faults, Profile, Secret, choice, load::DEVELOPMENT};

/// Somebody who issues tokens, and where the keys to check them come from.
///
/// One source of keys is set at the most. Without one they are found by OpenID Connect
/// Discovery, below the issuer's own URL. Files are read again when they change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Issuer {
    /// The `iss` claim, to the letter.
    pub issuer: String,
    /// Whom the tokens must be for: must be among the `aud` claim.
    pub audience: String,
    /// Whether a token must say by its `typ` that it is an access token (RFC 9068), which
    /// an ID token for the same audience is not. Many an issuer does not write that.
    pub access_tokens_only: bool,
    /// Where the issuer publishes its JWK Set (RFC 7517).
    pub jwks_url: Option<String>,
    /// Certificates (PEM) that its server is trusted by, beside those of the system.
    pub root_certificates_file: Option<PathBuf>,
    /// A JWK Set in a file.
    pub jwks_file: Option<PathBuf>,
    /// A public key in PEM, for tokens of `public_key_algorithm`.
    pub public_key_file: Option<PathBuf>,
    /// `RS256`, `PS256`, `ES256`, `ES384`, `EdDSA`, … (RFC 7518 section 3.1).
    #[serde(deserialize_with = "choice")]
    pub public_key_algorithm: Algorithm,
    /// A secret of 32 bytes or more, shared with the issuer, for HS256.
    pub hmac_secret: Option<Secret>,
    /// Where the token names roles, as a JSON pointer (RFC 6901).
    pub roles_at: String,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            access_tokens_only: false,
            jwks_url: None,
            root_certificates_file: None,
            jwks_file: None,
            public_key_file: None,
            public_key_algorithm: Algorithm::Rs256,
            hmac_secret: None,
            roles_at: "/roles".to_owned(),
        }
    }
}

/// Where an issuer's keys come from.
pub enum KeySource {
    /// From where the issuer publishes them.
    Endpoint(KeyEndpoint),
    /// From a file that may change.
    File(KeyFile),
    /// From the configuration itself.
    Secret(Key),
}

/// Why an issuer's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// The keys do not fit.
    #[error("is not usable")]
    Unfit(#[from] VerifierError),
    /// Keys are not taken from there.
    #[error("is no place of keys")]
    Place(#[from] KeySourceError),
}

impl Issuer {
    /// Where its keys come from.
    ///
    /// # Errors
    ///
    /// If that is no place to have keys from.
    pub fn key_source(&self) -> Result<KeySource, KeysError> {
        Ok(if let Some(file) = &self.jwks_file {
            KeySource::File(KeyFile::jwks(file))
        } else if let Some(file) = &self.public_key_file {
            KeySource::File(KeyFile::pem(self.public_key_algorithm, file))
        } else if let Some(secret) = &self.hmac_secret {
            let secret = secret.expose().as_bytes();
            KeySource::Secret(Key::hmac(HmacAlgorithm::Hs256, secret)?)
        } else {
            let endpoint = match &self.jwks_url {
                Some(url) => KeyEndpoint::jwks(url)?,
                None => KeyEndpoint::discovery(&self.issuer)?,
            };
            KeySource::Endpoint(match &self.root_certificates_file {
                Some(file) => endpoint.root_certificates(&fs::read(file)?)?,
                None => endpoint,
            })
        })
    }

    /// Whether keys can be had, as far as that shows before the start.
    fn check_keys(&self) -> Result<(), KeysError> {
        self.key_source()?;
        if let Some(file) = &self.jwks_file {
            KeySet::from_jwks_json(&fs::read_to_string(file)?)?;
        }
        if let Some(file) = &self.public_key_file {
            Key::pem(self.public_key_algorithm, &fs::read(file)?)?;
        }
        Ok(())
    }

    pub(super) fn validate(&self, path: &str, profile: Profile, faults: &mut Faults) {
        let field = |name: &str| format!("{path}.{name}");
        for (name, value) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if value.is_empty() {
                let reason = "must be set: which tokens are accepted is never guessed";
                faults.add_hidden(&field(name), reason);
            }
        }
        let secret = self.hmac_secret.as_ref().map(Secret::expose);
        if profile == Profile::Production && secret.is_some_and(|s| DEVELOPMENT.contains(s)) {
            let reason = "is the development profile's and known to everyone: set your own";
            faults.add_hidden(&field("hmac_secret"), reason);
        }
        let pointer = &self.roles_at;
        if let Err(error) = jwt::Issuer::new("", "", KeySet::default()).roles_at(pointer) {
            faults.add(&field("roles_at"), pointer, error);
        }
        match self.sources().as_slice() {
            [] if self.issuer.is_empty() => {}
            sources @ ([] | [_]) => {
                if let Err(error) = self.check_keys() {
                    let source = sources.first().copied().unwrap_or("issuer");
                    faults.add_hidden(&field(source), Cause::new(error));
                }
            }
            several => {
                let reason = format!("has {}: leave one source of keys", several.join(", "));
                faults.add_hidden(path, reason);
            }
        }
    }

    /// The sources of keys that are set, by their names.
    fn sources(&self) -> Vec<&'static str> {
        [
            ("jwks_url", self.jwks_url.is_some()),
            ("jwks_file", self.jwks_file.is_some()),
            ("public_key_file", self.public_key_file.is_some()),
            ("hmac_secret", self.hmac_secret.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_set)| is_set.then_some(name))
        .collect()
    }
}
