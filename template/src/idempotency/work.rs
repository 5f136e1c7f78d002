use std::ops::{Deref, DerefMut};

use axum::response::Response;
use time::OffsetDateTime;

use super::{Answer, Claim, Fingerprint, Idempotency, IdempotencyError, Key};
use crate::{
    error::AppError,
    store::{self, Store},
};

/// What is to be done once, if the client has sent a key.
#[derive(Debug)]
pub struct Once {
    idempotency: Idempotency,
    asked: Option<(Key, Fingerprint)>,
}

/// A work of the [store](store::Work) that ends with an answer. Dropped without
/// one, it has not been.
#[must_use = "nothing is done before it is committed"]
pub struct Work {
    store: store::Work,
    once: Once,
}

impl Once {
    pub(super) fn new(idempotency: Idempotency, asked: Option<(Key, Fingerprint)>) -> Self {
        Self { idempotency, asked }
    }

    /// Begins the work, unless it has been done.
    ///
    /// # Errors
    ///
    /// [`AppError::Answered`] with the answer of the first request, if it has one: by
    /// `?` it becomes the answer of this one. [`AppError::Idempotency`] if the first is
    /// in work, or was another.
    pub async fn begin(self, store: &Store) -> Result<Work, AppError> {
        let mut work = store.begin().await?;
        if let Some((key, fingerprint)) = &self.asked {
            let claimed = self.claim(&mut work, key, fingerprint).await;
            if let Err(error) = claimed {
                // Dropped, it would hold the key until the pool looks after it. A
                // database that has just failed is not waited for again.
                if !matches!(error, AppError::Store(_)) {
                    work.abandon().await;
                }
                return Err(error);
            }
        }
        Ok(Work {
            store: work,
            once: self,
        })
    }

    async fn claim(
        &self,
        work: &mut store::Work,
        key: &Key,
        fingerprint: &Fingerprint,
    ) -> Result<(), AppError> {
        match work.claim(key, OffsetDateTime::now_utc()).await? {
            Claim::Granted => Ok(()),
            Claim::Taken => {
                self.idempotency.count("conflict");
                Err(IdempotencyError::InWork.into())
            }
            Claim::Answered(answer) if answer.fingerprint != *fingerprint => {
                self.idempotency.count("mismatch");
                Err(IdempotencyError::Reused.into())
            }
            Claim::Answered(answer) => {
                self.idempotency.count("replayed");
                Err(AppError::Answered(Box::new(answer)))
            }
        }
    }
}

impl Work {
    /// Ends the work: all of it and its answer are there from now on.
    ///
    /// # Errors
    ///
    /// If the answer is too large to be kept, or the store fails. Then none of it is
    /// there, unless the connection to the database broke at the last word; a client
    /// with a key finds out by sending its request again.
    pub async fn commit(mut self, response: Response) -> Result<Response, AppError> {
        let Some((key, fingerprint)) = self.once.asked else {
            self.store.commit().await?;
            return Ok(response);
        };
        let (answer, response) = Answer::read(fingerprint, response).await?;
        let expires_at = OffsetDateTime::now_utc() + self.once.idempotency.retention;
        self.store.keep(&key, answer, expires_at).await?;
        self.store.commit().await?;
        self.once.idempotency.count("done");
        Ok(response)
    }
}

impl Deref for Work {
    type Target = store::Work;

    fn deref(&self) -> &store::Work {
        &self.store
    }
}

impl DerefMut for Work {
    fn deref_mut(&mut self) -> &mut store::Work {
        &mut self.store
    }
}
