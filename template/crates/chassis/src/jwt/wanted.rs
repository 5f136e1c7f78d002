use std::{sync::Arc, time::Duration};

use super::{
    Algorithm, Claims, Issuer, Keys, Rejection, TokenError, Verifier,
    source::{Answer, Renewal},
};

impl Verifier {
    /// As [`verify`](Self::verify), but waits for a key that may be about to come: that of
    /// a token whose `kid` is new, or the first ones of all. [`source`](super::source)
    /// tells when, and for how long.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidToken`] if anything about the token is wrong, and
    /// [`Rejection::KeysUnavailable`] if there are no keys to tell.
    pub async fn authenticate(&self, token: &str) -> Result<Claims, Rejection> {
        let token = token.as_bytes();
        let known = self.verify_known(token);
        let verdict = known.map_or_else(|| self.verify_new(token), Ok);
        match verdict {
            Ok(verdict) => verdict.map_err(Rejection::InvalidToken),
            Err(key) => self.verify_with(key, token).await,
        }
    }

    /// Verifies the token as soon as the key is there, and counts what has become of it.
    pub(super) async fn verify_with(
        &self,
        key: WantedKey,
        token: &[u8],
    ) -> Result<Claims, Rejection> {
        if let Err(rejection) = key.wait().await {
            self.count(&rejection);
            return Err(rejection);
        }
        self.verify_bytes(token).map_err(Rejection::InvalidToken)
    }
}

/// How many fetches a request waits for: one that had begun before the key was published,
/// and the next.
const MAX_WAITS: u32 = 2;

/// A key that is not there, and may be about to come.
pub(super) struct WantedKey {
    kid: Option<String>,
    alg: String,
    keys: Keys,
    renewal: Arc<Renewal>,
}

impl WantedKey {
    /// None if the issuer's keys are all there is, or such a key would not be used.
    pub(super) fn of(issuer: &Issuer, kid: Option<&str>, alg: &str) -> Option<Self> {
        let renewal = Arc::clone(issuer.keys.renewal()?);
        let algorithm = Algorithm::named(alg)?;
        issuer.allows(algorithm).then(|| Self {
            kid: kid.map(str::to_owned),
            alg: alg.to_owned(),
            keys: issuer.keys.clone(),
            renewal,
        })
    }

    /// Until it is there, or it is known that it does not come.
    async fn wait(self) -> Result<(), Rejection> {
        let mut attempts = self.renewal.attempts();
        // Only whoever has to wait needs one.
        let mut seat = None;
        let mut waits = 0;
        loop {
            let seen = *attempts.borrow_and_update();
            if self.is_there() {
                return Ok(());
            }
            match self.renewal.ask(seen) {
                Answer::LookAgain => {}
                Answer::Wait if waits < MAX_WAITS => {
                    waits += 1;
                    if seat.is_none() {
                        seat = Some(self.renewal.seat()?);
                    }
                    // If the task has been stopped, the next answer says so.
                    let _ = attempts.changed().await;
                }
                Answer::Wait | Answer::Refused => return Err(self.rejection()),
                Answer::Unavailable { retry_after } => {
                    return Err(Rejection::KeysUnavailable { retry_after });
                }
            }
        }
    }

    /// After all waiting: without any keys nobody can tell whether the token is good.
    fn rejection(&self) -> Rejection {
        match self.keys.current().is_empty() {
            true => Rejection::KeysUnavailable {
                retry_after: Duration::from_secs(1),
            },
            false => Rejection::InvalidToken(TokenError::UnknownKey),
        }
    }

    fn is_there(&self) -> bool {
        let found = self
            .keys
            .current()
            .find(self.kid.as_deref(), &self.alg)
            .map(drop);
        found != Err(TokenError::UnknownKey)
    }
}
