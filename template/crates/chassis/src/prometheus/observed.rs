use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::{KeyValue, metrics::AsyncInstrument};

use super::{
    cell::CounterCell,
    family::{About, Bounds, Expose, Series},
    labels,
    page::{Page, Sample},
};

/// A callback that takes longer holds up the scrape, and is told of.
const SLOW_CALLBACK: Duration = Duration::from_millis(500);

/// Asks what there is to observe.
pub(super) type Observe = Box<dyn Fn(&Observations<'_>) + Send + Sync>;

/// A metric whose callbacks are asked at each scrape, with no lock held.
pub(super) struct ObservedFamily {
    about: About,
    bounds: Bounds,
    callbacks: Mutex<Vec<Arc<Observe>>>,
    overflowed: Arc<Series<CounterCell>>,
}

impl ObservedFamily {
    pub(super) fn new(about: About, bounds: Bounds, overflowed: Arc<Series<CounterCell>>) -> Self {
        Self {
            about,
            bounds,
            callbacks: Mutex::default(),
            overflowed,
        }
    }

    pub(super) fn register(&self, callback: Observe) {
        let mut callbacks = self
            .callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        callbacks.push(Arc::new(callback));
    }
}

impl Expose for ObservedFamily {
    fn about(&self) -> &About {
        &self.about
    }

    fn expose(&self, page: &mut Page) {
        let callbacks = self
            .callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let callbacks = { callbacks }.clone();
        let observations = Observations {
            family: self,
            series: Mutex::default(),
        };
        for callback in callbacks {
            guarded(&self.about.name, || callback(&observations));
        }
        let series = observations.series.into_inner();
        let series = series.unwrap_or_else(PoisonError::into_inner);
        if !series.is_empty() {
            page.family(&self.about);
        }
        let is_counter = self.about.kind.is_counter();
        for (labels, value) in &series {
            let sample = Sample {
                name: &self.about.name,
                labels,
                // Whoever counts outside of us began before we did.
                created: None,
            };
            page.start(&sample, if is_counter { "_total" } else { "" });
            page.number(*value);
            page.end();
        }
    }
}

/// What the callbacks of a metric have told during one scrape. Of two values of
/// one series the last counts. What is beyond the ceiling is one series: the sum, or of a
/// gauge the last value.
pub(super) struct Observations<'a> {
    family: &'a ObservedFamily,
    /// By labels.
    series: Mutex<BTreeMap<String, f64>>,
}

impl Observations<'_> {
    fn take(&self, value: f64, attributes: &[KeyValue]) {
        let family = self.family;
        if !value.is_finite() || (family.about.kind.is_counter() && value < 0.0) {
            return;
        }
        let labels = labels::render(attributes);
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = series.len() < family.bounds.series_ceiling;
        if labels != labels::OVERFLOW && (has_room || series.contains_key(&labels)) {
            series.insert(labels, value);
            return;
        }
        let overflow = series.entry(labels::OVERFLOW.to_owned()).or_default();
        // The last alone would rise and fall with the order in which they are told.
        *overflow = match family.about.kind.adds_up() {
            true => *overflow + value,
            false => value,
        };
        family.overflowed.record(1_u64);
    }
}

impl AsyncInstrument<f64> for Observations<'_> {
    fn observe(&self, value: f64, attributes: &[KeyValue]) {
        self.take(value, attributes);
    }
}

impl AsyncInstrument<i64> for Observations<'_> {
    fn observe(&self, value: i64, attributes: &[KeyValue]) {
        self.take(value as f64, attributes);
    }
}

impl AsyncInstrument<u64> for Observations<'_> {
    fn observe(&self, value: u64, attributes: &[KeyValue]) {
        self.take(value as f64, attributes);
    }
}

/// Calls what others have written: a panic costs only what it would have told.
pub(super) fn guarded(metric: &str, callback: impl FnOnce()) {
    let start = Instant::now();
    if catch_unwind(AssertUnwindSafe(callback)).is_err() {
        tracing::error!(metric, "the callback of an observable instrument panicked");
    }
    let seconds = start.elapsed().as_secs_f64();
    if seconds > SLOW_CALLBACK.as_secs_f64() {
        tracing::warn!(
            metric,
            seconds,
            "the callback of an observable instrument is slow: let it read what is known"
        );
    }
}
