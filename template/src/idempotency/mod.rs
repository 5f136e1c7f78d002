//! `Idempotency-Key`: a request that is sent twice is done once.
//!
//! A handler that takes [`Idempotent`] for its body begins its [`Work`] with the
//! key, and commits it with the answer:
//!
//! ```
//! # use axum::{Json, extract::State, response::{IntoResponse, Response}};
//! # use service::{error::AppError, idempotency::Idempotent, items::{Draft, ItemInput, Owner}, store::Store};
//! async fn create(
//!     State(store): State<Store>,
//!     owner: Owner,
//!     Idempotent(once, input): Idempotent<ItemInput>,
//! ) -> Result<Response, AppError> {
//!     let draft = Draft::try_from(input)?;
//!     let mut work = once.begin(&store).await?;
//!     let item = work.create_item(&owner, &draft).await?;
//!     work.commit(Json(item).into_response()).await
//! }
//! ```
//!
//! The answer is kept **in the transaction of the write**: after a crash both are
//! there or neither, and a client that does not know sends the request again with
//! the same key. It gets the same answer, marked by `idempotent-replayed: true`;
//! 409 while the first is still in work; 422 if the request is another. A request
//! that fails has written nothing, so that nothing is kept of it.
//!
//! A key belongs to whom the token names and to the route, and lives for
//! `idempotency.retention`. Without the header a request is done each time.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header-07.

mod answer;
mod expiry;
mod extract;
mod key;
mod work;

use std::time::Duration;

use axum::http::{HeaderName, StatusCode};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};

pub use self::{
    answer::{Answer, MAX_BODY_BYTES},
    expiry::spawn_clean_up,
    extract::Idempotent,
    key::{Fingerprint, Key},
    work::{Once, Work},
};
use crate::{problem::Problem, telemetry::names::idempotency as names};

/// The header of a request.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What the store knows of a key when somebody claims it.
#[derive(Debug)]
pub enum Claim {
    /// Nothing: it is the claimant's until the end of its work.
    Granted,
    /// Another request with it is in work.
    Taken,
    /// A request with it was answered.
    Answered(Answer),
}

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The header is no string, or is too long.
    #[error("Idempotency-Key is malformed")]
    Malformed,
    /// The first request with it is still in work.
    #[error("a request with this Idempotency-Key is in work")]
    InWork,
    /// It came with another request.
    #[error("this Idempotency-Key belongs to another request")]
    Reused,
    /// The answer cannot be kept, so that the work is not done.
    #[error("the answer has more than {MAX_BODY_BYTES} bytes, or its body failed")]
    AnswerTooLarge(#[source] axum::Error),
}

impl IdempotencyError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::InWork => StatusCode::CONFLICT,
            Self::Reused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::AnswerTooLarge(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The problem of this kind, where the client can do something about it.
    pub(crate) fn describe(&self, problem: Problem) -> Problem {
        match self {
            Self::Malformed => problem
                .kind(
                    "urn:problem-type:idempotency-key-malformed",
                    "Malformed Idempotency-Key",
                )
                .detail("send one string of 1 to 255 characters in quotes, such as a UUID"),
            Self::InWork => problem
                .kind(
                    "urn:problem-type:idempotency-key-in-work",
                    "Request in work",
                )
                .detail("a request with this Idempotency-Key is in work: try again soon"),
            Self::Reused => problem
                .kind(
                    "urn:problem-type:idempotency-key-reused",
                    "Idempotency-Key reused",
                )
                .detail("another request came with this Idempotency-Key: send a new one"),
            Self::AnswerTooLarge(_) => problem,
        }
    }
}

/// What all requests with a key share: for how long answers are kept, and a count of
/// what becomes of them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Idempotency {
    retention: Duration,
    requests: Counter<u64>,
}

impl Idempotency {
    /// Keeps answers for `retention`.
    pub fn new(retention: Duration, meter: &Meter) -> Self {
        let requests = meter
            .u64_counter(names::REQUESTS)
            .with_description("Requests with an Idempotency-Key.")
            .with_unit("{request}")
            .build();
        Self {
            retention,
            requests,
        }
    }

    fn count(&self, outcome: &'static str) {
        self.requests
            .add(1, &[KeyValue::new(names::OUTCOME, outcome)]);
    }
}
