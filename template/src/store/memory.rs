mod answers;
mod work;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use opentelemetry::metrics::Meter;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use self::answers::Answers;
pub use self::work::Work;
use super::StoreError;
use crate::{
    config::{self, Environment, Faults},
    items::{Draft, Item, Owner},
    telemetry::{Telemetry, names::store as names},
};

/// The memory of the process: nothing outlives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many items it may hold, and as many kept answers; above it 507.
    pub capacity_items: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            capacity_items: 10_000,
        }
    }
}

impl Config {
    /// None.
    pub fn files_to_read(&self, _: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }

    /// None.
    pub fn file_to_write(&self) -> Option<PathBuf> {
        None
    }

    pub(crate) fn validate(&self, faults: &mut Faults) {
        if self.capacity_items == 0 {
            faults.add("store.capacity_items", 0, "must be 1 or more");
        }
    }
}

/// Items by owner and id.
#[derive(Clone, Debug)]
pub struct Store {
    items: Arc<Mutex<BTreeMap<(Owner, Uuid), Item>>>,
    answers: Answers,
    capacity_items: usize,
}

impl Store {
    /// Whether what it holds outlives the process.
    pub const IS_KEPT: bool = false;

    /// An empty store.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn open(config: &Config) -> Result<Self, StoreError> {
        Self::connect(config).await
    }

    /// An empty store.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn connect(config: &Config) -> Result<Self, StoreError> {
        Ok(Self {
            items: Arc::default(),
            answers: Answers::new(config.capacity_items),
            capacity_items: config.capacity_items,
        })
    }

    /// Nothing: memory has no schema.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Begins to tell how full it is.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub fn start(&self, _: &config::Config, telemetry: &Telemetry) -> Result<(), StoreError> {
        self.observe(&telemetry.meter());
        Ok(())
    }

    fn observe(&self, meter: &Meter) {
        let store = self.clone();
        meter
            .u64_observable_gauge(names::ITEMS)
            .with_description("Items in memory.")
            .with_unit("{item}")
            .with_callback(move |observer| observer.observe(store.lock().len() as u64, &[]))
            .build();
        let max = self.capacity_items as u64;
        meter
            .u64_observable_gauge(names::ITEMS_MAX)
            .with_description("The most items that memory may hold.")
            .with_unit("{item}")
            .with_callback(move |observer| observer.observe(max, &[]))
            .build();
    }

    /// Memory always answers.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Nothing is open.
    pub async fn close(&self) {}

    /// Begins a work. Each of its steps happens at once: memory undoes nothing.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn begin(&self) -> Result<Work, StoreError> {
        Ok(Work::new(self.clone()))
    }

    /// Forgets kept answers that have expired by now, and says how many those were.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn forget_answers(&self, now: OffsetDateTime, most: u32) -> Result<u64, StoreError> {
        Ok(self.answers.forget(now, most))
    }

    /// One item of this owner.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn item(&self, owner: &Owner, id: Uuid) -> Result<Option<Item>, StoreError> {
        Ok(self.lock().get(&(owner.clone(), id)).cloned())
    }

    /// Items of this owner, the oldest first, from behind `after` on.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn list_items(
        &self,
        owner: &Owner,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Item>, StoreError> {
        let start = after.unwrap_or(Uuid::nil());
        let items = self.lock();
        let own = items
            .range((owner.clone(), start)..=(owner.clone(), Uuid::max()))
            .map(|(_, item)| item);
        let behind = own.filter(|item| item.id > start);
        Ok(behind.take(limit as usize).cloned().collect())
    }

    /// Changes an item if it still has this version; `None` if it has not.
    ///
    /// # Errors
    ///
    /// [`StoreError::NameTaken`] if its owner has another of the new name.
    pub async fn update_item(
        &self,
        owner: &Owner,
        id: Uuid,
        version: i64,
        draft: &Draft,
    ) -> Result<Option<Item>, StoreError> {
        let mut items = self.lock();
        free_name(&items, owner, id, draft.name())?;
        let item = items.get_mut(&(owner.clone(), id));
        let Some(item) = item.filter(|item| item.version == version) else {
            return Ok(None);
        };
        item.name = draft.name().to_owned();
        item.description = draft.description().map(str::to_owned);
        item.quantity = draft.quantity();
        item.version += 1;
        item.updated_at = OffsetDateTime::now_utc();
        Ok(Some(item.clone()))
    }

    /// Deletes an item, if it still has this version where one is given.
    ///
    /// # Errors
    ///
    /// None; a database has some.
    pub async fn delete_item(
        &self,
        owner: &Owner,
        id: Uuid,
        version: Option<i64>,
    ) -> Result<bool, StoreError> {
        let mut items = self.lock();
        let key = (owner.clone(), id);
        let fits = |item: &Item| version.is_none_or(|version| version == item.version);
        let found = items.get(&key).is_some_and(fits);
        Ok(found && items.remove(&key).is_some())
    }

    /// A panic leaves no item half changed, so its lock is still good.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Owner, Uuid), Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn free_name(
    items: &BTreeMap<(Owner, Uuid), Item>,
    owner: &Owner,
    id: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    let mut own = items.range((owner.clone(), Uuid::nil())..=(owner.clone(), Uuid::max()));
    if own.any(|(_, item)| item.name == name && item.id != id) {
        return Err(StoreError::NameTaken);
    }
    Ok(())
}
