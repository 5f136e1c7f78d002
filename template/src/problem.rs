//! Errors as the client sees them: `application/problem+json` (RFC 9457).

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use axum_chassis::trace::current_trace_id;
use serde::Serialize;
use utoipa::ToSchema;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem (RFC 9457 section 3.1).
///
/// `type` is `about:blank` where the status says it all, and otherwise a URN
/// that stays the same for as long as the API lives: clients may compare it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem-type:invalid-fields")]
    kind: &'static str,
    /// The kind in words.
    title: &'static str,
    /// The status of the answer, once more.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong this time, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Every field that is at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The trace in which to look for the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// One faulty field of a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where it is: a JSON Pointer as a URI fragment (RFC 6901 section 6).
    #[schema(example = "#/name")]
    pub pointer: String,
    /// What is allowed there.
    #[schema(example = "must have 1 to 100 characters")]
    pub detail: String,
}

impl Problem {
    /// A problem that is no more than its status.
    pub fn of_status(status: StatusCode) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
            trace_id: current_trace_id().map(|id| id.to_string()),
        }
    }

    /// The same, of a kind that clients can tell by its `type`.
    #[must_use]
    pub fn kind(self, kind: &'static str, title: &'static str) -> Self {
        Self {
            kind,
            title,
            ..self
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// The same, with the fields that are at fault.
    #[must_use]
    pub fn errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    fn body(&self) -> Body {
        // Strings and numbers: there is nothing in it that JSON cannot hold.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let mut response = Response::new(self.body());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
        response
    }
}

/// Gives every error that has no problem for a body the one of its status: the
/// 404 of the router, the 401 of the JWT layer, a 413, a panic's 500. Its other
/// headers and its extensions stay.
pub fn fill<B>(response: Response<B>) -> Response
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let (mut head, body) = response.into_parts();
    if !is_error || head.headers.get(CONTENT_TYPE) == Some(&MEDIA_TYPE) {
        return Response::from_parts(head, Body::new(body));
    }
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, MEDIA_TYPE);
    Response::from_parts(head, Problem::of_status(status).body())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn json(response: Response) -> serde_json::Value {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn a_bare_error_gets_the_problem_of_its_status_and_keeps_its_headers() {
        let bare = Response::builder()
            .status(401)
            .header("www-authenticate", "Bearer")
            .header("content-length", "0")
            .body(Body::empty())
            .unwrap();
        let filled = fill(bare);
        assert_eq!(filled.headers()["www-authenticate"], "Bearer");
        assert!(!filled.headers().contains_key("content-length"));
        let problem = json(filled).await;
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["title"], "Unauthorized");
        assert_eq!(problem["status"], 401);
    }

    #[tokio::test]
    async fn a_problem_is_left_as_it_is() {
        let problem = Problem::of_status(StatusCode::CONFLICT).detail("taken");
        assert_eq!(json(fill(problem.into_response())).await["detail"], "taken");
    }

    #[tokio::test]
    async fn a_success_is_left_as_it_is() {
        let filled = fill(Response::new(Body::from("\"fine\"")));
        assert_eq!(json(filled).await, "fine");
    }
}
