use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;

use crate::{
    idempotency::{Answer, Claim, Key},
    store::StoreError,
};

/// Kept answers, and the keys that are in work.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    book: Arc<Mutex<Book>>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Book {
    in_work: BTreeSet<Key>,
    answers: BTreeMap<Key, (OffsetDateTime, Answer)>,
}

/// A key that is in work until this is dropped.
pub(super) struct Claimed {
    key: Key,
    answers: Answers,
}

impl Answers {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            book: Arc::default(),
            capacity,
        }
    }

    pub(super) fn claim(
        &self,
        key: Key,
        now: OffsetDateTime,
    ) -> Result<(Claim, Option<Claimed>), StoreError> {
        let mut book = self.lock();
        if book.in_work.contains(&key) {
            return Ok((Claim::Taken, None));
        }
        let kept = book.answers.get(&key);
        if let Some((_, answer)) = kept.filter(|(expires_at, _)| *expires_at > now) {
            return Ok((Claim::Answered(answer.clone()), None));
        }
        if book.answers.len() + book.in_work.len() >= self.capacity {
            return Err(StoreError::Full {
                capacity_items: self.capacity,
            });
        }
        book.in_work.insert(key);
        let answers = self.clone();
        Ok((Claim::Granted, Some(Claimed { key, answers })))
    }

    pub(super) fn keep(&self, key: Key, answer: Answer, expires_at: OffsetDateTime) {
        self.lock().answers.insert(key, (expires_at, answer));
    }

    pub(super) fn forget(&self, now: OffsetDateTime, most: u32) -> u64 {
        let mut book = self.lock();
        let expired = book.answers.iter();
        let expired = expired.filter(|(_, (expires_at, _))| *expires_at <= now);
        let keys: Vec<_> = expired.map(|(key, _)| *key).take(most as usize).collect();
        for key in &keys {
            book.answers.remove(key);
        }
        keys.len() as u64
    }

    /// A panic leaves nothing half written, so the lock is still good.
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.answers.lock().in_work.remove(&self.key);
    }
}
