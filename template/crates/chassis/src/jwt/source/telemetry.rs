use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter},
};

use crate::{
    Cause,
    jwt::{Key, KeySet, VerifierError},
    names::jwks::{
        COOLDOWN_REFUSALS, FETCH_DURATION, FETCHES, KEYS, LAST_SUCCESS, OUTCOME, SOURCE,
    },
};

/// How many keys an event names, and how much of each name.
const MAX_NAMED_KEYS: usize = 8;
const MAX_KID_CHARS: usize = 64;

/// From a file in the cache to an issuer that just makes it.
const DURATION_BOUNDARIES_SECONDS: [f64; 9] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Tells what a source does: by metrics, if there is a meter, and by events.
pub(super) struct Telemetry {
    source: String,
    instruments: Option<Instruments>,
}

struct Instruments {
    source: KeyValue,
    cooldown_refusals: Counter<u64>,
    fetch_duration_seconds: Histogram<f64>,
    fetches: Counter<u64>,
    keys: Gauge<u64>,
    last_success_seconds: Gauge<f64>,
}

impl Telemetry {
    pub(super) fn new(source: String, meter: Option<&Meter>) -> Self {
        let instruments = meter.map(|meter| Instruments::new(meter, source.clone()));
        Self {
            source,
            instruments,
        }
    }

    pub(super) fn attempted(&self, outcome: &'static str, duration: Duration) {
        let source = &self.source;
        tracing::debug!(source, outcome, ?duration, "the keys have been looked for");
        if let Some(instruments) = &self.instruments {
            let of_source = [instruments.source.clone()];
            let seconds = duration.as_secs_f64();
            instruments
                .fetch_duration_seconds
                .record(seconds, &of_source);
            let outcome = KeyValue::new(OUTCOME, outcome);
            let labels = [instruments.source.clone(), outcome];
            instruments.fetches.add(1, &labels);
        }
    }

    pub(super) fn succeeded(&self) {
        if let Some(instruments) = &self.instruments {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let labels = [instruments.source.clone()];
            instruments
                .last_success_seconds
                .record(now.unwrap_or_default().as_secs_f64(), &labels);
        }
    }

    pub(super) fn changed(&self, old: &KeySet, new: &KeySet) {
        tracing::info!(
            source = self.source,
            keys = new.len(),
            added = ?names(new, old),
            removed = ?names(old, new),
            "the keys have changed"
        );
        if let Some(instruments) = &self.instruments {
            let labels = [instruments.source.clone()];
            instruments.keys.record(new.len() as u64, &labels);
        }
    }

    pub(super) fn unusable(&self, unusable: Vec<VerifierError>) {
        if unusable.is_empty() {
            return;
        }
        let count = unusable.len();
        let reasons = unusable.into_iter().take(MAX_NAMED_KEYS);
        let reasons: Vec<_> = reasons.map(|error| Cause::new(error).to_string()).collect();
        tracing::warn!(
            source = self.source,
            count,
            ?reasons,
            "some keys of the set are not used; tokens that are signed with them are refused"
        );
    }

    pub(super) fn failed(&self, error: &str, has_keys: bool, retry_after: Duration) {
        let source = &self.source;
        match has_keys {
            true => tracing::warn!(
                source,
                error,
                ?retry_after,
                "the keys cannot be renewed; the last good ones are used until they can"
            ),
            false => tracing::warn!(
                source,
                error,
                ?retry_after,
                "there are no keys; requests with tokens are answered with 503"
            ),
        }
    }

    pub(super) fn recovered(&self, failures: u32) {
        tracing::info!(
            source = self.source,
            failures,
            "the keys can be renewed again"
        );
    }

    pub(super) fn refused(&self) {
        if let Some(instruments) = &self.instruments {
            let labels = [instruments.source.clone()];
            instruments.cooldown_refusals.add(1, &labels);
        }
    }
}

impl Instruments {
    fn new(meter: &Meter, source: String) -> Self {
        Self {
            source: KeyValue::new(SOURCE, source),
            cooldown_refusals: meter
                .u64_counter(COOLDOWN_REFUSALS)
                .with_description("Tokens with an unknown key, refused without a fetch.")
                .with_unit("{token}")
                .build(),
            fetch_duration_seconds: meter
                .f64_histogram(FETCH_DURATION)
                .with_description("Duration of attempts to get the keys of an issuer.")
                .with_unit("s")
                .with_boundaries(DURATION_BOUNDARIES_SECONDS.to_vec())
                .build(),
            fetches: meter
                .u64_counter(FETCHES)
                .with_description("Attempts to get the keys of an issuer.")
                .with_unit("{attempt}")
                .build(),
            keys: meter
                .u64_gauge(KEYS)
                .with_description("Keys of an issuer.")
                .with_unit("{key}")
                .build(),
            last_success_seconds: meter
                .f64_gauge(LAST_SUCCESS)
                .with_description("When the keys of an issuer were last had, since 1970.")
                .with_unit("s")
                .build(),
        }
    }
}

/// Some of the keys that `new` has and `old` does not, by name.
fn names(new: &KeySet, old: &KeySet) -> Vec<String> {
    let is_new = |key: &&Key| !old.iter().any(|known| known.id() == key.id());
    let name = |key: &Key| match key.id() {
        Some(kid) => kid.chars().take(MAX_KID_CHARS).collect(),
        None => format!("without a kid, for {}", key.algorithm()),
    };
    new.iter()
        .filter(is_new)
        .take(MAX_NAMED_KEYS)
        .map(name)
        .collect()
}
