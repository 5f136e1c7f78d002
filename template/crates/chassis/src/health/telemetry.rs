use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry::{
    KeyValue, StringValue,
    metrics::{AsyncInstrument, Meter},
};

use super::{
    Health,
    report::{CheckReport, Probe, Status},
};
use crate::names::health as names;

impl Health {
    /// Makes the instruments with the meter: see the [module](super#metrics). They are read
    /// when the meter's provider collects, for as long as there is a clone of this handle.
    ///
    /// ```
    /// use axum_chassis::health::Health;
    ///
    /// let health = Health::builder().build();
    /// health.observe(&opentelemetry::global::meter("my-service"));
    /// ```
    pub fn observe(&self, meter: &Meter) {
        meter
            .u64_observable_gauge(names::STATUS)
            .with_description("1 while the probe passes, else 0")
            .with_callback(self.when_collected(probes))
            .build();
        meter
            .u64_observable_gauge(names::CHECK_STATUS)
            .with_description("1 while the check passes, else 0")
            .with_callback(self.of_each_check(|check| Some(check.standing.passing.into())))
            .build();
        meter
            .f64_observable_gauge(names::CHECK_DURATION)
            .with_unit("s")
            .with_description("How long the last run of the check took")
            .with_callback(self.of_each_check(duration_seconds))
            .build();
        meter
            .f64_observable_gauge(names::CHECK_LAST_SUCCESS)
            .with_unit("s")
            .with_description("When the check last ran well, since 1970")
            .with_callback(self.of_each_check(last_success_seconds))
            .build();
        meter
            .f64_observable_gauge(names::RUNTIME_LAG)
            .with_unit("s")
            .with_description("The longest wait of a task for the runtime, of the last 60 beats")
            .with_callback(self.when_collected(lag))
            .build();
    }

    /// The provider keeps its callbacks for ever, and they keep nothing.
    fn when_collected<T>(
        &self,
        observe: impl Fn(&Self, &dyn AsyncInstrument<T>) + Send + Sync + 'static,
    ) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static {
        let state = Arc::downgrade(&self.0);
        move |instrument| {
            if let Some(state) = state.upgrade() {
                observe(&Self(state), instrument);
            }
        }
    }

    fn of_each_check<T>(
        &self,
        measure: impl Fn(&CheckReport) -> Option<T> + Send + Sync + 'static,
    ) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static {
        self.when_collected(move |health, instrument| {
            for check in health.report(Probe::Ready).checks {
                if let Some(measured) = measure(&check) {
                    let name = StringValue::from(check.name);
                    instrument.observe(measured, &[KeyValue::new(names::CHECK, name)]);
                }
            }
        })
    }
}

fn probes(health: &Health, instrument: &dyn AsyncInstrument<u64>) {
    for probe in Probe::ALL {
        let passes = health.report(probe).status() != Status::Fail;
        let label = KeyValue::new(names::PROBE, probe.name());
        instrument.observe(passes.into(), &[label]);
    }
}

fn duration_seconds(check: &CheckReport) -> Option<f64> {
    check.standing.took.as_ref().map(Duration::as_secs_f64)
}

fn last_success_seconds(check: &CheckReport) -> Option<f64> {
    let since = check.standing.last_success?.duration_since(UNIX_EPOCH);
    since.ok().as_ref().map(Duration::as_secs_f64)
}

fn lag(health: &Health, instrument: &dyn AsyncInstrument<f64>) {
    if let Some(lag) = health.0.pulse.lag() {
        instrument.observe(lag.as_secs_f64(), &[]);
    }
}
