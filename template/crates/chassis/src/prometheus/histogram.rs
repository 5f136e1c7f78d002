use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::{
    Format,
    cell::{Cell, Record, Sum, Total},
    exemplar::ExemplarSlot,
    page::{Page, Sample},
    sharded::Sharded,
};

/// What OpenTelemetry's SDK takes if a histogram names no boundaries.
const DEFAULT_BOUNDARIES: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0,
    7_500.0, 10_000.0,
];

/// The upper ends of the buckets but the last, which has none.
#[derive(Clone)]
pub(super) struct Boundaries(Arc<[Boundary]>);

struct Boundary {
    end: f64,
    /// The label `le`: `1` in the text format, `1.0` in OpenMetrics, as its
    /// section "Considerations: Canonical Numbers" asks.
    text: String,
    canonical: String,
}

impl Boundaries {
    /// `None` unless they are finite and each is greater than the one before.
    pub(super) fn new(ends: Option<&[f64]>) -> Option<Self> {
        let ends = ends.unwrap_or(&DEFAULT_BOUNDARIES);
        let rise = ends.windows(2).all(|pair| pair[0] < pair[1]);
        let valid = rise && ends.iter().all(|end| end.is_finite());
        let boundaries = ends.iter().map(|&end| Boundary {
            end,
            text: end.to_string(),
            canonical: format!("{end:?}"),
        });
        valid.then(|| Self(boundaries.collect()))
    }

    fn bucket(&self, value: f64) -> usize {
        self.0.partition_point(|boundary| boundary.end < value)
    }
}

impl PartialEq for Boundaries {
    fn eq(&self, other: &Self) -> bool {
        let ends = |boundaries: &Self| boundaries.0.iter().map(|b| b.end).collect::<Vec<_>>();
        ends(self) == ends(other)
    }
}

/// How often what was measured; and the sum of it.
///
/// There is no count beside the buckets: it is their sum, and so never disagrees.
/// The sum of the values may lag by what is being recorded.
pub(super) struct HistogramCell {
    boundaries: Boundaries,
    counted: Sharded<Counted>,
    /// A sum that falls is none that Prometheus can take a rate of.
    has_negative: AtomicBool,
    exemplars: Box<[ExemplarSlot]>,
}

/// A part of the measurements.
struct Counted {
    sum: Sum,
    buckets: Box<[Line]>,
}

/// The cache line that eight buckets share, and nothing else does.
#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; 8]);

impl Counted {
    fn new(boundaries: &Boundaries) -> Self {
        let lines = boundaries.0.len() / Line::BUCKETS + 1;
        Self {
            sum: Sum::default(),
            buckets: (0..lines).map(|_| Line::default()).collect(),
        }
    }

    fn bucket(&self, bucket: usize) -> &AtomicU64 {
        &self.buckets[bucket / Line::BUCKETS].0[bucket % Line::BUCKETS]
    }
}

impl Line {
    const BUCKETS: usize = 8;
}

impl HistogramCell {
    /// Counts the value; `add` takes it to the sum.
    fn count(&self, value: f64, add: impl FnOnce(&Sum)) {
        let bucket = self.boundaries.bucket(value);
        let counted = self.counted.own();
        add(&counted.sum);
        counted.bucket(bucket).fetch_add(1, Ordering::Relaxed);
        self.exemplars[bucket].offer(value);
        if value < 0.0 {
            self.has_negative.store(true, Ordering::Relaxed);
        }
    }

    fn sum_may_fall(&self) -> bool {
        let lowest = self.boundaries.0.first();
        self.has_negative.load(Ordering::Relaxed) || lowest.is_some_and(|lowest| lowest.end < 0.0)
    }
}

impl Record<f64> for HistogramCell {
    fn record(&self, value: f64) {
        if value.is_finite() {
            self.count(value, |sum| sum.add_real(value));
        }
    }
}

impl Record<u64> for HistogramCell {
    fn record(&self, value: u64) {
        self.count(value as f64, |sum| sum.add_whole(value));
    }
}

impl Cell for HistogramCell {
    type Shape = Boundaries;

    fn new(boundaries: &Boundaries) -> Self {
        let buckets = 0..=boundaries.0.len();
        Self {
            boundaries: boundaries.clone(),
            counted: Sharded::new(|| Counted::new(boundaries)),
            has_negative: AtomicBool::default(),
            exemplars: buckets.map(|_| ExemplarSlot::default()).collect(),
        }
    }

    fn write(&self, sample: &Sample<'_>, page: &mut Page) {
        let is_open_metrics = page.format() == Format::OpenMetrics;
        let ends = self.boundaries.0.iter().map(|boundary| {
            if is_open_metrics {
                boundary.canonical.as_str()
            } else {
                boundary.text.as_str()
            }
        });
        let counted = |bucket| {
            let parts = self.counted.parts().map(move |part| part.bucket(bucket));
            parts.map(|part| part.load(Ordering::Relaxed)).sum::<u64>()
        };
        let exemplars = self.exemplars.iter().enumerate();
        let mut count = 0;
        for (end, (bucket, exemplar)) in ends.chain(["+Inf"]).zip(exemplars) {
            count += counted(bucket);
            page.start_bucket(sample, end);
            page.unsigned(count);
            page.end_with(exemplar);
        }
        // OpenMetrics, section "Histogram": neither without the other, and no sum
        // of what may be negative.
        if !self.sum_may_fall() {
            page.start(sample, "_sum");
            let sums = self.counted.parts().map(|part| &part.sum);
            sums.sum::<Total>().write_unsigned(page);
            page.end();
        }
        if !(is_open_metrics && self.sum_may_fall()) {
            page.start(sample, "_count");
            page.unsigned(count);
            page.end();
        }
        page.created(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_boundary_belongs_below() {
        let boundaries = Boundaries::new(Some(&[1.0, 2.0])).unwrap();
        assert_eq!(
            [0.5, 1.0, 1.5, 2.0, 2.5].map(|v| boundaries.bucket(v)),
            [0, 0, 1, 1, 2]
        );
    }

    #[test]
    fn boundaries_rise_and_are_finite() {
        for wrong in [&[2.0, 1.0][..], &[1.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(Boundaries::new(Some(wrong)).is_none(), "{wrong:?}");
        }
        assert!(Boundaries::new(Some(&[])).is_some());
        assert!(Boundaries::new(None).is_some());
    }
}
