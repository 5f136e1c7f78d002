use super::{Algorithm, Keys, VerifierError, roles::RolesPointer};

/// Somebody whose tokens are good, if they are for us and signed with one of the keys.
///
/// ```
/// use axum_chassis::jwt::{HmacAlgorithm, Issuer, Key};
///
/// let key = Key::hmac(HmacAlgorithm::Hs256, b"32 random bytes, from your vault")?;
/// let issuer = Issuer::new("https://issuer.example", "https://api.example", key);
/// # Ok::<_, axum_chassis::jwt::VerifierError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Issuer {
    pub(super) name: String,
    audiences: Vec<String>,
    algorithms: Option<Vec<Algorithm>>,
    pub(super) roles: RolesPointer,
    pub(super) access_tokens_only: bool,
    pub(super) keys: Keys,
}

impl Issuer {
    /// Its `iss` to the letter, what `aud` must be or contain, and its keys.
    pub fn new(
        name: impl Into<String>,
        audience: impl Into<String>,
        keys: impl Into<Keys>,
    ) -> Self {
        Self {
            name: name.into(),
            audiences: vec![audience.into()],
            algorithms: None,
            roles: RolesPointer::default(),
            access_tokens_only: false,
            keys: keys.into(),
        }
    }

    /// Takes tokens for this audience, too.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Leaves keys for other algorithms unused. Unless told, each key is used.
    #[must_use]
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        Self {
            algorithms: Some(algorithms.into_iter().collect()),
            ..self
        }
    }

    /// Refuses tokens whose `typ` is not `at+jwt` (RFC 9068 section 4), such as ID tokens,
    /// whoever they are for. Many an issuer writes `JWT`, so that it is taken unless told.
    #[must_use]
    pub fn access_tokens_only(self) -> Self {
        Self {
            access_tokens_only: true,
            ..self
        }
    }

    /// Where its tokens tell the roles of their subject: a JSON pointer (RFC 6901) to an
    /// array of strings, or of objects with a `value` (RFC 7643 section 2.4). Where there
    /// is nothing, there are no roles; anything else is a malformed claim.
    ///
    /// `/roles` unless told (RFC 9068 section 2.2.3.1).
    ///
    /// ```
    /// use axum_chassis::jwt::{Issuer, KeySet};
    ///
    /// let keys = KeySet::default();
    /// let keycloak = Issuer::new("https://id.example/realms/a", "https://api.example", keys)
    ///     .roles_at("/realm_access/roles")?;
    /// # Ok::<_, axum_chassis::jwt::VerifierError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is no pointer, or points at the claims as a whole.
    pub fn roles_at(self, pointer: &str) -> Result<Self, VerifierError> {
        Ok(Self {
            roles: RolesPointer::parse(pointer)?,
            ..self
        })
    }

    pub(super) fn check(&self) -> Result<(), VerifierError> {
        if self.name.is_empty() {
            return Err(VerifierError::NoIssuer);
        }
        if self.audiences.iter().any(String::is_empty) {
            return Err(VerifierError::NoAudience);
        }
        let keys = self.keys.current();
        if keys.is_empty() && self.keys.are_live() {
            return Ok(()); // They are still to come.
        }
        match keys.iter().any(|key| self.allows(key.algorithm())) {
            true => Ok(()),
            false => Err(VerifierError::NoKey),
        }
    }

    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        let list = self.algorithms.as_ref();
        list.is_none_or(|list| list.contains(&algorithm))
    }

    /// Whether a token for this audience is one for us.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        self.audiences.iter().any(|ours| ours == audience)
    }
}
