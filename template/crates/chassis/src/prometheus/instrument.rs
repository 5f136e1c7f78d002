use std::{marker::PhantomData, sync::Arc};

use opentelemetry::{
    KeyValue,
    metrics::{
        BoundCounter, BoundGauge, BoundHistogram, BoundSyncInstrument, BoundUpDownCounter, Counter,
        Gauge, Histogram, SyncInstrument, UpDownCounter,
    },
};

use super::{
    cell::Record,
    family::{Family, Series},
};

/// An instrument of another meter provider, which is passed all measurements.
pub(super) trait Downstream<T>: Send + Sync + 'static {
    type Bound: DownstreamBound<T>;

    fn pass(&self, value: T, attributes: &[KeyValue]);

    fn bind(&self, attributes: &[KeyValue]) -> Self::Bound;
}

pub(super) trait DownstreamBound<T>: Send + Sync + 'static {
    fn pass(&self, value: T);
}

macro_rules! downstream {
    ($($instrument:ident, $bound:ident, $record:ident;)*) => {$(
        impl<T: 'static> Downstream<T> for $instrument<T> {
            type Bound = $bound<T>;

            fn pass(&self, value: T, attributes: &[KeyValue]) {
                self.$record(value, attributes);
            }

            fn bind(&self, attributes: &[KeyValue]) -> $bound<T> {
                self.bind(attributes)
            }
        }

        impl<T: 'static> DownstreamBound<T> for $bound<T> {
            fn pass(&self, value: T) {
                self.$record(value);
            }
        }
    )*};
}

downstream! {
    Counter, BoundCounter, add;
    Gauge, BoundGauge, record;
    Histogram, BoundHistogram, record;
    UpDownCounter, BoundUpDownCounter, add;
}

/// Records into a family of ours, and passes on.
pub(super) struct Tee<C: super::cell::Cell, D, T> {
    family: Arc<Family<C>>,
    downstream: Option<D>,
    _value: PhantomData<fn(T)>,
}

impl<C: super::cell::Cell, D, T> Tee<C, D, T> {
    pub(super) fn new(family: Arc<Family<C>>, downstream: Option<D>) -> Self {
        Self {
            family,
            downstream,
            _value: PhantomData,
        }
    }
}

impl<C, D, T> SyncInstrument<T> for Tee<C, D, T>
where
    C: Record<T>,
    D: Downstream<T>,
    T: Copy + Send + Sync + 'static,
{
    fn measure(&self, value: T, attributes: &[KeyValue]) {
        self.family.with(attributes, |series| series.record(value));
        if let Some(downstream) = &self.downstream {
            downstream.pass(value, attributes);
        }
    }

    fn bind(&self, attributes: &[KeyValue]) -> Box<dyn BoundSyncInstrument<T> + Send + Sync> {
        let downstream = self.downstream.as_ref();
        Box::new(BoundTee {
            series: self.family.with(attributes, Arc::clone),
            downstream: downstream.map(|downstream| downstream.bind(attributes)),
        })
    }
}

/// Records into one series, and passes on.
struct BoundTee<C, B> {
    series: Arc<Series<C>>,
    downstream: Option<B>,
}

impl<C, B, T> BoundSyncInstrument<T> for BoundTee<C, B>
where
    C: Record<T>,
    B: DownstreamBound<T>,
    T: Copy,
{
    fn measure(&self, value: T) {
        self.series.record(value);
        if let Some(downstream) = &self.downstream {
            downstream.pass(value);
        }
    }
}
