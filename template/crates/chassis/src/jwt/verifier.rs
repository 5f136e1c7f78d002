use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Algorithm, Claims, Key, TokenError, VerifierError, keyring::Keyring, token::Token};

/// How much earlier or later another clock may run, unless
/// [`VerifierBuilder::leeway`] says otherwise.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

/// The longest leeway: "no more than a few minutes" (RFC 7519 section 4.1.4).
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// Decides which tokens are good: signed with one of its keys, from its issuer, for its
/// audience, at this time. Immutable, and cheap to clone.
///
/// ```
/// use axum_chassis::jwt::{HmacAlgorithm, Key, TokenError, Verifier};
///
/// let verifier = Verifier::builder()
///     .issuer("https://issuer.example")
///     .audience("https://api.example")
///     .key(Key::hmac(HmacAlgorithm::Hs256, b"32 random bytes, from your vault")?)
///     .build()?;
///
/// assert_eq!(verifier.verify("no.token").unwrap_err(), TokenError::NotThreeParts);
/// # Ok::<_, axum_chassis::jwt::VerifierError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verifier(Arc<Policy>);

struct Policy {
    keys: Keyring,
    issuer: String,
    audience: String,
    leeway: Duration,
    clock: Clock,
}

type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

impl Verifier {
    /// What is to be told: issuer, audience, and one key at least.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder {
            issuer: String::new(),
            audience: String::new(),
            leeway: DEFAULT_LEEWAY,
            keys: Vec::new(),
            algorithms: None,
            clock: Arc::new(SystemTime::now),
        }
    }

    /// Checks a token (without `Bearer`), and tells what it says.
    ///
    /// # Errors
    ///
    /// If anything about it is wrong; the first thing that is. It is not for the client
    /// to know.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let token = Token::parse(token)?;
        let key = self
            .0
            .keys
            .find(token.header.kid.as_deref(), &token.header.alg)?;
        if !key.verifies(token.signed(), &token.signature()?) {
            return Err(TokenError::WrongSignature);
        }
        let claims = Claims::try_from(token.claims()?)?;
        self.0.check(&claims)?;
        Ok(claims)
    }
}

impl Policy {
    fn check(&self, claims: &Claims) -> Result<(), TokenError> {
        if claims.issuer() != self.issuer {
            return Err(TokenError::WrongIssuer);
        }
        if !claims.audiences().any(|audience| audience == self.audience) {
            return Err(TokenError::WrongAudience);
        }
        let now = (self.clock)();
        let latest = now + self.leeway;
        if now >= claims.expires_at() + self.leeway {
            return Err(TokenError::Expired);
        }
        if claims
            .not_before()
            .is_some_and(|not_before| not_before > latest)
        {
            return Err(TokenError::NotYetValid);
        }
        if claims
            .issued_at()
            .is_some_and(|issued_at| issued_at > latest)
        {
            return Err(TokenError::IssuedInTheFuture);
        }
        Ok(())
    }
}

/// The keys are named, not shown.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("leeway", &self.leeway)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Verifier`].
#[must_use = "nothing is built before `build`"]
pub struct VerifierBuilder {
    issuer: String,
    audience: String,
    leeway: Duration,
    keys: Vec<Key>,
    algorithms: Option<Vec<Algorithm>>,
    clock: Clock,
}

impl VerifierBuilder {
    /// Whose tokens are good: `iss` is this, to the letter. Required.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            ..self
        }
    }

    /// Whom they must be for: `aud` is this or contains it. Required.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        Self {
            audience: audience.into(),
            ..self
        }
    }

    /// By how much the issuer's clock may differ, for `exp`, `nbf` and `iat`;
    /// [`DEFAULT_LEEWAY`] unless told, [`MAX_LEEWAY`] at most.
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// Adds a key.
    pub fn key(self, key: Key) -> Self {
        self.keys([key])
    }

    /// Adds keys, such as those of a [`KeySet`](super::KeySet).
    pub fn keys(mut self, keys: impl IntoIterator<Item = Key>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Leaves out keys for other algorithms. Unless told, each key is used.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        Self {
            algorithms: Some(algorithms.into_iter().collect()),
            ..self
        }
    }

    /// Reads the time from elsewhere than the system's clock, as tests do.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Checks that everything is there and fits together.
    ///
    /// # Errors
    ///
    /// If issuer or audience is empty, the leeway too long, or the keys are none or
    /// cannot be told apart.
    pub fn build(self) -> Result<Verifier, VerifierError> {
        if self.issuer.is_empty() {
            return Err(VerifierError::NoIssuer);
        }
        if self.audience.is_empty() {
            return Err(VerifierError::NoAudience);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(VerifierError::LeewayTooLong);
        }
        let allowed = self.algorithms;
        let is_allowed = |key: &Key| {
            allowed
                .as_ref()
                .is_none_or(|list| list.contains(&key.algorithm()))
        };
        Ok(Verifier(Arc::new(Policy {
            keys: Keyring::new(self.keys.into_iter().filter(is_allowed))?,
            issuer: self.issuer,
            audience: self.audience,
            leeway: self.leeway,
            clock: self.clock,
        })))
    }
}
