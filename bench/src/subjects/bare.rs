//! The router without a layer, and with one that does nothing.

use std::sync::Arc;

use anyhow::Result;
use axum::{Router, routing::get};
use http::Uri;

use crate::{
    caller::{Requests, SAMPLED},
    floor::Nothing,
    subject::Subject,
};

/// The route of [`router`].
pub const ROUTE: &str = "/items/{id}";

/// What it answers.
pub const ITEM: &str = r#"{"id":7,"name":"a chair"}"#;

async fn item() -> &'static str {
    ITEM
}

/// A router of one route.
pub fn router() -> Router {
    Router::new().route(ROUTE, get(item))
}

/// A router of so many routes.
pub fn router_of(routes: usize) -> Router {
    (0..routes).fold(Router::new(), |router, n| {
        router.route(&format!("/things{n}/{{id}}"), get(item))
    })
}

/// A path for each of so many routes, in an order that jumps.
pub fn paths_of(routes: usize) -> Arc<[Uri]> {
    // No common divisor with 10^n, so that every route has its turn.
    let step = 7_919 % routes.max(1);
    let paths = (0..routes).map(|n| format!("/things{}/7", n * step % routes));
    let uris = paths.map(|path| path.parse().expect("it is a path"));
    uris.collect()
}

pub fn bare() -> Result<Subject> {
    Ok(Subject::router(&router(), Requests::item(SAMPLED)))
}

pub fn nothing() -> Result<Subject> {
    let router = router().layer(Nothing);
    Ok(Subject::router(&router, Requests::item(SAMPLED)))
}
