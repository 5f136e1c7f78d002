use std::process;

use axum::{Json, extract::State};
use serde::Serialize;
use time::OffsetDateTime;

use super::Operations;
use crate::{allocator, config::Profile, telemetry::SOURCE_REVISION};

/// Which build this is, and since when it serves.
#[derive(Serialize)]
pub(super) struct Info {
    name: &'static str,
    version: &'static str,
    /// The commit, where the build was told.
    revision: Option<&'static str>,
    rustc: &'static str,
    target: &'static str,
    /// `release` or `debug`.
    build: &'static str,
    allocator: &'static str,
    profile: Profile,
    process_id: u32,
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
}

pub(super) async fn show(State(state): State<Operations>) -> Json<Info> {
    Json(Info {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        revision: SOURCE_REVISION,
        rustc: env!("BUILD_RUSTC"),
        target: env!("BUILD_TARGET"),
        build: env!("BUILD_PROFILE"),
        allocator: allocator::NAME,
        profile: state.live.read(|config| config.profile),
        process_id: process::id(),
        started_at: state.started_at,
    })
}
