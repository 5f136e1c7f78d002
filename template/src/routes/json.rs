use std::error::Error;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, HeaderValue},
    },
};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use tower_http::timeout::TimeoutError;

use crate::{error::AppError, problem::FieldError};

/// A body of JSON, whose faults are told with the place where they are.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        parse(&read(request, state).await?).map(Self)
    }
}

/// The bytes of a body that says to be JSON.
pub(crate) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, AppError> {
    if !is_json(request.headers()) {
        let detail = "send JSON, with content-type: application/json".to_owned();
        return Err(AppError::Malformed(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            detail,
        ));
    }
    Bytes::from_request(request, state).await.map_err(unread)
}

/// What they say.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AppError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(unfit)?;
    json.end().map_err(malformed)?;
    Ok(value)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    media_type.is_some_and(|media_type| {
        let essence = media_type.ok().and_then(|text| text.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    })
}

/// Too long (413), too slow (408), or broken off.
pub(crate) fn unread(rejection: BytesRejection) -> AppError {
    if is_late(&rejection) {
        let detail = "the body took too long to arrive".to_owned();
        return AppError::Malformed(StatusCode::REQUEST_TIMEOUT, detail);
    }
    AppError::Malformed(rejection.status(), rejection.body_text())
}

/// axum does not know the error of a deadline from any other.
fn is_late(rejection: &BytesRejection) -> bool {
    let first: Option<&(dyn Error + 'static)> = Some(rejection);
    std::iter::successors(first, |&error| error.source()).any(|error| error.is::<TimeoutError>())
}

/// JSON that is none is 400; JSON of another shape is 422, with the field.
fn unfit(error: serde_path_to_error::Error<serde_json::Error>) -> AppError {
    let pointer = pointer(error.path());
    let error = error.into_inner();
    if error.is_data() {
        let detail = error.to_string();
        AppError::Invalid(vec![FieldError { pointer, detail }])
    } else {
        malformed(error)
    }
}

fn malformed(error: serde_json::Error) -> AppError {
    AppError::Malformed(StatusCode::BAD_REQUEST, format!("no JSON: {error}"))
}

/// RFC 6901 section 6.
fn pointer(path: &Path) -> String {
    let segments = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        other => format!(
            "/{}",
            other.to_string().replace('~', "~0").replace('/', "~1")
        ),
    });
    format!("#{}", encoded(&segments.collect::<String>()))
}

/// What may stand in a fragment stays, all else is percent-encoded (RFC 3986 section 3.5).
fn encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b if b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&b) => {
            char::from(b).to_string()
        }
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}
