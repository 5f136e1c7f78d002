use std::{
    collections::HashSet,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Claims, Issuer, TokenError, VerifierError, token::Token, wanted::WantedKey};

/// How much earlier or later another clock may run, unless
/// [`VerifierBuilder::leeway`] says otherwise.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

/// The longest leeway: "no more than a few minutes" (RFC 7519 section 4.1.4).
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// Decides which tokens are good: from an issuer that is trusted, signed with one of its
/// keys, for us, at this time. Cheap to clone.
///
/// ```
/// use axum_chassis::jwt::{HmacAlgorithm, Issuer, Key, TokenError, Verifier};
///
/// let key = Key::hmac(HmacAlgorithm::Hs256, b"32 random bytes, from your vault")?;
/// let issuer = Issuer::new("https://issuer.example", "https://api.example", key);
/// let verifier = Verifier::builder().issuer(issuer).build()?;
///
/// assert_eq!(verifier.verify("no.token").unwrap_err(), TokenError::NotThreeParts);
/// # Ok::<_, axum_chassis::jwt::VerifierError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verifier(Arc<Policy>);

struct Policy {
    /// By name. There are few, so a list is searched as fast as a map.
    issuers: Vec<Issuer>,
    leeway: Duration,
    clock: Clock,
}

type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

impl Verifier {
    /// What is to be told: one issuer at least.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder {
            issuers: Vec::new(),
            leeway: DEFAULT_LEEWAY,
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
        let claims = Claims::try_from(token.claims()?)?;
        let issuer = self.0.issuer(&claims)?;
        let keys = issuer.keys.current();
        let key = keys.find(token.header.kid.as_deref(), &token.header.alg)?;
        if !issuer.allows(key.algorithm()) {
            return Err(TokenError::UnknownKey);
        }
        if !key.verifies(token.signed(), &token.signature()?) {
            return Err(TokenError::WrongSignature);
        }
        if !issuer.is_for(claims.audiences()) {
            return Err(TokenError::WrongAudience);
        }
        self.0.check_times(&claims)?;
        Ok(claims)
    }

    /// The key that such a token is signed with, where keys may still come.
    pub(super) fn wanted_key(&self, token: &str) -> Option<WantedKey> {
        let token = Token::parse(token).ok()?;
        let claims = Claims::try_from(token.claims().ok()?).ok()?;
        let issuer = self.0.issuer(&claims).ok()?;
        WantedKey::of(issuer, token.header.kid.as_deref(), &token.header.alg)
    }
}

impl Policy {
    /// Whose keys to try. The token only says so: nothing is believed before the
    /// signature is checked with a key of that issuer (RFC 8725 section 3.8).
    fn issuer(&self, claims: &Claims) -> Result<&Issuer, TokenError> {
        let mut issuers = self.issuers.iter();
        let named = issuers.find(|issuer| issuer.name == claims.issuer());
        named.ok_or(TokenError::WrongIssuer)
    }

    fn check_times(&self, claims: &Claims) -> Result<(), TokenError> {
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
            .field("issuers", &self.issuers)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Verifier`].
#[must_use = "nothing is built before `build`"]
pub struct VerifierBuilder {
    issuers: Vec<Issuer>,
    leeway: Duration,
    clock: Clock,
}

impl VerifierBuilder {
    /// Trusts this issuer, too. One is required.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// By how much an issuer's clock may differ, for `exp`, `nbf` and `iat`;
    /// [`DEFAULT_LEEWAY`] unless told, [`MAX_LEEWAY`] at most.
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
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
    /// If there is no issuer, two have the same name, one has no name, no audience or no
    /// key that may be used, or the leeway is too long.
    pub fn build(self) -> Result<Verifier, VerifierError> {
        if self.issuers.is_empty() {
            return Err(VerifierError::NoIssuer);
        }
        let mut names = HashSet::new();
        for issuer in &self.issuers {
            issuer.check()?;
            if !names.insert(&issuer.name) {
                return Err(VerifierError::DuplicateIssuer(issuer.name.clone()));
            }
        }
        if self.leeway > MAX_LEEWAY {
            return Err(VerifierError::LeewayTooLong);
        }
        Ok(Verifier(Arc::new(Policy {
            issuers: self.issuers,
            leeway: self.leeway,
            clock: self.clock,
        })))
    }
}
