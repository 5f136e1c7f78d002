//! Calls to another service, which may be slow, down, or wrong.
//!
//! Make one [`HttpClient`] for each service that is called: what it learns of one
//! says nothing of another. A call passes, outermost first:
//!
//! ```text
//! call_timeout      the whole: attempts, waits between them, the answer's body
//!  attempts         repeats what may be repeated, as long as the budget lasts
//!   circuit         after many failures in a row: no call for a while, then one probe
//!    metrics        http.client.request.duration of each attempt
//!     trace         a client span for each attempt, sent along
//!      reqwest      connect and read time-outs, pooled connections, no redirects
//! ```
//!
//! What may be repeated: a request by an idempotent method (RFC 9110 section 9.2.2),
//! or with an `Idempotency-Key`; that failed on the way, or was answered 429, 502,
//! 503 or 504. The wait is random up to a bound that doubles (full jitter), or what
//! `Retry-After` asks for. The bounds are those of [`config::Client`].

mod attempt;
mod circuit;
mod error;
mod metrics;
mod retry;

use std::{sync::Arc, time::Instant};

use axum::{
    body::Bytes,
    http::{Request, Response},
};
use axum_chassis::trace::client::{ClientTrace, ClientTraceLayer, Reqwest};
use opentelemetry_sdk::trace::SdkTracer;
use tokio::time::sleep;
use tower::Layer;

pub use self::error::CallError;
use self::{circuit::Breaker, metrics::Metrics, retry::Retries};
use crate::{config, telemetry::Telemetry};

/// What a call comes to. An error status is an answer.
pub type Outcome = Result<Response<Bytes>, CallError>;

/// A client of one other service. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    http: ClientTrace<Reqwest, SdkTracer>,
    bounds: Arc<config::Client>,
    retries: Arc<Retries>,
    circuit: Breaker,
    metrics: Metrics,
}

impl HttpClient {
    /// A client of the service of this name: in metrics it is `client.name`.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(
        name: &'static str,
        bounds: &config::Client,
        telemetry: &Telemetry,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(bounds.connect_timeout)
            .read_timeout(bounds.read_timeout)
            // A redirect leads where nobody has said that requests may go.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let circuit = Breaker::new(bounds.circuit_failures, bounds.circuit_open);
        Ok(Self {
            http: ClientTraceLayer::new(telemetry.tracer()).layer(Reqwest::new(http)),
            bounds: Arc::new(bounds.clone()),
            retries: Arc::new(Retries::new(bounds)),
            metrics: Metrics::new(name, &telemetry.meter(), circuit.clone()),
            circuit,
        })
    }

    /// Sends a request, again if need be, and reads the answer whole.
    ///
    /// # Errors
    ///
    /// [`CallError`]: there is no answer, or it is too long.
    pub async fn call(&self, request: Request<Bytes>) -> Outcome {
        let deadline = Instant::now() + self.bounds.call_timeout;
        self.retries.deposit();
        let mut outcome = Err(CallError::CircuitOpen);
        for resends in 0.. {
            let Some(permit) = self.circuit.admit() else {
                self.metrics.circuit_was_open();
                break;
            };
            outcome = self.attempt(&request, resends, deadline).await;
            permit.report(retry::is_healthy(&outcome));
            let Some(wait) = self.retries.wait(&request, &outcome, resends, deadline) else {
                break;
            };
            if !self.retries.withdraw() {
                self.metrics.budget_was_empty();
                break;
            }
            self.metrics.retried();
            sleep(wait).await;
        }
        outcome
    }
}
