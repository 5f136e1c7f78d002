use axum::{
    BoxError,
    body::Bytes,
    http::{
        Method, Request, StatusCode, Uri,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
};
use axum_chassis::trace::client::SecretUrl;
use opentelemetry::trace::FutureExt;

use super::{Config, TRACE_CONTEXT, TRACEPARENT, queue::Event};
use crate::{
    client::{CallError, HttpClient},
    config,
    idempotency::IDEMPOTENCY_KEY,
    telemetry::Telemetry,
};

/// Where events go: by POST, as CloudEvents in JSON. A broker would go here.
pub(super) struct Publisher {
    client: HttpClient,
    url: Uri,
}

/// Why an event has not arrived.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    #[error("it was refused with {0}")]
    Refused(StatusCode),
    #[error(transparent)]
    Failed(#[from] CallError),
}

impl PublishError {
    /// Whether who has answered takes events, but not this one.
    pub(super) fn is_of_the_event(&self) -> bool {
        matches!(self, Self::Refused(status)
            if status.is_client_error() && *status != StatusCode::TOO_MANY_REQUESTS)
    }
}

impl Publisher {
    /// One, where `config` says to whom.
    pub(super) fn new(
        config: &Config,
        bounds: &config::Client,
        telemetry: &Telemetry,
    ) -> Result<Self, BoxError> {
        let url = config.url.as_ref().ok_or("store.outbox.url is not set")?;
        Ok(Self {
            client: HttpClient::new("outbox", bounds, telemetry)?,
            url: url.expose().parse()?,
        })
    }

    /// Sends it, again if need be, within `client.call_timeout`. Its span is a child of
    /// that of the request that it was written in.
    pub(super) async fn publish(&self, event: &Event) -> Result<(), PublishError> {
        let mut request = Request::new(Bytes::from(event.event.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let json = HeaderValue::from_static("application/cloudevents+json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let key = HeaderValue::try_from(format!("\"{}\"", event.id));
        let key = key.expect("a UUID makes a header");
        request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        request.extensions_mut().insert(SecretUrl);

        let context = TRACE_CONTEXT.extract_context(&headers(event));
        let answer = self.client.call(request).with_context(context).await?;
        if !answer.status().is_success() {
            return Err(PublishError::Refused(answer.status()));
        }
        Ok(())
    }
}

fn headers(event: &Event) -> HeaderMap {
    let traceparent = event.traceparent.as_deref();
    let traceparent = traceparent.and_then(|value| HeaderValue::from_str(value).ok());
    let headers = traceparent.map(|value| (HeaderName::from_static(TRACEPARENT), value));
    headers.into_iter().collect()
}
