use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use super::{KeySet, TokenError, claims_set::ClaimsSet, json};

/// What a verified token says. Cheap to clone.
///
/// [`JwtLayer`](super::JwtLayer) puts it into the request's extensions; with feature
/// `axum` it is an extractor, too: `Claims` answers 401 where there is no token,
/// `Option<Claims>` does not.
#[derive(Clone)]
pub struct Claims(Arc<Verified>);

/// What a token says, and why that is believed.
struct Verified {
    set: ClaimsSet,
    origin: Origin,
}

/// By whose keys a token was found good.
pub(super) struct Origin {
    /// Its place among the verifier's issuers.
    pub(super) issuer: usize,
    /// As long as they are held, no others can be the same `Arc`.
    pub(super) keys: Arc<KeySet>,
}

impl Claims {
    pub(super) fn verified(set: ClaimsSet, origin: Origin) -> Self {
        Self(Arc::new(Verified { set, origin }))
    }

    fn set(&self) -> &ClaimsSet {
        &self.0.set
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Who issued the token: `iss` (RFC 7519 section 4.1.1).
    pub fn issuer(&self) -> &str {
        self.set().issuer()
    }

    /// Who it is about: `sub` (RFC 7519 section 4.1.2). Never empty, and unique within
    /// the issuer only.
    pub fn subject(&self) -> &str {
        self.set().subject()
    }

    /// Whom it is for: `aud` (RFC 7519 section 4.1.3). Ours is among them.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.set().audiences()
    }

    /// When it expires: `exp` (RFC 7519 section 4.1.4).
    pub fn expires_at(&self) -> SystemTime {
        self.set().expires_at
    }

    /// When it became valid: `nbf` (RFC 7519 section 4.1.5).
    pub fn not_before(&self) -> Option<SystemTime> {
        self.set().not_before
    }

    /// When it was issued: `iat` (RFC 7519 section 4.1.6).
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.set().issued_at
    }

    /// Its own name: `jti` (RFC 7519 section 4.1.7).
    pub fn id(&self) -> Option<&str> {
        self.set().id()
    }

    /// What it allows: the words of `scope` (RFC 8693 section 4.2).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        words(self.set().scope())
    }

    /// Whether `scope` is among the scopes, to the letter.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// What its subject is, to the issuer: `roles` (RFC 9068 section 2.2.3.1), or what
    /// [`Issuer::roles_at`](super::Issuer::roles_at) points at.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.set().roles.iter().map(Box::as_ref)
    }

    /// Whether `role` is among the roles, to the letter.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|held| held == role)
    }

    /// One claim, of any name. It is read anew at each call.
    ///
    /// ```
    /// # fn tenant(claims: &axum_chassis::jwt::Claims) -> Option<String> {
    /// let groups: Vec<String> = claims.get("groups").ok()?.unwrap_or_default();
    /// # let tenant: Option<String> = claims.get("tenant").ok()?;
    /// # tenant
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it is there, but not a `T`: a malformed claim must not pass for a missing one.
    pub fn get<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, TokenError> {
        json::member(&self.set().json, name).map_err(|_| TokenError::MalformedClaim(name))
    }

    /// All claims, as a type of your own. With feature `axum`, `TypedClaims` is an
    /// extractor for it.
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// struct Member {
    ///     sub: String,
    ///     tenant: u64,
    /// }
    ///
    /// # fn member(claims: &axum_chassis::jwt::Claims) -> Option<u64> {
    /// let member: Member = claims.parse().ok()?;
    /// # Some(member.tenant)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If they are not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, TokenError> {
        serde_json::from_str(&self.set().json).map_err(|_| TokenError::UnfitClaims)
    }

    /// How much memory they take, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.set().size_bytes()
    }
}

/// Shows whose the claims are, and leaves out what may be personal.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer())
            .field("subject", &self.subject())
            .field("scope", &self.set().scope())
            .finish_non_exhaustive()
    }
}

/// Of a list with spaces between (RFC 6749 section 3.3).
pub(super) fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|word| !word.is_empty())
}
