//! The service. Start reading at [`router`]: it shows what a request passes;
//! [`server`] shows the life of the process, [`cli`] its commands, [`config`] its settings.

pub mod audit;
pub mod cli;
pub mod client;
mod clients;
pub mod config;
pub mod error;
pub mod exit;
pub mod hardening;
mod headers;
mod healthcheck;
pub mod idempotency;
pub mod items;
mod limits;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod router;
pub mod routes;
pub mod server;
mod signal;
pub mod state;
pub mod store;
pub mod telemetry;
mod token;
pub mod trust;
pub mod webhook;
