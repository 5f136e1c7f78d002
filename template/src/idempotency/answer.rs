use std::collections::BTreeMap;

use axum::{
    body::{Body, to_bytes},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, ETAG, LOCATION},
    },
    response::{IntoResponse, Response},
};

use super::{Fingerprint, IDEMPOTENT_REPLAYED, IdempotencyError};

/// The largest body of an answer that is kept.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The headers that are kept. All others are made anew for each answer.
const KEPT: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];

/// What a request was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked for.
    pub fingerprint: Fingerprint,
    /// The status code.
    pub status: StatusCode,
    /// The headers, by name.
    pub headers: BTreeMap<String, String>,
    /// The body, of at most [`MAX_BODY_BYTES`].
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads a response whole, and gives it back beside what is to be kept of it.
    pub(super) async fn read(
        fingerprint: Fingerprint,
        response: Response,
    ) -> Result<(Self, Response), IdempotencyError> {
        let (head, body) = response.into_parts();
        let body = to_bytes(body, MAX_BODY_BYTES).await;
        let body = body.map_err(IdempotencyError::AnswerTooLarge)?;
        let headers = KEPT.iter().filter_map(|name| {
            let value = head.headers.get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        });
        let answer = Self {
            fingerprint,
            status: head.status,
            headers: headers.collect(),
            body: body.to_vec(),
        };
        Ok((answer, Response::from_parts(head, Body::from(body))))
    }
}

/// The same answer once more, and marked as such.
impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value.try_into()) {
                headers.insert(name, value);
            }
        }
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        response
    }
}
