use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;
use sqlx::{FromRow, Transaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Patience, Row,
    outbox::{self, Outbox},
};
use crate::{
    idempotency::{Answer, Claim, Fingerprint, Key},
    items::{Draft, Item, Owner},
    store::{
        StoreError,
        backend::{self, Database},
    },
};

/// What happens whole or not at all: a transaction. Dropped, it has not been.
#[must_use = "nothing is done before it is committed"]
pub struct Work {
    transaction: Transaction<'static, Database>,
    /// Where others are told of it, if anybody is.
    outbox: Option<Outbox>,
    patience: Patience,
}

/// What others are told of an item.
#[derive(Serialize)]
struct ItemData<'a> {
    owner: &'a str,
    item: &'a Item,
}

impl Work {
    pub(super) fn new(
        transaction: Transaction<'static, Database>,
        outbox: Option<Outbox>,
        patience: Patience,
    ) -> Self {
        Self {
            transaction,
            outbox,
            patience,
        }
    }

    /// Makes all of it true.
    ///
    /// # Errors
    ///
    /// If the database fails. If the connection breaks, nobody knows whether it was
    /// before or after.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.patience.wait(self.transaction.commit()).await?;
        if let Some(outbox) = &self.outbox {
            outbox.wake();
        }
        Ok(())
    }

    /// Undoes all of it, now. Should the connection break, the database does so itself.
    pub async fn abandon(self) {
        let _ = self.patience.wait(self.transaction.rollback()).await;
    }

    /// Makes an item.
    ///
    /// # Errors
    ///
    /// [`StoreError::NameTaken`] if its owner has one of this name.
    pub async fn create_item(&mut self, owner: &Owner, draft: &Draft) -> Result<Item, StoreError> {
        let asked = sqlx::query_as(
            "INSERT INTO items (id, owner, name, description, quantity, version, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, 1, $6, $6)
             RETURNING id, name, description, quantity, version, created_at, updated_at",
        )
        .bind(Uuid::now_v7())
        .bind(owner.as_str())
        .bind(draft.name())
        .bind(draft.description())
        .bind(i64::from(draft.quantity()))
        .bind(OffsetDateTime::now_utc())
        .fetch_one(&mut *self.transaction);
        let row: Row = self.patience.wait(asked).await?;
        let item = Item::try_from(row)?;
        self.tell("item.created", owner, &item).await?;
        Ok(item)
    }

    /// Changes an item if it still has this version; `None` if it has not.
    ///
    /// # Errors
    ///
    /// [`StoreError::NameTaken`] if its owner has another of the new name.
    pub async fn update_item(
        &mut self,
        owner: &Owner,
        id: Uuid,
        version: i64,
        draft: &Draft,
    ) -> Result<Option<Item>, StoreError> {
        let asked = sqlx::query_as(
            "UPDATE items
             SET name = $4, description = $5, quantity = $6, version = version + 1, updated_at = $7
             WHERE id = $1 AND owner = $2 AND version = $3
             RETURNING id, name, description, quantity, version, created_at, updated_at",
        )
        .bind(id)
        .bind(owner.as_str())
        .bind(version)
        .bind(draft.name())
        .bind(draft.description())
        .bind(i64::from(draft.quantity()))
        .bind(OffsetDateTime::now_utc())
        .fetch_optional(&mut *self.transaction);
        let row: Option<Row> = self.patience.wait(asked).await?;
        let Some(row) = row else { return Ok(None) };
        let item = Item::try_from(row)?;
        self.tell("item.updated", owner, &item).await?;
        Ok(Some(item))
    }

    /// Deletes an item, if it still has this version where one is given.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn delete_item(
        &mut self,
        owner: &Owner,
        id: Uuid,
        version: Option<i64>,
    ) -> Result<bool, StoreError> {
        let asked = sqlx::query_as(
            "DELETE FROM items WHERE id = $1 AND owner = $2 AND version = COALESCE($3, version)
             RETURNING id, name, description, quantity, version, created_at, updated_at",
        )
        .bind(id)
        .bind(owner.as_str())
        .bind(version)
        .fetch_optional(&mut *self.transaction);
        let row: Option<Row> = self.patience.wait(asked).await?;
        let Some(row) = row else { return Ok(false) };
        self.tell("item.deleted", owner, &Item::try_from(row)?)
            .await?;
        Ok(true)
    }

    async fn tell(
        &mut self,
        kind: &'static str,
        owner: &Owner,
        item: &Item,
    ) -> Result<(), StoreError> {
        let owner = owner.as_str();
        let data = ItemData { owner, item };
        self.record(kind, &item.id.to_string(), data).await
    }

    /// Tells others of something, once this work is committed: what it is called, and of
    /// what it is. What is told of one subject is told in this order, if whoever writes
    /// it holds its row.
    ///
    /// # Errors
    ///
    /// Only if the database fails, or the event has more than 64 KiB.
    pub async fn record<T: Serialize>(
        &mut self,
        kind: &'static str,
        subject: &str,
        data: T,
    ) -> Result<(), StoreError> {
        if self.outbox.is_none() {
            return Ok(());
        }
        let recorded = outbox::record(&mut self.transaction, kind, subject, data);
        self.patience.wait(recorded).await
    }

    /// Claims a key until the end of this work, as far as nobody else has.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn claim(&mut self, key: &Key, now: OffsetDateTime) -> Result<Claim, StoreError> {
        let locked = backend::try_lock(&mut self.transaction, key.lock_id());
        if !self.patience.wait(locked).await? {
            return Ok(Claim::Taken);
        }
        // Only now: a statement sees what was committed before it began.
        let asked = sqlx::query_as(
            "SELECT fingerprint, status, headers, body
             FROM idempotency_keys WHERE id = $1 AND expires_at > $2",
        )
        .bind(key.as_bytes())
        .bind(now)
        .fetch_optional(&mut *self.transaction);
        let row: Option<KeptRow> = self.patience.wait(asked).await?;
        let answer = row.map(Answer::try_from).transpose()?;
        Ok(answer.map_or(Claim::Granted, Claim::Answered))
    }

    /// Keeps the answer to a request whose key was claimed.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn keep(
        &mut self,
        key: &Key,
        answer: Answer,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let headers = serde_json::to_string(&answer.headers);
        let headers = headers.map_err(|error| StoreError::Failed(error.into()))?;
        // What is there already has expired.
        let asked = sqlx::query(
            "INSERT INTO idempotency_keys (id, fingerprint, status, headers, body, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET fingerprint = $2, status = $3, headers = $4,
             body = $5, expires_at = $6",
        )
        .bind(key.as_bytes())
        .bind(answer.fingerprint.as_bytes())
        .bind(answer.status.as_u16().cast_signed())
        .bind(headers)
        .bind(answer.body)
        .bind(expires_at)
        .execute(&mut *self.transaction);
        self.patience.wait(asked).await?;
        Ok(())
    }
}

#[derive(FromRow)]
struct KeptRow {
    fingerprint: Vec<u8>,
    status: i16,
    headers: String,
    body: Vec<u8>,
}

impl TryFrom<KeptRow> for Answer {
    type Error = StoreError;

    fn try_from(row: KeptRow) -> Result<Self, StoreError> {
        let fingerprint = Fingerprint::try_from(row.fingerprint);
        let status = StatusCode::from_u16(row.status.cast_unsigned());
        let headers: Result<BTreeMap<_, _>, _> = serde_json::from_str(&row.headers);
        Ok(Self {
            fingerprint: fingerprint.map_err(|error| StoreError::Failed(error.into()))?,
            status: status.map_err(|error| StoreError::Failed(error.into()))?,
            headers: headers.map_err(|error| StoreError::Failed(error.into()))?,
            body: row.body,
        })
    }
}
