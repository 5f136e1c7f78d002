//! What the business counts: an example to copy from, and to delete.
//!
//! Name an instrument in [`crate::telemetry`]'s names, make it here, and record
//! where it happens. Each set of attributes is a series of its own: give them few
//! values, and never one that a client chooses.

use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::{items::Item, telemetry::names};

/// The bounds of a histogram of pieces.
const QUANTITY_BOUNDS: [f64; 8] = [0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// The instruments; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    items_created: Counter<u64>,
    item_quantity: Histogram<u64>,
}

impl Metrics {
    /// Makes the instruments, once.
    pub fn new(meter: &Meter) -> Self {
        Self {
            items_created: meter
                .u64_counter(names::items::CREATED)
                .with_description("Items that were made.")
                .with_unit("{item}")
                .build(),
            item_quantity: meter
                .u64_histogram(names::items::QUANTITY)
                .with_description("Pieces of an item when it was made.")
                .with_unit("{piece}")
                .with_boundaries(QUANTITY_BOUNDS.to_vec())
                .build(),
        }
    }

    /// An item was made.
    pub fn item_created(&self, item: &Item) {
        self.items_created.add(1, &[]);
        self.item_quantity.record(item.quantity.into(), &[]);
    }
}
