use std::sync::Arc;

use opentelemetry::{Key, metrics::Meter};
use tower_layer::Layer;

use super::{Instruments, Metrics, cache::SeriesCache, series::CONVENTIONS};
use crate::request::KnownMethods;

/// So many series a layer has, unless told otherwise.
const DEFAULT_SERIES_CEILING: usize = 1_000;

/// As the conventions advise for `http.server.request.duration`.
const DURATION_BOUNDARIES_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Puts [`Metrics`] around a service. See the [module](super) for what it records.
#[derive(Clone, Debug)]
pub struct MetricsLayer {
    cache: Arc<SeriesCache>,
}

impl MetricsLayer {
    /// Makes the instruments with the meter, once for all services it is put around.
    pub fn new(meter: &Meter) -> Self {
        Self::builder(meter).build()
    }

    /// To set bounds, or to add labels.
    ///
    /// ```
    /// use axum_chassis::metrics::MetricsLayer;
    ///
    /// let layer = MetricsLayer::builder(&opentelemetry::global::meter("my-service"))
    ///     .duration_boundaries([0.01, 0.1, 1.0])
    ///     .label("tenant.tier")
    ///     .build();
    /// ```
    pub fn builder(meter: &Meter) -> MetricsLayerBuilder {
        MetricsLayerBuilder {
            meter: meter.clone(),
            methods: KnownMethods::default(),
            series_ceiling: DEFAULT_SERIES_CEILING,
            duration_boundaries_seconds: DURATION_BOUNDARIES_SECONDS.to_vec(),
            label_keys: Vec::new(),
        }
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Metrics<S> {
        Metrics::new(inner, self.cache.clone())
    }
}

/// Builds a [`MetricsLayer`].
#[derive(Debug)]
#[must_use = "nothing is built before `build`"]
pub struct MetricsLayerBuilder {
    meter: Meter,
    methods: KnownMethods,
    series_ceiling: usize,
    duration_boundaries_seconds: Vec<f64>,
    label_keys: Vec<Key>,
}

impl MetricsLayerBuilder {
    /// How many series each instrument may have, beside the one of all that is
    /// beyond: 1,000 by default. Keep it below the ceiling of the meter's provider.
    pub fn series_ceiling(mut self, series: usize) -> Self {
        self.series_ceiling = series;
        self
    }

    /// The methods that have series of their own, instead of GET, POST, PUT, DELETE, PATCH,
    /// HEAD, OPTIONS, CONNECT, TRACE and QUERY: those that your service has. Any other one
    /// is `_OTHER`, for a client could make up any number of them.
    ///
    /// ```
    /// use axum_chassis::metrics::MetricsLayer;
    ///
    /// let layer = MetricsLayer::builder(&opentelemetry::global::meter("my-service"))
    ///     .known_methods(["GET", "PUT", "DELETE", "PROPFIND", "MKCOL"])
    ///     .build();
    /// ```
    pub fn known_methods(mut self, methods: impl IntoIterator<Item = &'static str>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// The upper ends of the buckets of `http.server.request.duration`, in seconds.
    /// By default those that the conventions advise, from 5 ms to 10 s.
    pub fn duration_boundaries(mut self, seconds: impl Into<Vec<f64>>) -> Self {
        self.duration_boundaries_seconds = seconds.into();
        self
    }

    /// A label of your own, which [`Labels`](super::Labels) bring. None by default;
    /// those of the conventions stay as they are.
    pub fn label(mut self, key: impl Into<Key>) -> Self {
        let key = key.into();
        if !CONVENTIONS.contains(&key.as_str()) && !self.label_keys.contains(&key) {
            self.label_keys.push(key);
        }
        self
    }

    /// Makes the instruments with the meter.
    pub fn build(self) -> MetricsLayer {
        let instruments = Instruments::new(&self.meter, self.duration_boundaries_seconds);
        let cache = SeriesCache::new(
            instruments,
            self.methods,
            self.label_keys,
            self.series_ceiling,
        );
        MetricsLayer {
            cache: Arc::new(cache),
        }
    }
}
