//! Answers the probes of an orchestrator, without waiting for anything.
//!
//! [`Health`] knows how the service is: it has been told whether the service has started
//! or is draining, runs its [`Check`]s in the background, and watches over the runtime.
//! [`HealthLayer`] answers from what is known, so a probe is answered at once even while
//! every dependency hangs.
//!
//! | probe | 200 | otherwise 503 |
//! |---|---|---|
//! | `/livez` | the runtime takes up work | never for a dependency: a restart does not mend it |
//! | `/startupz` | after [`Health::mark_started`] | |
//! | `/readyz` | live, started, not draining, and the last result of every critical check is fresh and good | |
//!
//! A check that fails, panics, or takes longer than its time-out has failed; so has one
//! whose last result is too old. A [degraded](Check::degraded) check never makes a
//! service unready. [`Health::mark_draining`] does so at once.
//!
//! # What they answer
//!
//! | asked for | answer |
//! |---|---|
//! | nothing else | `ok` or `unavailable` |
//! | `?verbose` | a line for each check, as Kubernetes' API server has them: `[+]store ok`, `[-]store failed: no answer within 1s`, `[!]cache degraded: refused` |
//! | `Accept: application/health+json` or `application/json` | the document of draft-inadarei-api-health-check-06 |
//!
//! They answer `GET` and `HEAD`; other methods are 405. What a check says of its error may
//! name hosts and users: **keep the probes on a private listener**.
//!
//! ## One check, or all but one
//!
//! `/readyz/store` answers for the check `store` alone: 503 whenever it fails, critical or
//! not. `/readyz?exclude=store` leaves it out, and may name more (`&exclude=cache`); of a
//! name that is no check `?verbose` says so, and nothing else becomes of it. The watch
//! over the runtime is the check `runtime`, of `/livez` and `/readyz`.
//!
//! # A stalled runtime
//!
//! When every worker is blocked, by a lock or by a computation without end, a service
//! answers nothing, and nothing but a restart helps. So a thread of its own, outside of
//! the runtime on which [`Health::spawn`] was called, sends a task through it each
//! second; when none has come through for the [limit](HealthBuilder::stall_limit),
//! liveness fails. What the orchestrator sees depends on who answers it:
//!
//! | the probes are served by | while all workers are blocked |
//! |---|---|
//! | the same runtime | no answer: the probe's own time-out counts, from the first second |
//! | a runtime of their own | 503, when the limit is over |
//!
//! As long as one worker is free, tasks come through and the runtime lives. Tasks that
//! wait for each other for ever are not seen: to the runtime they are idle. Time in which
//! the process itself did not run (stopped, or out of its share of the processor) is none.
//!
//! # Bounds
//!
//! | bound | default | set by |
//! |---|---|---|
//! | pause after a run, give or take a tenth | 5 s, 10 ms at least | [`Check::interval`] |
//! | time of a run | 1 s | [`Check::timeout`] |
//! | age of a result | 3 × the longer of these two; no less than the longest pause and the time of a run | [`Check::staleness`] |
//! | failures in a row until a check that passed fails | 1 | [`Check::failure_threshold`] |
//! | successes in a row until a check that failed passes | 1 | [`Check::success_threshold`] |
//! | time without a task that comes through | 10 s | [`HealthBuilder::stall_limit`] |
//! | text of an error | 1 KiB | |
//! | file of certificates | 1 MiB | |
//!
//! # Metrics
//!
//! With the feature `health-metrics`, `Health::observe` makes these gauges:
//!
//! | instrument | unit | labels | |
//! |---|---|---|---|
//! | `axum_chassis.health.status` | | `probe` | 1 while `livez`, `readyz` or `startupz` passes, else 0 |
//! | `axum_chassis.health.check.status` | | `check` | 1 while it passes, else 0 |
//! | `axum_chassis.health.check.duration` | s | `check` | of the last run |
//! | `axum_chassis.health.check.last_success.timestamp` | s | `check` | since 1970 |
//! | `axum_chassis.health.runtime.lag` | s | | the longest wait of a task for the runtime, of the last 60 beats: a minute |
//!
//! A verdict that changes is logged once: a failure as a warning with its error, a
//! recovery as information, a stall as an error. [`Health::changes`] waits for them.
//!
//! # Elsewhere
//!
//! [`checks`] has ready-made ones, for disks, certificates and exporters. With the
//! feature `grpc-health` the same state answers grpc.health.v1.
//!
//! The inner service's response body must be `From<Bytes>`, as `axum::body::Body`,
//! `http_body_util::Full<Bytes>` and those of the layers for traces and metrics around them
//! are: outside of these layers, probes are neither traced nor counted. tonic's is not:
//! around its services, put the layer around `Routes::into_axum_router`.
//!
//! Of the inner service a probe needs no more than that it is ready, as tower asks of every
//! layer. What makes callers wait until there is room, such as `ConcurrencyLimit` or
//! `Buffer`, makes probes wait, too: put a `LoadShed` around it, or the layer around a
//! service that is always ready, as axum's routers are.
//!
//! # Example
//!
//! ```
//! use axum_chassis::health::{Check, Health, HealthLayer};
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # async fn ping() -> std::io::Result<()> { Ok(()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let health = Health::builder().check(Check::new("store", || async { Ok(ping().await?) })).build();
//! let _checks = health.spawn(); // they stop when this is dropped
//!
//! let service = ServiceBuilder::new()
//!     .layer(HealthLayer::new(health.clone()))
//!     .service(service_fn(async |_: Request<()>| {
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//!     }));
//!
//! let response = service.clone().oneshot(Request::get("/livez").body(())?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let response = service.oneshot(Request::get("/readyz").body(())?).await?;
//! assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "it has not started yet");
//! # Ok(())
//! # }
//! ```

mod answer;
mod changes;
mod check;
pub mod checks;
#[cfg(feature = "health-export")]
mod export;
mod future;
#[cfg(feature = "grpc-health")]
mod grpc;
mod layer;
mod outcomes;
mod paths;
mod pulse;
mod record;
mod registry;
mod report;
mod service;
mod tasks;
#[cfg(feature = "health-metrics")]
mod telemetry;

pub use changes::HealthChanges;
pub use check::{BoxError, Check};
#[cfg(feature = "health-export")]
pub use export::WatchedExporter;
pub use future::ResponseFuture;
#[cfg(feature = "grpc-health")]
pub use grpc::GrpcHealth;
pub use layer::HealthLayer;
pub use outcomes::Outcomes;
pub use registry::{Health, HealthBuilder};
pub use service::HealthProbes;
pub use tasks::HealthTasks;
