//! What the series of each kind keeps of its measurements.

use std::{
    iter,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    exemplar::ExemplarSlot,
    page::{Page, Sample},
    sharded::Sharded,
};

/// The state of one series. It is only ever added to by atomics.
pub(super) trait Cell: Send + Sync + 'static {
    /// What all cells of a family share.
    type Shape: Clone + PartialEq + Send + Sync + 'static;

    fn new(shape: &Self::Shape) -> Self;

    fn write(&self, sample: &Sample<'_>, page: &mut Page);
}

/// A cell that takes measurements of a type.
pub(super) trait Record<T>: Cell {
    fn record(&self, value: T);
}

/// A sum of integers and of floats. Each is exact for itself, so that a counter
/// may be created with both.
#[derive(Default)]
pub(super) struct Sum {
    /// Wraps around: may be read as signed.
    whole: AtomicU64,
    /// The bits of an `f64`.
    real: AtomicU64,
}

impl Sum {
    pub(super) fn add_whole(&self, value: u64) {
        self.whole.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn add_real(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // `add` never declines.
        let _ = self
            .real
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn read(&self) -> Total {
        Total {
            whole: self.whole.load(Ordering::Relaxed),
            real: f64::from_bits(self.real.load(Ordering::Relaxed)),
        }
    }
}

/// What sums came to.
pub(super) struct Total {
    whole: u64,
    real: f64,
}

impl<'a> iter::Sum<&'a Sum> for Total {
    fn sum<I: Iterator<Item = &'a Sum>>(sums: I) -> Self {
        let nothing = Self {
            whole: 0,
            real: 0.0,
        };
        sums.map(Sum::read).fold(nothing, |total, part| Self {
            whole: total.whole.wrapping_add(part.whole),
            real: total.real + part.real,
        })
    }
}

impl Total {
    pub(super) fn write_unsigned(&self, page: &mut Page) {
        if self.real == 0.0 {
            page.unsigned(self.whole);
        } else {
            page.number(self.whole as f64 + self.real);
        }
    }

    fn write_signed(&self, page: &mut Page) {
        let whole = self.whole as i64;
        if self.real == 0.0 {
            page.signed(whole);
        } else {
            page.number(whole as f64 + self.real);
        }
    }
}

/// Only ever goes up.
#[derive(Default)]
pub(super) struct CounterCell {
    sum: Sum,
    exemplar: ExemplarSlot,
}

impl Cell for CounterCell {
    type Shape = ();

    fn new(_: &()) -> Self {
        Self::default()
    }

    fn write(&self, sample: &Sample<'_>, page: &mut Page) {
        page.start(sample, "_total");
        self.sum.read().write_unsigned(page);
        page.end_with(&self.exemplar);
        page.created(sample);
    }
}

impl Record<u64> for CounterCell {
    fn record(&self, value: u64) {
        self.sum.add_whole(value);
        self.exemplar.offer(value as f64);
    }
}

impl Record<f64> for CounterCell {
    fn record(&self, value: f64) {
        if value.is_finite() && value >= 0.0 {
            self.sum.add_real(value);
            self.exemplar.offer(value);
        }
    }
}

/// Goes up and down; in parts, for requests in flight are counted by all threads.
pub(super) struct UpDownCell(Sharded<Sum>);

impl Cell for UpDownCell {
    type Shape = ();

    fn new(_: &()) -> Self {
        Self(Sharded::new(Sum::default))
    }

    fn write(&self, sample: &Sample<'_>, page: &mut Page) {
        page.start(sample, "");
        self.0.parts().sum::<Total>().write_signed(page);
        page.end();
    }
}

impl Record<i64> for UpDownCell {
    fn record(&self, value: i64) {
        self.0.own().add_whole(value as u64);
    }
}

impl Record<f64> for UpDownCell {
    fn record(&self, value: f64) {
        if value.is_finite() {
            self.0.own().add_real(value);
        }
    }
}

/// The last value: the bits of an `f64`, which is all that Prometheus keeps.
#[derive(Default)]
pub(super) struct GaugeCell(AtomicU64);

impl Cell for GaugeCell {
    type Shape = ();

    fn new(_: &()) -> Self {
        Self::default()
    }

    fn write(&self, sample: &Sample<'_>, page: &mut Page) {
        page.start(sample, "");
        page.number(f64::from_bits(self.0.load(Ordering::Relaxed)));
        page.end();
    }
}

impl Record<f64> for GaugeCell {
    fn record(&self, value: f64) {
        if value.is_finite() {
            self.0.store(value.to_bits(), Ordering::Relaxed);
        }
    }
}

impl Record<i64> for GaugeCell {
    fn record(&self, value: i64) {
        self.record(value as f64);
    }
}

impl Record<u64> for GaugeCell {
    fn record(&self, value: u64) {
        self.record(value as f64);
    }
}
