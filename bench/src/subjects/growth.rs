//! Whether a layer's cost grows with the number of routes, or with that of the
//! series that are in use.

use anyhow::Result;
use axum::Router;

use super::{bare, metrics, trace};
use crate::{
    caller::{Caller, Requests, SAMPLED},
    catalogue::{Entry, Kind},
    subject::Subject,
};

/// Of so many known routes, one is asked.
pub const ONE_OF: &[Entry] = &[
    entry("bare, 1", bare::<1, false>),
    entry("metrics, 1", metrics::<1, false>),
    entry("trace, 1", trace::<1, false>),
    entry("bare, 100", bare::<100, false>),
    entry("metrics, 100", metrics::<100, false>),
    entry("trace, 100", trace::<100, false>),
    entry("bare, 10000", bare::<10_000, false>),
    entry("metrics, 10000", metrics::<10_000, false>),
    entry("trace, 10000", trace::<10_000, false>),
];

/// All of so many routes are asked, one after the other.
pub const IN_TURN: &[Entry] = &[
    entry("bare, 1", bare::<1, true>),
    entry("metrics, 1", metrics::<1, true>),
    entry("trace, 1", trace::<1, true>),
    entry("bare, 100", bare::<100, true>),
    entry("metrics, 100", metrics::<100, true>),
    entry("trace, 100", trace::<100, true>),
    entry("bare, 10000", bare::<10_000, true>),
    entry("metrics, 10000", metrics::<10_000, true>),
    entry("trace, 10000", trace::<10_000, true>),
];

/// What it does follows from its name; the layers are those from above.
const fn entry(name: &'static str, prepare: fn() -> Result<Subject>) -> Entry {
    let kind = if name.as_bytes()[0] == b'b' {
        Kind::Base
    } else {
        Kind::Ours
    };
    Entry {
        name,
        kind,
        packages: &[],
        about: "",
        prepare,
    }
}

fn bare<const ROUTES: usize, const IN_TURN: bool>() -> Result<Subject> {
    Ok(subject::<ROUTES, IN_TURN>(&bare::router_of(ROUTES)))
}

fn metrics<const ROUTES: usize, const IN_TURN: bool>() -> Result<Subject> {
    let (layer, page) = metrics::layer();
    let router = bare::router_of(ROUTES).layer(layer);
    // So that every route has its series, also where one alone is asked later.
    let all = Requests::to(bare::paths_of(ROUTES), SAMPLED);
    Caller::new(router.clone(), all, 0).call(ROUTES as u64);
    Ok(subject::<ROUTES, IN_TURN>(&router).prove(move |requests| {
        metrics::prove(
            &page(),
            "http_server_request_duration_seconds_count",
            r#"http_route="/things"#,
            requests + ROUTES as u64,
        )
    }))
}

fn trace<const ROUTES: usize, const IN_TURN: bool>() -> Result<Subject> {
    let spans = trace::Spans::start();
    let router = bare::router_of(ROUTES).layer(trace::sampled::layer(&spans));
    let flushed = spans.clone();
    Ok(subject::<ROUTES, IN_TURN>(&router)
        .settle(move || flushed.flush())
        .prove(move |requests| spans.prove_count(requests)))
}

fn subject<const ROUTES: usize, const IN_TURN: bool>(router: &Router) -> Subject {
    let paths = bare::paths_of(ROUTES);
    let asked = if IN_TURN {
        paths
    } else {
        [paths[0].clone()].into()
    };
    Subject::router(router, Requests::to(asked, SAMPLED))
}
