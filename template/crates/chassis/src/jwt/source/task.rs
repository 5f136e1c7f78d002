use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use opentelemetry::metrics::Meter;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use super::{
    KeySourceError,
    origin::{Document, Fetched, Origin},
    renewal::Renewal,
    telemetry::Telemetry,
};
use crate::{
    Cause,
    jwt::{KeySet, Keys, VerifierError},
};

/// How much of an error's text is told, in bytes: it may name a `kid`.
const MAX_FAILURE_BYTES: usize = 512;

/// Renews keys in the background. Dropping it stops that: the keys stay as they are.
#[derive(Debug)]
#[must_use = "the keys are not renewed any more when this is dropped"]
pub struct KeysTask {
    _task: JoinSet<()>,
}

/// What all sources can be told.
pub(super) struct Settings {
    /// Its name, for telemetry.
    pub(super) source: String,
    pub(super) cooldown: Duration,
    pub(super) meter: Option<Meter>,
}

/// Starts with no keys, and fetches them at once.
#[cfg(feature = "jwks")]
pub(super) fn start<O: Origin>(origin: O, settings: Settings) -> (Keys, KeysTask) {
    Renewer::new(origin, settings, None, KeySet::default()).spawn()
}

/// Starts with the keys of a document, which must be sound.
pub(super) fn start_with<O: Origin>(
    origin: O,
    settings: Settings,
    first: Document,
) -> Result<(Keys, KeysTask), KeySourceError> {
    let (keys, _) = read(&origin, &first)?;
    let pause = origin.pause_after(0);
    let mut renewer = Renewer::new(origin, settings, Some(first), keys);
    renewer.due = Instant::now() + pause;
    let telemetry = renewer.renewal.telemetry();
    telemetry.changed(&KeySet::default(), &renewer.keys.load());
    telemetry.succeeded();
    Ok(renewer.spawn())
}

fn read<O: Origin>(
    origin: &O,
    document: &Document,
) -> Result<(KeySet, Vec<VerifierError>), KeySourceError> {
    let (keys, unusable) = origin.read(&document.bytes)?;
    match keys.is_empty() {
        true => Err(KeySourceError::NoKeys),
        false => Ok((keys, unusable)),
    }
}

struct Renewer<O> {
    origin: O,
    keys: Arc<ArcSwap<KeySet>>,
    renewal: Arc<Renewal>,
    ended: watch::Sender<u64>,
    /// The document that the keys are of.
    document: Option<Document>,
    /// When the next attempt is, if nobody asks for one.
    due: Instant,
    failures: u32,
    last_failure: Option<String>,
}

impl<O: Origin> Renewer<O> {
    fn new(origin: O, settings: Settings, document: Option<Document>, keys: KeySet) -> Self {
        let (sender, ended) = watch::channel(0);
        let telemetry = Telemetry::new(settings.source, settings.meter.as_ref());
        let fetched = document.is_some();
        let renewal = Renewal::new(fetched, settings.cooldown, ended, telemetry);
        Self {
            origin,
            keys: Arc::new(ArcSwap::from_pointee(keys)),
            renewal: Arc::new(renewal),
            ended: sender,
            document,
            due: Instant::now(),
            failures: 0,
            last_failure: None,
        }
    }

    fn spawn(self) -> (Keys, KeysTask) {
        let keys = Keys::live(Arc::clone(&self.keys), Arc::clone(&self.renewal));
        let mut task = JoinSet::new();
        task.spawn(self.run());
        (keys, KeysTask { _task: task })
    }

    async fn run(mut self) {
        loop {
            self.renewal.pause(self.due).await;
            let is_on_demand = self.renewal.begin();
            self.attempt(is_on_demand).await;
            let error = self.last_failure.clone();
            self.renewal.end(error, self.due, &self.ended);
        }
    }

    async fn attempt(&mut self, is_on_demand: bool) {
        let begun = Instant::now();
        let known = self.document.as_ref();
        let known = known.and_then(|document| document.validator.as_ref());
        let fetched = self.origin.fetch(known).await;
        let outcome = fetched.and_then(|fetched| self.accept(fetched));
        let label = match &outcome {
            Ok((true, _)) => "changed",
            Ok((false, _)) => "unchanged",
            Err(error) => error.outcome(),
        };
        self.renewal.telemetry().attempted(label, begun.elapsed());
        match outcome {
            Ok((_, pause)) => self.succeeded(pause),
            Err(error) => self.failed(error, is_on_demand),
        }
    }

    /// Whether the keys have changed, and when to fetch again.
    fn accept(&mut self, fetched: Fetched) -> Result<(bool, Duration), KeySourceError> {
        let Some(document) = fetched.document else {
            return Ok((false, fetched.pause));
        };
        let known = self.document.as_ref();
        let is_new = known.is_none_or(|known| known.bytes != document.bytes);
        if is_new {
            let (keys, unusable) = read(&self.origin, &document)?;
            let old = self.keys.swap(Arc::new(keys));
            let telemetry = self.renewal.telemetry();
            telemetry.changed(&old, &self.keys.load());
            telemetry.unusable(unusable);
        }
        self.document = Some(document);
        Ok((is_new, fetched.pause))
    }

    fn succeeded(&mut self, pause: Duration) {
        self.due = Instant::now() + pause;
        self.renewal.telemetry().succeeded();
        if self.last_failure.take().is_some() {
            self.renewal.telemetry().recovered(self.failures);
        }
        self.failures = 0;
    }

    /// An attempt that somebody asked for leaves the schedule as it is: whoever makes up
    /// keys must not cause retries.
    fn failed(&mut self, error: KeySourceError, is_on_demand: bool) {
        self.failures = self.failures.saturating_add(1);
        let now = Instant::now();
        if !is_on_demand || self.due <= now {
            self.due = now + self.origin.pause_after(self.failures);
        }
        let mut failure = Cause::new(error).to_string();
        failure.truncate(failure.floor_char_boundary(MAX_FAILURE_BYTES));
        if self.last_failure.as_ref() != Some(&failure) {
            let has_keys = self.document.is_some();
            let retry_after = self.due - now;
            let telemetry = self.renewal.telemetry();
            telemetry.failed(&failure, has_keys, retry_after);
        }
        self.last_failure = Some(failure);
    }
}
