use axum::BoxError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Too many calls have failed of late: this one was not made.
    #[error("the circuit is open: too many calls have failed")]
    CircuitOpen,
    /// It took longer than `client.call_timeout`.
    #[error("no answer within client.call_timeout")]
    TimedOut,
    /// No connection, a broken one, or one that fell silent.
    #[error("the call failed")]
    Failed(#[source] BoxError),
    /// The answer is longer than `client.response_limit_bytes`.
    #[error("the answer is longer than client.response_limit_bytes")]
    TooLong,
}

impl CallError {
    /// `error.type`: one of a few values.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::TimedOut => "timeout",
            Self::Failed(error) => match error.downcast_ref::<reqwest::Error>() {
                Some(error) if error.is_timeout() => "timeout",
                Some(error) if error.is_connect() => "connect",
                _ => "transport",
            },
            Self::TooLong => "response_too_long",
        }
    }
}
