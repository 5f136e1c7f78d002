use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::BoxError;
use axum_chassis::Cause;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};
use time::OffsetDateTime;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    Outbox,
    publisher::{PublishError, Publisher},
    queue::{Queue, Waiting},
};
use crate::{
    config,
    store::StoreError,
    telemetry::{Telemetry, names::outbox as names},
};

/// Brings events from the outbox to who is told of them. Each worker has one at a time;
/// those of other instances are no different.
pub(super) struct Relay {
    outbox: Outbox,
    queue: Queue,
    publisher: Publisher,
    deliveries: Counter<u64>,
    waiting: Arc<Mutex<Option<Waiting>>>,
    /// For how long an event is its worker's alone: a call, and as long again to say what
    /// became of it.
    lease: Duration,
    interval: Duration,
    max_backoff: Duration,
}

/// Why a worker rests.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox cannot be read or written")]
    Queue(#[from] StoreError),
    #[error("event {id} has not arrived at store.outbox.url")]
    Publish { id: Uuid, source: PublishError },
}

impl RelayError {
    /// Whether it is one event's fault: the next may arrive.
    fn is_of_the_event(&self) -> bool {
        match self {
            Self::Queue(_) => false,
            Self::Publish { source, .. } => source.is_of_the_event(),
        }
    }
}

impl Relay {
    pub(super) fn new(
        outbox: Outbox,
        queue: Queue,
        config: &config::Config,
        telemetry: &Telemetry,
    ) -> Result<Self, BoxError> {
        let settings = &config.store.outbox;
        let meter = telemetry.meter();
        let waiting = Arc::default();
        observe(&meter, Arc::clone(&waiting));
        Ok(Self {
            outbox,
            queue,
            publisher: Publisher::new(settings, &config.client, telemetry)?,
            deliveries: deliveries(&meter),
            waiting,
            lease: 2 * config.client.call_timeout,
            interval: settings.interval,
            max_backoff: settings.max_backoff,
        })
    }

    pub(super) fn spawn(self, workers: u32) {
        let relay = Arc::new(self);
        let tasks = &relay.outbox.tasks;
        for _ in 0..workers {
            tasks.spawn(Arc::clone(&relay).work());
        }
        tasks.spawn(Arc::clone(&relay).look());
    }

    /// Publishes one event after the other, and rests while nobody takes any. Told to stop,
    /// it ends when there is no other, or one fails.
    async fn work(self: Arc<Self>) {
        let Outbox { wake, stop, .. } = &self.outbox;
        let mut failures = 0;
        loop {
            let published = self.publish_next().await;
            let goes_on = matches!(published, Ok(true)) || !stop.is_cancelled();
            match published {
                Ok(true) => failures = 0,
                Ok(false) => tokio::select! {
                    () = wake.notified() => {}
                    () = stop.cancelled() => {}
                    () = sleep(self.interval) => {}
                },
                Err(error) => {
                    let may_take_the_next = error.is_of_the_event();
                    tracing::warn!(cause = %Cause::new(error), "an event waits");
                    if may_take_the_next {
                        failures = 0;
                    } else {
                        failures += 1;
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = sleep(self.backoff(failures)) => {}
                        }
                    }
                }
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Publishes an event, if there is one.
    async fn publish_next(&self) -> Result<bool, RelayError> {
        let now = OffsetDateTime::now_utc();
        let Some(event) = self.queue.claim(now, now + self.lease).await? else {
            return Ok(false);
        };
        // Where there is one there may be more.
        self.outbox.wake();
        let published = self.publisher.publish(&event).await;
        self.count(&published);
        match published {
            Ok(()) => self.queue.remove(&event).await?,
            Err(error) => {
                let until = OffsetDateTime::now_utc() + self.backoff(event.attempts);
                self.queue.put_off(&event, until).await?;
                return Err(RelayError::Publish {
                    id: event.id,
                    source: error,
                });
            }
        }
        Ok(true)
    }

    /// The wait after so many failures.
    fn backoff(&self, failures: i64) -> Duration {
        let doublings = u32::try_from(failures - 1).unwrap_or(u32::MAX);
        let wait = self
            .interval
            .saturating_mul(2_u32.saturating_pow(doublings));
        wait.min(self.max_backoff)
    }

    /// Looks now and then what waits.
    async fn look(self: Arc<Self>) {
        while !self.outbox.stop.is_cancelled() {
            // Workers tell of a database that fails.
            if let Ok(waiting) = self.queue.waiting().await {
                *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
            }
            tokio::select! {
                () = self.outbox.stop.cancelled() => {}
                () = sleep(self.interval) => {}
            }
        }
    }

    fn count(&self, published: &Result<(), PublishError>) {
        let outcome = match published {
            Ok(()) => "published",
            Err(PublishError::Refused(_)) => "refused",
            Err(PublishError::Failed(_)) => "failed",
        };
        self.deliveries
            .add(1, &[KeyValue::new(names::OUTCOME, outcome)]);
    }
}

fn deliveries(meter: &Meter) -> Counter<u64> {
    let deliveries = meter
        .u64_counter(names::DELIVERIES)
        .with_description("Events that were sent, by what became of them.")
        .with_unit("{event}")
        .build();
    // The series are there before the first one.
    for outcome in ["published", "refused", "failed"] {
        deliveries.add(0, &[KeyValue::new(names::OUTCOME, outcome)]);
    }
    deliveries
}

fn observe(meter: &Meter, waiting: Arc<Mutex<Option<Waiting>>>) {
    let waiting = move || *waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let events = waiting.clone();
    meter
        .i64_observable_gauge(names::EVENTS)
        .with_description("Events that have not been published, up to 10,000.")
        .with_unit("{event}")
        .with_callback(move |observer| {
            if let Some(waiting) = events() {
                observer.observe(waiting.events, &[]);
            }
        })
        .build();
    meter
        .f64_observable_gauge(names::OLDEST_AGE)
        .with_description("Since when the oldest event has waited.")
        .with_unit("s")
        .with_callback(move |observer| {
            if let Some(waiting) = waiting() {
                observer.observe(waiting.age_seconds(), &[]);
            }
        })
        .build();
}
