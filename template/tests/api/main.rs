//! Black-box tests: each starts the real binary on free ports, with a database of its own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod audit;
mod authorization;
mod bounds;
mod chain;
mod concurrency;
mod configuration;
mod database;
mod drain;
#[cfg(all(feature = "hardening", target_os = "linux"))]
mod hardening;
mod idempotency;
mod items;
mod lifecycle;
mod listener;
mod log_level;
mod openapi;
mod operations;
mod pagination;
mod problems;
mod reload;
mod runtime;
mod support;
mod systemd;
mod telemetry;
mod tls;
mod validation;
mod webhook;
