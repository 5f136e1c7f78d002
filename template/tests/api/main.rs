//! Black-box tests: each starts the real binary on free ports, with a database of its own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod authorization;
mod chain;
mod concurrency;
mod configuration;
mod database;
mod items;
mod lifecycle;
mod log_level;
mod openapi;
mod operations;
mod pagination;
mod problems;
mod reload;
mod runtime;
mod support;
mod telemetry;
mod validation;
