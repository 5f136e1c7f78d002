use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{Meter, MeterProvider},
};

use super::{
    Format, Kind,
    catalog::Catalog,
    cell::CounterCell,
    family::{About, Bounds, Family, Series},
    labels,
    meter::TeeMeter,
    name,
    page::Page,
};
use crate::names::prometheus::{METRIC, OVERFLOWED_MEASUREMENTS};

/// So many series an instrument has, unless told otherwise; as in the SDK.
const DEFAULT_SERIES_CEILING: usize = 2_000;

/// All metrics of a process, to be scraped. A handle, cheap to clone.
///
/// It is a `MeterProvider`: whoever needs an instrument asks it for a meter. See
/// the [module](super) for what it exposes.
///
/// ```
/// use axum_chassis::prometheus::Registry;
/// use opentelemetry::{KeyValue, metrics::MeterProvider};
///
/// let registry = Registry::new();
/// let orders = registry.meter("shop").u64_counter("orders").build();
/// orders.add(3, &[KeyValue::new("paid", true)]);
///
/// let page = registry.exposition(None);
/// assert!(page.text().contains("orders_total{paid=\"true\"} 3\n"));
/// ```
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

/// What a registry shares with its meters.
pub(super) struct Shared {
    pub(super) catalog: Catalog,
    pub(super) bounds: Bounds,
    /// Counts what was beyond a ceiling, by metric.
    overflows: Arc<Family<CounterCell>>,
    /// The labels of `target_info`.
    resource: String,
    downstream: Option<Arc<dyn MeterProvider + Send + Sync>>,
    /// How long the last exposition was: the next is about as long.
    last_bytes: AtomicUsize,
}

impl Registry {
    /// With all defaults: see [`RegistryBuilder`].
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// To set bounds, name the process, or pass measurements on.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder {
            bounds: Bounds {
                series_ceiling: DEFAULT_SERIES_CEILING,
                tells_created: false,
            },
            resource: Vec::new(),
            downstream: None,
        }
    }

    /// All metrics as they are now, in the format that the `Accept` header of a
    /// request asks for: see [`Format::negotiate`].
    ///
    /// It calls the callbacks of observable instruments, here and now.
    pub fn exposition(&self, accept: Option<&str>) -> Exposition {
        let format = Format::negotiate(accept);
        let shared = &self.0;
        let capacity = shared.last_bytes.load(Ordering::Relaxed);
        let mut page = Page::new(format, capacity + capacity / 8);
        for family in shared.catalog.all() {
            family.expose(&mut page);
        }
        if !shared.resource.is_empty() {
            page.target_info(&shared.resource);
        }
        let text = page.finish();
        shared.last_bytes.store(text.len(), Ordering::Relaxed);
        Exposition { format, text }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl MeterProvider for Registry {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        let downstream = self.0.downstream.as_ref();
        Meter::new(Arc::new(TeeMeter {
            shared: Arc::clone(&self.0),
            downstream: downstream.map(|provider| provider.meter_with_scope(scope)),
        }))
    }
}

impl Shared {
    /// Counts what is beyond the ceiling of a metric.
    pub(super) fn overflowed(&self, metric: &str) -> Arc<Series<CounterCell>> {
        let metric = KeyValue::new(METRIC, metric.to_owned());
        self.overflows.with(&[metric], Arc::clone)
    }
}

/// Builds a [`Registry`].
#[must_use = "nothing is built before `build`"]
pub struct RegistryBuilder {
    bounds: Bounds,
    resource: Vec<KeyValue>,
    downstream: Option<Arc<dyn MeterProvider + Send + Sync>>,
}

impl RegistryBuilder {
    /// How many series an instrument may have, beside the one of all that is
    /// beyond: 2,000 by default.
    pub fn series_ceiling(mut self, series: usize) -> Self {
        self.bounds.series_ceiling = series;
        self
    }

    /// Tells in OpenMetrics when each series was born, as `…_created`. Not by default: a
    /// Prometheus without `--enable-feature=created-timestamp-zero-ingestion` keeps them as
    /// series of their own, and so twice as many.
    pub fn with_created(mut self) -> Self {
        self.bounds.tells_created = true;
        self
    }

    /// What is known of the process: the labels of `target_info`. None by default.
    pub fn resource(mut self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        self.resource.extend(attributes);
        self
    }

    /// Passes each measurement on to the instrument of the same name of this
    /// provider, such as the SDK's with an exporter for OTLP. Keep a handle of it:
    /// to flush it and to shut it down is up to you.
    pub fn push(mut self, provider: impl MeterProvider + Send + Sync + 'static) -> Self {
        self.downstream = Some(Arc::new(provider));
        self
    }

    /// The handle.
    pub fn build(self) -> Registry {
        let kind = Kind::Counter;
        let (name, unit) = name::metric(OVERFLOWED_MEASUREMENTS, "", kind);
        let about = About {
            name,
            kind,
            unit,
            help: "Measurements beyond the ceiling of series, by metric.".to_owned(),
        };
        let bounds = Bounds {
            series_ceiling: usize::MAX,
            tells_created: false,
        };
        let catalog = Catalog::default();
        catalog.reserve("target", &["", "_info"]);
        let overflows = catalog.add(about, |about| Family::new(about, (), bounds, None));
        Registry(Arc::new(Shared {
            catalog,
            bounds: self.bounds,
            overflows,
            resource: labels::render(&self.resource),
            downstream: self.downstream,
            last_bytes: AtomicUsize::default(),
        }))
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder").finish_non_exhaustive()
    }
}

/// All metrics at one moment, written.
#[derive(Clone, Debug)]
pub struct Exposition {
    format: Format,
    text: String,
}

impl Exposition {
    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The value of the header `Content-Type`.
    pub fn content_type(&self) -> &'static str {
        self.format.content_type()
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, to be sent.
    pub fn into_text(self) -> String {
        self.text
    }
}
