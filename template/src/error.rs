//! What can go wrong in a handler, and what the client is told of it.

use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use axum_chassis::Cause;

use crate::{
    idempotency::{Answer, IdempotencyError},
    problem::{FieldError, Problem},
    store::StoreError,
};

/// The error of every handler.
///
/// It becomes a [`Problem`] for the client; the cause of a 5xx rides in the
/// response's extensions to the trace layer, which logs it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no such thing, or it is somebody else's.
    #[error("not found")]
    NotFound,
    /// The request is not what the API expects, in its form.
    #[error("{1}")]
    Malformed(StatusCode, String),
    /// The request has the right form, but breaks rules: all of them are told.
    #[error("{} faulty fields", .0.len())]
    Invalid(Vec<FieldError>),
    /// A change without `If-Match` could undo somebody else's.
    #[error("If-Match is missing")]
    PreconditionRequired,
    /// The thing has changed since the client read it.
    #[error("If-Match does not match")]
    PreconditionFailed,
    /// The request's `Idempotency-Key` does not allow it.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// It has been done before, and this was the answer. No fault at all, but what
    /// ends a handler early.
    #[error("answered before")]
    Answered(Box<Answer>),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Malformed(status, _) => *status,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::Idempotency(error) => error.status(),
            Self::Answered(answer) => answer.status,
            Self::Store(StoreError::NameTaken) => StatusCode::CONFLICT,
            Self::Store(StoreError::Full { .. }) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Store(StoreError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(StoreError::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the same request may well succeed a moment later.
    fn is_over_soon(&self) -> bool {
        matches!(self, Self::Idempotency(IdempotencyError::InWork))
            || self.status() == StatusCode::SERVICE_UNAVAILABLE
    }

    fn problem(&self) -> Problem {
        let problem = Problem::of_status(self.status());
        match self {
            Self::NotFound | Self::Answered(_) | Self::Store(StoreError::Failed(_)) => problem,
            Self::Idempotency(error) => error.describe(problem),
            Self::Malformed(_, detail) => problem
                .kind("urn:problem-type:malformed-request", "Malformed request")
                .detail(detail),
            Self::Invalid(errors) => problem
                .kind("urn:problem-type:invalid-fields", "Invalid fields")
                .errors(errors.clone()),
            Self::PreconditionRequired => problem
                .kind(
                    "urn:problem-type:precondition-required",
                    "Precondition required",
                )
                .detail("send the ETag that you last read in If-Match"),
            Self::PreconditionFailed => problem
                .kind(
                    "urn:problem-type:precondition-failed",
                    "Precondition failed",
                )
                .detail("it has changed since: read it again, then repeat the change"),
            Self::Store(StoreError::NameTaken) => problem
                .kind("urn:problem-type:name-taken", "Name taken")
                .detail("you have an item of this name: choose another"),
            Self::Store(StoreError::Full { .. }) => problem
                .kind("urn:problem-type:store-full", "Store full")
                .detail("there is no room for more: delete something first"),
            Self::Store(StoreError::Unavailable(_)) => {
                problem.detail("the store cannot be reached: try again soon")
            }
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        if let Self::Answered(answer) = self {
            return answer.into_response();
        }
        let mut response = self.problem().into_response();
        if self.is_over_soon() {
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        if response.status().is_server_error() {
            response.extensions_mut().insert(Cause::new(self));
        }
        response
    }
}
