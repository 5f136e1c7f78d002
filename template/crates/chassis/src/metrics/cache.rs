use std::{fmt, sync::OnceLock};

use http::Extensions;
use opentelemetry::{
    Key, KeyValue,
    metrics::{BoundCounter, BoundHistogram, BoundUpDownCounter},
};

use super::{
    Instruments, Labels,
    series::{Query, SeriesKey, in_flight},
};
use crate::{bounded::BoundedMap, names::metric::OVERFLOW, request::KnownMethods};

/// The instruments of a layer, bound to each series once.
///
/// A request that is like one before finds its series without a lock and without
/// an allocation.
pub(super) struct SeriesCache {
    instruments: Instruments,
    methods: KnownMethods,
    /// The labels that count beside those of the conventions.
    label_keys: Box<[Key]>,
    /// By method, and by whether it is HTTPS.
    in_flight: Box<[[OnceLock<BoundUpDownCounter<i64>>; 2]]>,
    finished: BoundedMap<SeriesKey, Series>,
    /// Takes what is beyond the ceiling.
    overflow: OnceLock<Series>,
    overflowed: BoundCounter<u64>,
}

/// What is recorded of a request when it is over.
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) request_bytes: Option<u64>,
    pub(super) response_bytes: Option<u64>,
}

/// The instruments, bound to one set of attributes.
struct Series {
    attributes: Vec<KeyValue>,
    duration_seconds: BoundHistogram<f64>,
    /// Bound when there is something to record: what is bound is exposed.
    request_body_bytes: OnceLock<BoundHistogram<u64>>,
    response_body_bytes: OnceLock<BoundHistogram<u64>>,
}

impl SeriesCache {
    pub(super) fn new(
        instruments: Instruments,
        methods: KnownMethods,
        label_keys: Vec<Key>,
        ceiling: usize,
    ) -> Self {
        let overflowed = instruments.overflowed_requests.bind(&[]);
        // It is there before it counts, so that its first increase is seen.
        overflowed.add(0);
        Self {
            label_keys: label_keys.into(),
            in_flight: (0..methods.numbers()).map(|_| Default::default()).collect(),
            methods,
            finished: BoundedMap::new(ceiling),
            overflow: OnceLock::new(),
            overflowed,
            instruments,
        }
    }

    /// The methods that have series of their own.
    pub(super) fn methods(&self) -> &KnownMethods {
        &self.methods
    }

    /// The keys of the labels that count beside those of the conventions.
    pub(super) fn label_keys(&self) -> &[Key] {
        &self.label_keys
    }

    /// What may hold such labels, if any count.
    pub(super) fn labels(&self, extensions: &Extensions) -> Option<Labels> {
        if self.label_keys.is_empty() {
            return None;
        }
        extensions.get().cloned()
    }

    /// More, or fewer, requests in flight.
    pub(super) fn count(&self, method: usize, is_https: bool, change: i64) {
        let bind = || {
            let active = &self.instruments.active_requests;
            active.bind(&in_flight(self.methods.name(method), is_https))
        };
        let series = &self.in_flight[method][usize::from(is_https)];
        series.get_or_init(bind).add(change);
    }

    /// Records a request that is over.
    pub(super) fn record(&self, query: &Query<'_>, measured: &Measured) {
        let birth = || {
            let attributes = query.attributes(self.methods.name(query.fixed.method));
            let series = Series::bind(&self.instruments, attributes);
            (query.to_key(), series)
        };
        let record = |series: &Series| series.record(&self.instruments, measured);
        if self.finished.with(query, birth, record).is_none() {
            self.overflowed.add(1);
            let birth = || {
                let attributes = vec![KeyValue::new(OVERFLOW, true)];
                Series::bind(&self.instruments, attributes)
            };
            record(self.overflow.get_or_init(birth));
        }
    }
}

impl fmt::Debug for SeriesCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesCache").finish_non_exhaustive()
    }
}

impl Series {
    fn bind(instruments: &Instruments, attributes: Vec<KeyValue>) -> Self {
        Self {
            duration_seconds: instruments.request_duration_seconds.bind(&attributes),
            attributes,
            request_body_bytes: OnceLock::new(),
            response_body_bytes: OnceLock::new(),
        }
    }

    fn record(&self, instruments: &Instruments, measured: &Measured) {
        self.duration_seconds.record(measured.seconds);
        if let Some(bytes) = measured.request_bytes {
            let bind = || instruments.request_body_bytes.bind(&self.attributes);
            self.request_body_bytes.get_or_init(bind).record(bytes);
        }
        if let Some(bytes) = measured.response_bytes {
            let bind = || instruments.response_body_bytes.bind(&self.attributes);
            self.response_body_bytes.get_or_init(bind).record(bytes);
        }
    }
}
