use std::{
    any::Any,
    hint::black_box,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use opentelemetry::KeyValue;

use super::{
    Kind,
    cell::{Cell, CounterCell, Record},
    labels,
    page::{self, Page, Sample},
};
use crate::bounded::BoundedMap;

/// In how many orders, on average, the attributes of a series may be given before
/// they are sorted at each measurement.
const ORDERS_PER_SERIES: usize = 4;

/// So many series are fetched from memory together: as many as a processor waits for at once.
const FETCHED_TOGETHER: usize = 16;

/// What is said of a metric, whatever its series.
#[derive(Clone)]
pub(super) struct About {
    /// As Prometheus calls it, without a suffix for its kind.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// In words, as the name ends.
    pub(super) unit: Option<String>,
    pub(super) help: String,
}

/// What the registry does with a family, whatever its cells are.
pub(super) trait Expose: Any + Send + Sync {
    fn about(&self) -> &About;

    /// Writes all series, in the order of their birth.
    fn expose(&self, page: &mut Page);
}

/// How many series a family may have, and what is told of them.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) series_ceiling: usize,
    pub(super) tells_created: bool,
}

/// A metric, and its series.
pub(super) struct Family<C: Cell> {
    about: About,
    shape: C::Shape,
    bounds: Bounds,
    /// Finds a series by its attributes as they were given.
    by_attributes: BoundedMap<Box<[KeyValue]>, Arc<Series<C>>>,
    /// Finds a series by what tells it from others.
    by_labels: BoundedMap<Arc<str>, Arc<Series<C>>>,
    /// In the order of birth. A scrape takes the list, and so holds nobody up.
    born: Mutex<Arc<Vec<Arc<Series<C>>>>>,
    /// Takes what is beyond the ceiling.
    overflow: OnceLock<Arc<Series<C>>>,
    /// Counts what is beyond the ceiling.
    overflowed: Option<Arc<Series<CounterCell>>>,
}

/// One line of a metric, or all the lines of a histogram that belong together.
pub(super) struct Series<C> {
    labels: Arc<str>,
    /// A line of its own, ready.
    created: Option<Box<str>>,
    cell: C,
    /// Counts what is recorded here, for it should be elsewhere.
    overflowed: Option<Arc<Series<CounterCell>>>,
}

impl<C> Series<C> {
    pub(super) fn record<T>(&self, value: T)
    where
        C: Record<T>,
    {
        self.cell.record(value);
        if let Some(overflowed) = &self.overflowed {
            overflowed.cell.record(1_u64);
        }
    }

    /// Looks at both of its ends, so that it is near when it is written. Between two scrapes
    /// it went out of all caches, and to wait for one after the other is most of a scrape.
    fn fetch(&self) {
        let labels = self.labels.as_bytes();
        black_box((labels.first().copied(), labels.last().copied()));
        black_box(self.overflowed.is_some());
    }
}

impl<C: Cell> Family<C> {
    pub(super) fn new(
        about: About,
        shape: C::Shape,
        bounds: Bounds,
        overflowed: Option<Arc<Series<CounterCell>>>,
    ) -> Self {
        Self {
            about,
            shape,
            by_attributes: BoundedMap::new(bounds.series_ceiling.saturating_mul(ORDERS_PER_SERIES)),
            by_labels: BoundedMap::new(bounds.series_ceiling),
            bounds,
            born: Mutex::default(),
            overflow: OnceLock::new(),
            overflowed,
        }
    }

    pub(super) fn shape(&self) -> &C::Shape {
        &self.shape
    }

    /// Does something with the series of the attributes, which is born if it is new.
    pub(super) fn with<R>(
        &self,
        attributes: &[KeyValue],
        read: impl Fn(&Arc<Series<C>>) -> R,
    ) -> R {
        if let Some(found) = self.by_attributes.find(attributes, &read) {
            return found;
        }
        let series = self.resolve(attributes);
        if series.overflowed.is_none() {
            let alias = || (attributes.into(), series.clone());
            self.by_attributes.with(attributes, alias, |_| ());
        }
        read(&series)
    }

    fn resolve(&self, attributes: &[KeyValue]) -> Arc<Series<C>> {
        let labels = labels::render(attributes);
        if labels == labels::OVERFLOW {
            return self.overflow();
        }
        let birth = || {
            let labels = Arc::from(labels.as_str());
            let series = self.bear(Arc::clone(&labels), None);
            (labels, series)
        };
        let found = self.by_labels.with(labels.as_str(), birth, Arc::clone);
        found.unwrap_or_else(|| self.overflow())
    }

    fn overflow(&self) -> Arc<Series<C>> {
        let birth = || self.bear(Arc::from(labels::OVERFLOW), self.overflowed.clone());
        Arc::clone(self.overflow.get_or_init(birth))
    }

    fn bear(
        &self,
        labels: Arc<str>,
        overflowed: Option<Arc<Series<CounterCell>>>,
    ) -> Arc<Series<C>> {
        let created = || page::created(&self.about.name, &labels).into_boxed_str();
        let series = Arc::new(Series {
            created: self.bounds.tells_created.then(created),
            labels,
            cell: C::new(&self.shape),
            overflowed,
        });
        let mut born = self.born.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut born).push(Arc::clone(&series));
        series
    }
}

impl<C: Cell> Expose for Family<C> {
    fn about(&self) -> &About {
        &self.about
    }

    fn expose(&self, page: &mut Page) {
        let born = Arc::clone(&self.born.lock().unwrap_or_else(PoisonError::into_inner));
        if born.is_empty() {
            return;
        }
        page.family(&self.about);
        for some in born.chunks(FETCHED_TOGETHER) {
            some.iter().for_each(|series| series.fetch());
            for series in some {
                let sample = Sample {
                    name: &self.about.name,
                    labels: &series.labels,
                    created: series.created.as_deref(),
                };
                series.cell.write(&sample, page);
            }
        }
    }
}
