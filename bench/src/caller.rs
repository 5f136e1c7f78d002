//! Calls a router as a server does, without the server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::Service;

/// The caller's trace, sampled.
pub const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// The same, not sampled.
pub const NOT_SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
/// The trace's id, as text.
pub const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// The requests that are sent, one path after the other.
#[derive(Clone)]
pub struct Requests {
    uris: Arc<[Uri]>,
    /// In turn, too.
    headers: Arc<[HeaderMap]>,
}

impl Requests {
    /// `GET /items/7` with the headers of a client that traces.
    pub fn item(traceparent: &'static str) -> Self {
        Self::to([Uri::from_static("/items/7")].into(), traceparent)
    }

    /// The same to one route of many, or to all of them in turn.
    pub fn to(uris: Arc<[Uri]>, traceparent: &'static str) -> Self {
        let headers = [
            (header::HOST, "shop.example.com"),
            (header::USER_AGENT, "bench/1.0"),
            (header::ACCEPT, "application/json"),
            (header::HeaderName::from_static("traceparent"), traceparent),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self {
            uris,
            headers: [headers.into_iter().collect()].into(),
        }
    }

    /// The same, each with one of these fields `Authorization`.
    pub fn authorized(self, fields: &[HeaderValue]) -> Self {
        let with = |field: &HeaderValue| {
            let mut headers = self.headers[0].clone();
            headers.insert(header::AUTHORIZATION, field.clone());
            headers
        };
        Self {
            headers: fields.iter().map(with).collect(),
            ..self
        }
    }

    /// The request of this turn. Threads begin with different paths, and share no
    /// headers if there are several.
    fn of(&self, thread: usize, turn: usize) -> Request<Body> {
        let paths = self.uris.len();
        let path = (turn + thread * (paths / THREADS)) % paths;
        let headers = (turn * THREADS + thread) % self.headers.len();
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uris[path].clone();
        *request.headers_mut() = self.headers[headers].clone();
        request
    }
}

/// So many threads call at once.
pub const THREADS: usize = 2;

/// One thread's clone of the router.
pub struct Caller {
    runtime: Runtime,
    router: Router,
    requests: Requests,
    thread: usize,
    turn: usize,
}

impl Caller {
    pub fn new(router: Router, requests: Requests, thread: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Self {
            runtime: runtime.expect("a runtime without drivers needs nothing"),
            router,
            requests,
            thread,
            turn: 0,
        }
    }

    /// What the first request is answered.
    pub fn status(&mut self) -> StatusCode {
        let request = self.requests.of(self.thread, 0);
        let Ok(response) = self.runtime.block_on(self.router.call(request));
        response.status()
    }

    /// Sends so many requests, one after the other, and reads each body to its end.
    pub fn call(&mut self, times: u64) -> Duration {
        let Self {
            runtime,
            router,
            requests,
            thread,
            turn,
        } = self;
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..times {
                let request = requests.of(*thread, *turn);
                *turn += 1;
                let response = match router.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                assert!(response.status().is_success(), "{}", response.status());
                let mut body = response.into_body();
                while let Some(frame) = body.frame().await {
                    std::hint::black_box(frame.expect("a body in memory does not fail"));
                }
            }
            start.elapsed()
        })
    }
}
