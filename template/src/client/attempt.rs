use std::time::Instant;

use axum::{
    BoxError,
    body::Bytes,
    http::{Request, Response},
};
use axum_chassis::trace::client::ResendCount;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout_at;
use tower::ServiceExt;

use super::{CallError, HttpClient, Outcome};

impl HttpClient {
    /// Sends a request once, and waits for the answer until the deadline. What is not
    /// answered by then has failed: a circuit must open for a service that only trickles.
    pub(super) async fn attempt(
        &self,
        request: &Request<Bytes>,
        resends: u32,
        deadline: Instant,
    ) -> Outcome {
        let mut request = request.clone();
        if resends > 0 {
            request.extensions_mut().insert(ResendCount(resends));
        }
        let measured = self.metrics.start(&request);
        let answer = timeout_at(deadline.into(), self.send(request)).await;
        let answer = answer.unwrap_or(Err(CallError::TimedOut));
        measured.end(&answer);
        answer
    }

    async fn send(&self, request: Request<Bytes>) -> Outcome {
        let answer = self.http.clone().oneshot(request).await;
        let (head, body) = answer.map_err(failed)?.into_parts();
        let body = Limited::new(body, self.bounds.response_limit_bytes);
        let body = body.collect().await.map_err(unread)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

fn failed(error: impl Into<BoxError>) -> CallError {
    CallError::Failed(error.into())
}

fn unread(error: BoxError) -> CallError {
    if error.is::<LengthLimitError>() {
        CallError::TooLong
    } else {
        CallError::Failed(error)
    }
}
