//! The service. Start reading at [`router`]: it shows what a request passes;
//! [`server`] shows the life of the process, [`cli`] its commands, [`config`] its settings.

pub mod cli;
pub mod config;
pub mod error;
pub mod exit;
mod healthcheck;
pub mod items;
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
pub mod tls;
mod token;
