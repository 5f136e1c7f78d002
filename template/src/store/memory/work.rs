use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, answers::Claimed, free_name};
use crate::{
    idempotency::{Answer, Claim, Key},
    items::{Draft, Item, Owner},
    store::StoreError,
};

/// What shall happen whole. In memory each step happens at once, and with the
/// process all is gone.
#[must_use = "nothing is kept before it is committed"]
pub struct Work {
    store: Store,
    claimed: Option<Claimed>,
}

impl Work {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            claimed: None,
        }
    }

    /// Lets go of the key that was claimed.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Lets go of the key that was claimed.
    pub async fn abandon(self) {}

    /// Makes an item.
    ///
    /// # Errors
    ///
    /// [`StoreError::NameTaken`] if its owner has one of this name,
    /// [`StoreError::Full`] if there is no room.
    pub async fn create_item(&mut self, owner: &Owner, draft: &Draft) -> Result<Item, StoreError> {
        let mut items = self.store.lock();
        if items.len() >= self.store.capacity_items {
            return Err(StoreError::Full {
                capacity_items: self.store.capacity_items,
            });
        }
        let id = Uuid::now_v7();
        free_name(&items, owner, id, draft.name())?;
        let now = OffsetDateTime::now_utc();
        let item = Item {
            id,
            name: draft.name().to_owned(),
            description: draft.description().map(str::to_owned),
            quantity: draft.quantity(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        items.insert((owner.clone(), id), item.clone());
        Ok(item)
    }

    /// Claims a key until the end of this work, as far as nobody else has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if there is no room for one more answer.
    pub async fn claim(&mut self, key: &Key, now: OffsetDateTime) -> Result<Claim, StoreError> {
        let (claim, claimed) = self.store.answers.claim(*key, now)?;
        self.claimed = claimed;
        Ok(claim)
    }

    /// Keeps the answer to a request whose key was claimed.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn keep(
        &mut self,
        key: &Key,
        answer: Answer,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.store.answers.keep(*key, answer, expires_at);
        Ok(())
    }
}
