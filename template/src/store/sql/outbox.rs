//! Events for other services: each is a row that is written in the transaction of what it
//! tells of, and published from there, at least once.
//!
//! Off unless `store.outbox.url` is set. A [work](super::Work) that is undone has told
//! nothing; one that is committed is told of, whenever the process dies. Events of one
//! subject follow each other; those of several do not wait for one another. An event may
//! come twice, with the same id.

mod publisher;
mod queue;
mod relay;

use std::{sync::Arc, time::Duration};

use axum::http::HeaderMap;
use axum_chassis::trace::Propagation;
use opentelemetry::Context;
use serde::{Deserialize, Serialize};
use sqlx::Pool;
use time::OffsetDateTime;
use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use self::{queue::Queue, relay::Relay};
use super::Patience;
use crate::{
    config::{self, Faults, Secret},
    store::{StoreError, backend::Database},
    telemetry::Telemetry,
};

/// What is on its way at the end has this long to arrive.
const FAREWELL: Duration = Duration::from_secs(1);
/// Who made an event: with its id, it tells it from all others.
const SOURCE: &str = concat!("urn:service:", env!("CARGO_PKG_NAME"));
/// How a span is written into an event; how it goes on from there is `OTEL_PROPAGATORS`.
const TRACE_CONTEXT: Propagation = Propagation::none().with_trace_context();
const TRACEPARENT: &str = "traceparent";

/// Who is told of what has been written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where events are posted to, such as `https://example.com/events`. If it is not set,
    /// none is recorded.
    pub url: Option<Secret>,
    /// How many are on their way at a time at most, from each instance.
    pub workers: u32,
    /// How often it is looked for what others have left; also the wait after a failure.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// The longest wait: it doubles with each failure.
    #[serde(with = "humantime_serde")]
    pub max_backoff: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            workers: 4,
            interval: Duration::from_secs(1),
            max_backoff: Duration::from_secs(60),
        }
    }
}

impl Config {
    pub(in crate::store) fn validate(&self, faults: &mut Faults) {
        config::web_address("store.outbox.url", self.url.as_ref(), faults);
        if self.workers == 0 {
            faults.add("store.outbox.workers", 0, "must be 1 or more");
        }
        config::some_time("store.outbox.interval", self.interval, faults);
        if self.max_backoff < self.interval {
            let given = humantime_serde::re::humantime::format_duration(self.max_backoff);
            let reason = "must not be below store.outbox.interval";
            faults.add("store.outbox.max_backoff", given, reason);
        }
    }
}

/// Where events are written, and what brings them away. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    /// There may be an event that nobody works on.
    wake: Arc<Notify>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Outbox {
    /// One, if somebody is to be told.
    pub(super) fn new(config: &Config) -> Option<Self> {
        config.url.as_ref().map(|_| Self::default())
    }

    /// Begins to publish.
    pub(super) fn start(
        &self,
        pool: Pool<Database>,
        patience: Patience,
        config: &config::Config,
        telemetry: &Telemetry,
    ) -> Result<(), StoreError> {
        let queue = Queue::new(pool, patience);
        let relay = Relay::new(self.clone(), queue, config, telemetry);
        let relay = relay.map_err(StoreError::Failed)?;
        relay.spawn(config.store.outbox.workers);
        Ok(())
    }

    /// Something was recorded, and is true.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Publishes what is there, as far as it is soon done. The rest stays, and is sent by
    /// who comes next.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        // Whoever is later than this ends with the runtime.
        let _ = timeout(FAREWELL, self.tasks.wait()).await;
    }
}

/// An event as it is told.
///
/// Source: CloudEvents 1.0.2, JSON event format; distributed tracing extension.
#[derive(Serialize)]
struct CloudEvent<'a, T> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: T,
}

/// Writes an event. It is seen, and told of, from the end of the transaction on.
pub(super) async fn record<T: Serialize>(
    transaction: &mut sqlx::Transaction<'static, Database>,
    kind: &'static str,
    subject: &str,
    data: T,
) -> Result<(), sqlx::Error> {
    let (id, now, traceparent) = (Uuid::now_v7(), OffsetDateTime::now_utc(), traceparent());
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source: SOURCE,
        kind,
        subject,
        time: now,
        datacontenttype: "application/json",
        traceparent: traceparent.as_deref(),
        data,
    };
    let event = serde_json::to_string(&event).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO outbox (id, subject, event, traceparent, recorded_at, attempts, due_at)
         VALUES ($1, $2, $3, $4, $5, 0, $5)",
    )
    .bind(id)
    .bind(subject)
    .bind(event)
    .bind(traceparent)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The span that is current: the request's.
fn traceparent() -> Option<String> {
    let mut headers = HeaderMap::new();
    TRACE_CONTEXT.inject(&Context::current(), &mut headers);
    let value = headers.get(TRACEPARENT)?.to_str().ok()?;
    Some(value.to_owned())
}
