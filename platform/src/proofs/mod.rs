//! The proofs, one module each.

pub mod alerts;
pub mod balance;
pub mod bound;
pub mod development;
pub mod equivalence;
pub mod flood;
pub mod host;
pub mod http;
pub mod jaeger;
pub mod load;
pub mod muted;
pub mod outage;
pub mod panels;
pub mod privacy;
pub mod security;
pub mod service;
pub mod shard;
pub mod tail;
