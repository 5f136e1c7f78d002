//! Each subject, set up as its README advises for production.

pub mod bare;
pub mod growth;
pub mod metrics;
pub mod page;
pub mod trace;
