//! Each subject, set up as its README advises for production.

pub mod all;
pub mod bare;
pub mod growth;
pub mod health;
pub mod jwt;
pub mod metrics;
pub mod page;
pub mod trace;
