use std::error::Error;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The owner has an item of this name already.
    #[error("the name is taken")]
    NameTaken,
    /// There is no room for more.
    #[error("the store holds {capacity_items} items, as many as store.capacity_items allows")]
    Full {
        /// The bound that was met.
        capacity_items: usize,
    },
    /// It cannot be reached, or does not answer in time: later it may.
    #[error("the store cannot be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It answered, but not as it should.
    #[error("the store failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}
