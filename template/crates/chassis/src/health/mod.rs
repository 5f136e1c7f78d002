//! Answers the probes of an orchestrator, without waiting for anything.
//!
//! [`Health`] knows how the service is: it has been told whether the service has started
//! or is draining, and runs its [`Check`]s in the background. [`HealthLayer`] answers from
//! what is known, so a probe takes microseconds even while every dependency hangs.
//!
//! | probe | 200 | otherwise 503 |
//! |---|---|---|
//! | `/livez` | always: the process answers | never: restarting does not mend a dependency |
//! | `/startupz` | after [`Health::mark_started`] | |
//! | `/readyz` | started, not draining, and the last result of every critical check is fresh and good | |
//!
//! A check that fails, panics, or takes longer than its time-out has failed; so has one
//! whose last result is too old. A [degraded](Check::degraded) check never makes a
//! service unready. [`Health::mark_draining`] does so at once.
//!
//! The probes answer `GET` and `HEAD`, with `ok` or `unavailable`; other methods are 405.
//! With `?verbose` they answer with an `application/health+json` document
//! (draft-inadarei-api-health-check-06) that names each check with its last error. That
//! text may name hosts and users: **keep the probes on a private listener**.
//!
//! The inner service's response body must be `From<Bytes>`, as `axum::body::Body` and
//! `http_body_util::Full<Bytes>` are.
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
