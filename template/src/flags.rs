//! What can be switched while the service runs: where it is read.
//!
//! [`Flags`](crate::config::Flags) has them all. A handler reads one by its state:
//! `state.live.read(|config| config.flags.read_only)`.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};

use crate::{problem::Problem, reload::Live, step::Step};

/// Seconds after which a refused write may be worth another try.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("30");

/// Refuses what is not safe (RFC 9110 section 9.2.1) while `flags.read_only` is on.
#[derive(Clone, Debug)]
pub struct ReadOnly(pub Live);

impl Step for ReadOnly {
    type Rest = ();

    fn before(&self, request: &Request) -> Result<(), Response> {
        if request.method().is_safe() || !self.0.read(|config| config.flags.read_only) {
            return Ok(());
        }
        let mut response = Problem::of_status(StatusCode::SERVICE_UNAVAILABLE)
            .kind("urn:problem-type:read-only", "Read only")
            .detail("nothing can be changed at present: try again later")
            .into_response();
        response
            .headers_mut()
            .insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        Err(response)
    }
}
