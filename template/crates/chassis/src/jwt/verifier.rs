use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    Claims, Issuer, Rejection, TokenError, VerifierBuilder, cache::VerifiedTokens, claims::Origin,
    claims_set::ClaimsSet, headers::KnownHeaders, instruments::Instruments, token::Token,
    wanted::WantedKey,
};

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

pub(super) struct Policy {
    /// There are few, so a list is searched as fast as a map.
    pub(super) issuers: Vec<Issuer>,
    pub(super) leeway: Duration,
    pub(super) clock: Clock,
    pub(super) revoked: Option<Revoked>,
    pub(super) cache: Option<Arc<VerifiedTokens>>,
    pub(super) headers: KnownHeaders,
    pub(super) instruments: Option<Instruments>,
}

pub(super) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

pub(super) type Revoked = Arc<dyn Fn(&Claims) -> bool + Send + Sync>;

impl Verifier {
    /// What is to be told: one issuer at least.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    pub(super) fn new(policy: Policy) -> Self {
        Self(Arc::new(policy))
    }

    /// Checks a token (without `Bearer`), and tells what it says.
    ///
    /// # Errors
    ///
    /// If anything about it is wrong; the first thing that is. It is not for the client
    /// to know.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.verify_bytes(token.as_bytes())
    }

    /// As [`verify`](Self::verify), of what may be no text.
    pub(super) fn verify_bytes(&self, token: &[u8]) -> Result<Claims, TokenError> {
        let known = self.verify_known(token);
        known.unwrap_or_else(|| self.0.counted(false, self.0.check(token)))
    }

    /// The verdict on what was a good token before, and so is one by its syntax, too. None
    /// if it is not remembered.
    pub(super) fn verify_known(&self, token: &[u8]) -> Option<Result<Claims, TokenError>> {
        let policy = &*self.0;
        let claims = policy.cache.as_ref()?.find(token, &policy.issuers)?;
        let verdict = policy.check_now(&claims).map(|()| claims);
        Some(policy.counted(true, verdict))
    }

    /// The verdict on a token that is not remembered; or the key that it depends on, and
    /// that may be about to come: it is counted when that is known.
    pub(super) fn verify_new(&self, token: &[u8]) -> Result<Result<Claims, TokenError>, WantedKey> {
        let verdict = self.0.check(token);
        let wanted = match &verdict {
            Err(TokenError::UnknownKey) => self.wanted_key(token),
            _ => None,
        };
        match wanted {
            Some(key) => Err(key),
            None => Ok(self.0.counted(false, verdict)),
        }
    }

    /// The key that a token is signed with, where keys may still come.
    fn wanted_key(&self, token: &[u8]) -> Option<WantedKey> {
        let token = Token::split(token).ok()?;
        let header = token.header().ok()?;
        let claims = ClaimsSet::read(token.claims().ok()?).ok()?;
        let (_, issuer) = self.0.issuer(claims.issuer()).ok()?;
        WantedKey::of(issuer, header.kid.as_deref(), &header.alg)
    }

    /// Counts a request that shows no token to verify, or one that there is no key for.
    pub(super) fn count(&self, rejection: &Rejection) {
        if let Some(instruments) = &self.0.instruments {
            instruments.refused(rejection.kind());
        }
    }
}

impl Policy {
    fn counted(
        &self,
        is_cached: bool,
        verdict: Result<Claims, TokenError>,
    ) -> Result<Claims, TokenError> {
        if let Some(instruments) = &self.instruments {
            instruments.verified(is_cached, verdict.as_ref().err());
        }
        verdict
    }

    /// Checks all of it, and remembers it if it is good.
    fn check(&self, token: &[u8]) -> Result<Claims, TokenError> {
        let claims = self.check_signature(&Token::split(token)?)?;
        self.check_now(&claims)?;
        if let Some(cache) = &self.cache {
            cache.insert(token, claims.clone());
        }
        Ok(claims)
    }

    /// Checks what does not change, as long as the keys do not.
    fn check_signature(&self, token: &Token<'_>) -> Result<Claims, TokenError> {
        let known = self.headers.find(token.header);
        let header = match &known {
            Some(header) => Arc::clone(header),
            None => Arc::new(token.header()?),
        };
        let mut claims = ClaimsSet::read(token.claims()?)?;
        let (place, issuer) = self.issuer(claims.issuer())?;
        if issuer.access_tokens_only && !header.is_access_token {
            return Err(TokenError::WrongType);
        }
        let keys = issuer.keys.current();
        let key = keys.find(header.kid.as_deref(), &header.alg)?;
        if !issuer.allows(key.algorithm()) {
            return Err(TokenError::UnknownKey);
        }
        if !key.verifies(token.signed, &token.signature()?) {
            return Err(TokenError::WrongSignature);
        }
        if known.is_none() {
            self.headers.insert(token.header, header);
        }
        if !claims.audiences().any(|audience| issuer.is_for(audience)) {
            return Err(TokenError::WrongAudience);
        }
        claims.roles = issuer.roles.read(&claims.json)?;
        let origin = Origin {
            issuer: place,
            keys: Arc::clone(&keys),
        };
        Ok(Claims::verified(claims, origin))
    }

    /// Whose keys to try, and its place. The token only says so: nothing is believed
    /// before the signature is checked with a key of that issuer (RFC 8725 section 3.8).
    fn issuer(&self, name: &str) -> Result<(usize, &Issuer), TokenError> {
        let mut issuers = self.issuers.iter().enumerate();
        let named = issuers.find(|(_, issuer)| issuer.name == name);
        named.ok_or(TokenError::WrongIssuer)
    }

    /// Checks what may change at any time.
    fn check_now(&self, claims: &Claims) -> Result<(), TokenError> {
        self.check_times(claims)?;
        match self.revoked.as_ref().is_some_and(|revoked| revoked(claims)) {
            true => Err(TokenError::Revoked),
            false => Ok(()),
        }
    }

    fn check_times(&self, claims: &Claims) -> Result<(), TokenError> {
        let now = (self.clock)();
        if now >= claims.expires_at() + self.leeway {
            return Err(TokenError::Expired);
        }
        // Only now: what is before `exp` is not at the end of time, where `+` would panic.
        let latest = now + self.leeway;
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
