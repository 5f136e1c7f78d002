//! One module for each.

pub mod big;
pub mod cancelled;
pub mod clock;
pub mod collector;
pub mod database;
pub mod deployments;
pub mod descriptors;
pub mod dns;
pub mod garbage;
pub mod http2;
pub mod instance;
pub mod jwks;
pub mod kill;
pub mod log_disk;
pub mod panics;
pub mod replica;
pub mod rolling;
pub mod rollout;
pub mod rotation;
pub mod sigterm;
pub mod slow;
pub mod soak;
