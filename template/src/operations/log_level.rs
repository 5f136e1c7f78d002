use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    error::AppError,
    problem::FieldError,
    routes::json,
    telemetry::{Level, LogLevel},
};

/// How long a filter lasts whose end nobody names.
const DEFAULT_EXPIRY: Duration = Duration::from_secs(10 * 60);
/// The longest that one may last: whoever chose it may forget it.
const LONGEST_EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is logged, and until when.
#[derive(Serialize)]
pub(super) struct Shown {
    filter: String,
    configured: String,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// What shall be logged, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    filter: String,
    #[serde(default = "default_expiry", with = "humantime_serde")]
    expires_after: Duration,
}

fn default_expiry() -> Duration {
    DEFAULT_EXPIRY
}

pub(super) async fn show(State(log_level): State<LogLevel>) -> Json<Shown> {
    Json(log_level.current().into())
}

/// By `PUT`: to do it twice is to do it once, but for the end.
pub(super) async fn choose(
    State(log_level): State<LogLevel>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Shown>, AppError> {
    let body = body.map_err(json::unread)?;
    let Wanted {
        filter,
        expires_after,
    } = wanted(&headers, &body)?;
    if expires_after.is_zero() || expires_after > LONGEST_EXPIRY {
        let detail = "must be longer than nothing and at most 24h, such as 10m";
        return Err(invalid("#/expires_after", detail));
    }
    if filter.trim().is_empty() {
        return Err(invalid(
            "#/filter",
            "must not be empty: write `off` for nothing",
        ));
    }
    log_level
        .choose(filter.trim(), expires_after)
        .map_err(|error| invalid("#/filter", error.to_string()))?;
    Ok(Json(log_level.current().into()))
}

pub(super) async fn reset(State(log_level): State<LogLevel>) -> Json<Shown> {
    log_level.reset();
    Json(log_level.current().into())
}

/// JSON, or the directives alone: as text, or as `curl --data` sends them.
fn wanted(headers: &HeaderMap, body: &[u8]) -> Result<Wanted, AppError> {
    let media_type = headers.get(CONTENT_TYPE).map(|value| value.to_str());
    let media_type = media_type.transpose().unwrap_or(Some("?"));
    let essence = media_type.and_then(|text| text.split(';').next());
    match essence
        .map(|text| text.trim().to_ascii_lowercase())
        .as_deref()
    {
        Some("application/json") => serde_json::from_slice(body).map_err(malformed),
        None | Some("text/plain" | "application/x-www-form-urlencoded") => {
            let filter = std::str::from_utf8(body).map_err(malformed)?.to_owned();
            Ok(Wanted {
                filter,
                expires_after: DEFAULT_EXPIRY,
            })
        }
        Some(_) => Err(AppError::Malformed(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send application/json or text/plain".to_owned(),
        )),
    }
}

fn malformed(error: impl std::error::Error) -> AppError {
    let detail =
        format!("{error}; send {{\"filter\": \"info,sqlx=warn\", \"expires_after\": \"10m\"}}");
    AppError::Malformed(StatusCode::BAD_REQUEST, detail)
}

fn invalid(pointer: &str, detail: impl Into<String>) -> AppError {
    AppError::Invalid(vec![FieldError {
        pointer: pointer.to_owned(),
        detail: detail.into(),
    }])
}

impl From<Level> for Shown {
    fn from(level: Level) -> Self {
        Self {
            filter: level.filter,
            configured: level.configured,
            expires_at: level.expires_at.map(OffsetDateTime::from),
        }
    }
}
