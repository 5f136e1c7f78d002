//! The health layer: what its probes answer, and what its checks make of them.

#![cfg(feature = "health")]
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod blocked;
#[cfg(feature = "health-certificate")]
mod certificate;
mod checks;
#[cfg(feature = "health-disk")]
mod disk;
mod events;
#[cfg(feature = "health-export")]
mod export;
mod formats;
#[cfg(feature = "grpc-health")]
mod grpc;
#[cfg(feature = "health-metrics")]
mod metrics;
mod outcomes;
mod probes;
#[cfg(feature = "axum")]
mod router;

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use axum_chassis::health::{Check, Health, HealthLayer, HealthTasks};
use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};

type Answer = Response<Full<Bytes>>;

/// Answers 418, so that one sees what was passed on.
async fn teapot(_: Request<()>) -> Result<Answer, Infallible> {
    let mut response = Response::new(Full::from("teapot"));
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    Ok(response)
}

/// The answer, which has to be there at the first poll: a probe waits for nothing.
fn at_once(layer: &HealthLayer, request: Request<()>) -> Answer {
    let answer = pin!(layer.layer(service_fn(teapot)).oneshot(request));
    match answer.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("the probe waits"),
    }
}

fn get(health: &Health, path: &str) -> Answer {
    at_once(
        &HealthLayer::new(health.clone()),
        Request::get(path).body(()).unwrap(),
    )
}

fn status(health: &Health, path: &str) -> u16 {
    get(health, path).status().as_u16()
}

fn text(answer: Answer) -> String {
    let body = pin!(answer.into_body().collect());
    match body.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(body) => String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap(),
        Poll::Pending => panic!("the body waits"),
    }
}

/// What a probe says as a document.
fn document(health: &Health, path: &str) -> Value {
    let request = Request::get(path).header(ACCEPT, "application/health+json");
    let layer = HealthLayer::new(health.clone());
    let answer = at_once(&layer, request.body(()).unwrap());
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/health+json");
    serde_json::from_str(&text(answer)).unwrap()
}

fn report(health: &Health) -> Value {
    document(health, "/readyz")
}

/// The only check of a service that has started, and what it says after a run.
struct Alone {
    health: Health,
    _checks: HealthTasks,
}

impl Alone {
    async fn run(check: Check) -> Self {
        let health = Health::builder()
            .check(check.interval(Check::MIN_INTERVAL))
            .build();
        health.mark_started();
        let alone = Self {
            _checks: health.spawn(),
            health,
        };
        eventually("run", || alone.told() != "not run yet").await;
        alone
    }

    /// What is wrong; nothing if it passes.
    fn told(&self) -> String {
        let report = report(&self.health);
        let mut checks = report["checks"].as_object().unwrap().iter();
        let (_, check) = checks.find(|(name, _)| *name != "runtime").unwrap();
        check[0]["output"].as_str().unwrap_or_default().to_owned()
    }

    /// `pass`, or `warn` if it fails: the service stays ready.
    fn status(&self) -> String {
        assert!(self.health.is_ready());
        report(&self.health)["status"].as_str().unwrap().to_owned()
    }
}

/// A check that passes or fails as the switch says.
fn switched(name: &str, switch: &Arc<AtomicBool>) -> Check {
    let switch = Arc::clone(switch);
    Check::new(name, move || {
        let good = switch.load(Relaxed);
        async move { if good { Ok(()) } else { Err("refused".into()) } }
    })
}

fn refused(name: &str) -> Check {
    switched(name, &Arc::default())
}

fn passes(name: &str) -> Check {
    switched(name, &Arc::new(AtomicBool::new(true)))
}

/// Waits for a condition, for ten seconds at most.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
