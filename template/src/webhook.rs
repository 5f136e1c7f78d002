//! Tells another service of new items: an example of a call, to copy from and to
//! delete.
//!
//! Off unless `webhook.url` is set. A notice is sent beside the request that it is
//! about, which never waits for it and never fails by it. At the end of the process
//! those in work are finished; what the bounds of [`crate::client`] give up is lost.
//! What must not be lost is told by way of a database: `store.outbox`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    http::{
        Method, Request, Uri,
        header::{CONTENT_TYPE, HeaderValue},
    },
};
use axum_chassis::{Cause, trace::client::SecretUrl};
use opentelemetry::{KeyValue, metrics::Counter, trace::FutureExt};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{
    client::{HttpClient, Outcome},
    config::Config,
    idempotency::IDEMPOTENCY_KEY,
    items::Item,
    telemetry::{Telemetry, names::webhook as names},
};

/// How many notices may be in work; those beyond are dropped.
const MAX_IN_WORK: u32 = 100;
/// What says where to.
const SETTING: &str = "webhook.url";

/// Who is told, if anybody is. Cheap to clone.
#[derive(Clone)]
pub struct Webhook(Option<Arc<Target>>);

struct Target {
    client: HttpClient,
    url: Uri,
    in_work: Arc<Semaphore>,
    notices: Counter<u64>,
}

#[derive(Serialize)]
struct Notice<'a> {
    event: &'static str,
    item: &'a Item,
}

/// Why there is no webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL is none.
    #[error("webhook.url is no URL")]
    Url(#[from] axum::http::uri::InvalidUri),
    /// There is no TLS.
    #[error("TLS cannot be set up")]
    Client(#[from] reqwest::Error),
}

impl Webhook {
    /// Makes a client, if somebody is to be told.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(config: &Config, telemetry: &Telemetry) -> Result<Self, WebhookError> {
        let Some(url) = &config.webhook.url else {
            return Ok(Self(None));
        };
        let meter = telemetry.meter();
        Ok(Self(Some(Arc::new(Target {
            client: HttpClient::new("webhook", &config.client, telemetry)?,
            url: url.expose().parse()?,
            in_work: Arc::new(Semaphore::new(MAX_IN_WORK as usize)),
            notices: meter
                .u64_counter(names::NOTICES)
                .with_description("Notices of new items.")
                .with_unit("{notice}")
                .build(),
        }))))
    }

    /// An item was made.
    pub fn item_created(&self, item: &Item) {
        let Some(target) = self.0.clone() else { return };
        let event = "item.created";
        // Strings, numbers and dates: there is nothing in it that JSON cannot hold.
        let body = serde_json::to_vec(&Notice { event, item }).unwrap_or_default();
        // The same notice may come twice; by its key the other side can tell.
        let key = HeaderValue::try_from(format!("\"{event} {}\"", item.id));
        let key = key.expect("a UUID makes a header");
        match Arc::clone(&target.in_work).try_acquire_owned() {
            Ok(permit) => {
                let sending = target.send(item.id, body.into(), key, permit);
                tokio::spawn(sending.with_current_context());
            }
            Err(_) => target.count("dropped"),
        }
    }

    /// Waits until no notice is in work.
    pub async fn finish(&self) {
        if let Some(target) = &self.0 {
            // It is never closed, so that this is no more than waiting.
            let _ = target.in_work.acquire_many(MAX_IN_WORK).await;
        }
    }
}

impl Target {
    async fn send(
        self: Arc<Self>,
        item: Uuid,
        body: Bytes,
        key: HeaderValue,
        _permit: OwnedSemaphorePermit,
    ) {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        request.extensions_mut().insert(SecretUrl);
        self.tell(item, self.client.call(request).await);
    }

    fn tell(&self, item: Uuid, outcome: Outcome) {
        match outcome {
            Ok(answer) if answer.status().is_success() => self.count("delivered"),
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::warn!(%item, setting = SETTING, status, "a notice was refused");
                self.count("refused");
            }
            Err(error) => {
                let cause = Cause::new(error);
                tracing::warn!(%item, setting = SETTING, %cause, "a notice was not delivered");
                self.count("failed");
            }
        }
    }

    fn count(&self, outcome: &'static str) {
        let outcome = KeyValue::new(names::OUTCOME, outcome);
        self.notices.add(1, &[outcome]);
    }
}
