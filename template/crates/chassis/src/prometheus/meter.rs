use std::{borrow::Cow, sync::Arc};

use opentelemetry::metrics::{
    AsyncInstrumentBuilder, Callback, Counter, Gauge, Histogram, HistogramBuilder,
    InstrumentBuilder, InstrumentProvider, Meter, ObservableCounter, ObservableGauge,
    ObservableUpDownCounter, UpDownCounter,
};

use super::{
    Kind,
    cell::{Cell, CounterCell, GaugeCell, UpDownCell},
    family::{About, Family},
    histogram::{Boundaries, HistogramCell},
    instrument::Tee,
    name,
    observed::{ObservedFamily, guarded},
    registry::Shared,
};

/// Makes the instruments of one scope.
pub(super) struct TeeMeter {
    pub(super) shared: Arc<Shared>,
    /// The meter of the same scope that all is passed on to.
    pub(super) downstream: Option<Meter>,
}

/// Its default methods make instruments that do nothing.
struct Nothing;

impl InstrumentProvider for Nothing {}

type Text = Cow<'static, str>;

impl TeeMeter {
    fn family<C: Cell>(&self, about: About, shape: &C::Shape) -> Option<Arc<Family<C>>> {
        let shared = &self.shared;
        shared.catalog.family(
            about,
            |family: &Family<C>| family.shape() == shape,
            |about| {
                let overflowed = shared.overflowed(&about.name);
                Family::new(about, shape.clone(), shared.bounds, Some(overflowed))
            },
        )
    }

    fn histogram(
        &self,
        about: About,
        boundaries: Option<&[f64]>,
    ) -> Option<Arc<Family<HistogramCell>>> {
        let Some(boundaries) = Boundaries::new(boundaries) else {
            let reason = "its boundaries must be finite, and each greater than the one before";
            self.shared.catalog.refuse(&about, reason);
            return None;
        };
        self.family(about, &boundaries)
    }

    fn observed(&self, about: About) -> Option<Arc<ObservedFamily>> {
        let shared = &self.shared;
        let make = |about: About| {
            let overflowed = shared.overflowed(&about.name);
            ObservedFamily::new(about, shared.bounds, overflowed)
        };
        shared.catalog.family(about, |_| true, make)
    }
}

fn about(kind: Kind, name: &str, unit: Option<&Text>, description: Option<&Text>) -> About {
    let (name, unit) = name::metric(name, unit.map_or("", |unit| unit), kind);
    let help = description.map_or_else(String::new, |text| text.clone().into_owned());
    About {
        name,
        kind,
        unit,
        help,
    }
}

/// The same instrument of another meter.
macro_rules! same {
    ($meter:expr, $method:ident, $builder:ident) => {{
        let mut same = $meter.$method($builder.name.clone());
        same.description = $builder.description.clone();
        same.unit = $builder.unit.clone();
        same
    }};
}

/// What the builder says.
macro_rules! about {
    ($kind:ident, $builder:ident) => {
        about(
            Kind::$kind,
            &$builder.name,
            $builder.unit.as_ref(),
            $builder.description.as_ref(),
        )
    };
}

/// The instrument of a family and of another meter, as far as there are such.
macro_rules! tee {
    ($family:expr, $downstream:expr, $instrument:ident, $method:ident, $builder:ident) => {
        match ($family, $downstream) {
            (Some(family), downstream) => $instrument::new(Arc::new(Tee::new(family, downstream))),
            (None, Some(downstream)) => downstream,
            (None, None) => Nothing.$method($builder),
        }
    };
}

macro_rules! instruments {
    ($($method:ident: $instrument:ident<$value:ty>, $cell:ty;)*) => {$(
        fn $method(
            &self,
            builder: InstrumentBuilder<'_, $instrument<$value>>,
        ) -> $instrument<$value> {
            let downstream = self.downstream.as_ref();
            let downstream = downstream.map(|meter| same!(meter, $method, builder).build());
            let family = self.family::<$cell>(about!($instrument, builder), &());
            tee!(family, downstream, $instrument, $method, builder)
        }
    )*};
}

macro_rules! histograms {
    ($($method:ident: $value:ty;)*) => {$(
        fn $method(&self, builder: HistogramBuilder<'_, Histogram<$value>>) -> Histogram<$value> {
            let downstream = self.downstream.as_ref().map(|meter| {
                let mut same = same!(meter, $method, builder);
                same.boundaries = builder.boundaries.clone();
                same.build()
            });
            let boundaries = builder.boundaries.as_deref();
            let family = self.histogram(about!(Histogram, builder), boundaries);
            tee!(family, downstream, Histogram, $method, builder)
        }
    )*};
}

macro_rules! observables {
    ($($method:ident: $instrument:ident<$value:ty>;)*) => {$(
        fn $method(
            &self,
            builder: AsyncInstrumentBuilder<'_, $instrument<$value>, $value>,
        ) -> $instrument<$value> {
            let about = about!($instrument, builder);
            let callbacks: Vec<Arc<Callback<$value>>> =
                builder.callbacks.into_iter().map(Arc::new).collect();
            if let Some(meter) = &self.downstream {
                let mut same = same!(meter, $method, builder);
                for callback in &callbacks {
                    let (callback, name) = (Arc::clone(callback), about.name.clone());
                    same = same.with_callback(move |observer| guarded(&name, || callback(observer)));
                }
                same.build();
            }
            if let Some(family) = self.observed(about) {
                for callback in callbacks {
                    family.register(Box::new(move |observer| callback(observer)));
                }
            }
            $instrument::new()
        }
    )*};
}

impl InstrumentProvider for TeeMeter {
    instruments! {
        u64_counter: Counter<u64>, CounterCell;
        f64_counter: Counter<f64>, CounterCell;
        u64_gauge: Gauge<u64>, GaugeCell;
        i64_gauge: Gauge<i64>, GaugeCell;
        f64_gauge: Gauge<f64>, GaugeCell;
        i64_up_down_counter: UpDownCounter<i64>, UpDownCell;
        f64_up_down_counter: UpDownCounter<f64>, UpDownCell;
    }

    histograms! {
        u64_histogram: u64;
        f64_histogram: f64;
    }

    observables! {
        u64_observable_counter: ObservableCounter<u64>;
        f64_observable_counter: ObservableCounter<f64>;
        u64_observable_gauge: ObservableGauge<u64>;
        i64_observable_gauge: ObservableGauge<i64>;
        f64_observable_gauge: ObservableGauge<f64>;
        i64_observable_up_down_counter: ObservableUpDownCounter<i64>;
        f64_observable_up_down_counter: ObservableUpDownCounter<f64>;
    }
}
